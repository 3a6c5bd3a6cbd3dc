"""The header `Idempotency-Key` and what makes two requests the same.

Room rule: as `gateway.handling`; pure functions. Source: draft-ietf-httpapi-idempotency-key-header.
The draft's value is a structured-field string, so it comes in quotes; many clients send it bare,
and both forms name the same key.
"""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from gateway.errors import IDEMPOTENCY_KEY_REFUSED, Fault

if TYPE_CHECKING:
    from gateway.message import RawHeaders, ServiceRequest

__all__ = ["KEPT", "fingerprint", "idempotency_key"]

KEPT: Final = timedelta(hours=24)
"""How long a key names its first request; after that it is new again."""

_BARE: Final = re.compile(rb"[\x21\x23-\x5b\x5d-\x7e]{1,255}")
_QUOTED: Final = re.compile(rb'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\]){1,255})"')


def idempotency_key(headers: RawHeaders) -> str | None:
    """Return the key, None without one; raises `Fault` (`idempotency_key_refused`)."""
    values = [
        value for name, value in headers if len(name) == 15 and name.lower() == b"idempotency-key"
    ]
    if not values:
        return None
    if len(values) > 1:
        raise Fault(IDEMPOTENCY_KEY_REFUSED)
    value = values[0].strip(b" \t")
    quoted = _QUOTED.fullmatch(value)
    if quoted is not None:
        return re.sub(rb"\\(.)", rb"\1", quoted[1]).decode("ascii")
    if _BARE.fullmatch(value) is None:
        raise Fault(IDEMPOTENCY_KEY_REFUSED)
    return value.decode("ascii")


def fingerprint(request: ServiceRequest, body: bytes) -> bytes:
    """Return a digest of all that makes the request: method, path, query, media type and body."""
    media_type = b",".join(
        value for name, value in request.headers if name.lower() == b"content-type"
    )
    digest = hashlib.sha256()
    for part in (
        request.method.encode(),
        request.path.encode("utf-8", "surrogateescape"),
        request.query.encode("utf-8", "surrogateescape"),
        media_type,
        body,
    ):
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.digest()
