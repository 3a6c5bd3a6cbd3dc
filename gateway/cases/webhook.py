"""The form of a callback: what a channel is told of a case, signed so that it can be believed.

Room rule: as `gateway.cases`; pure functions. Source: the Standard Webhooks specification
(headers `webhook-id`, `webhook-timestamp`, `webhook-signature`, scheme `v1`). The body is thin on
purpose: it says that a case has changed, and the channel asks for the rest with its own key, so
that no answer for a citizen ever travels to an address that may be wrong.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from gateway.cases.case import Case
    from gateway.cases.store import Callback

__all__ = ["webhook_body", "webhook_headers"]

_PREFIX: Final = "whsec_"


def webhook_body(callback: Callback, case: Case) -> bytes:
    """Return the JSON of one change of state; `state` is the callback's, not the case's of now."""
    return orjson.dumps(
        {
            "type": f"case.{callback.state}",
            "timestamp": _time(callback.at),
            "data": {
                "id": case.id,
                "service": case.service,
                "department": case.department,
                "state": callback.state,
                "status_url": f"/cases/{case.id}",
            },
        }
    )


def webhook_headers(callback_id: str, body: bytes, secret: str, at: datetime) -> dict[str, str]:
    """Return the headers of one attempt at the time `at`; the ID is the same in all attempts.

    A secret that begins with `whsec_` is base64 behind it, as the specification has it; any other
    is taken byte by byte.
    """
    seconds = str(int(at.timestamp()))
    signed = b".".join((callback_id.encode(), seconds.encode(), body))
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "webhook-id": callback_id,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _key(secret: str) -> bytes:
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            pass
    return secret.encode()


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
