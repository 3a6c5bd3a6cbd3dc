"""The request target: which service, and what is left of the path (design §4, RFC 9112 §3.2).

Room rule: as `gateway.entry`; pure. Paths are refused, never repaired: a path that two systems
could read differently must not get past the door.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from gateway import errors
from gateway.errors import Fault

__all__ = ["SERVICE_ID", "SERVICE_PREFIX", "Target", "read_target", "split_target"]

SERVICE_PREFIX: Final = "/s/"
SERVICE_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")

_ABSOLUTE: Final = re.compile(r"https?://[^/?#]*", re.IGNORECASE)

# Dot segments, also with path parameters as some servers strip them; characters with two readings;
# encodings of slash, backslash, dot, controls; an encoded percent sign before two digits; and
# percent signs that encode nothing.
_REFUSED: Final = re.compile(
    r"/\.{1,2}(?=[/;]|$)"
    r"|[\\#\x00-\x20\x7f-\U0010ffff]"
    r"|%(?:2[eEfF]|5[cC]|[01][0-9A-Fa-f]|7[fF]|25[0-9A-Fa-f]{2}|(?![0-9A-Fa-f]{2}))"
)


class Target(NamedTuple):
    """`path` is what follows the service ID, or the whole path when the header names it."""

    service_id: str
    path: str
    query: str


def split_target(target: str) -> tuple[str, str]:
    """Return path and query of a target in origin or absolute form; raises `Fault`."""
    if not target.startswith("/"):
        match = _ABSOLUTE.match(target)
        if match is None:
            raise Fault(errors.SERVICE_MISSING if target == "*" else errors.PATH_REFUSED)
        target = target[match.end() :]
        if not target.startswith("/"):
            target = "/" + target
    path, _, query = target.partition("?")
    if _REFUSED.search(path) is not None or "#" in query:
        raise Fault(errors.PATH_REFUSED)
    return path, query


def read_target(path: str, query: str, named: bytes | None) -> Target:
    """Find the service that `path` or the header `X-Service-Id` (`named`) asks for.

    Raises `Fault`: no service named, or two different ones.
    """
    if path.startswith(SERVICE_PREFIX):
        service_id, slash, rest = path[len(SERVICE_PREFIX) :].partition("/")
        if named is not None and named != service_id.encode():
            raise Fault(errors.SERVICE_AMBIGUOUS)
        if not service_id:
            raise Fault(errors.SERVICE_MISSING)
        return Target(service_id, slash + rest, query)
    if named is None:
        raise Fault(errors.SERVICE_MISSING)
    return Target(named.decode("latin-1"), path, query)
