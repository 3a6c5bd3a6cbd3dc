"""The request target: which service, and what is left of the path (design §4, RFC 9112 §3.2).

Room rule: as `gateway.entry`; pure. Paths are refused, never repaired: a path that two systems
could read differently must not get past the door.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from gateway import errors
from gateway.errors import Fault

__all__ = ["SERVICE_ID", "SERVICE_PREFIX", "Target", "authority", "read_target", "split_target"]

SERVICE_PREFIX: Final = "/s/"
SERVICE_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")

# The ordinary case in one step: no segment is empty or begins with a dot, nothing is encoded.
_PLAIN: Final = re.compile(
    r"/s/([A-Za-z0-9_-][A-Za-z0-9._-]{0,63})"
    r"((?:/[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*)*/?)(?:\?([^#]*))?"
)

_ABSOLUTE: Final = re.compile(r"https?://([^/?#@]+)(?=[/?#]|$)", re.IGNORECASE)

# Dot segments, also with path parameters as some servers strip them; empty segments, which some
# servers merge; characters with two readings; encodings of slash, backslash, dot, controls; an
# encoded percent sign before two digits, encoded or not; and percent signs that encode nothing.
_REFUSED: Final = re.compile(
    r"/\.{1,2}(?=[/;]|$)"
    r"|//"
    r"|[\\#\x00-\x20\x7f-\U0010ffff]"
    r"|%(?:2[eEfF]|5[cC]|[01][0-9A-Fa-f]|7[fF]|25(?:[0-9A-Fa-f]|%3[0-9]|%[46][1-6]){2}|(?![0-9A-Fa-f]{2}))"
)


class Target(NamedTuple):
    """`path` is what follows the service ID, or the whole path when the header names it."""

    service_id: str
    path: str
    query: str


def read_target(target: str, named: bytes | None) -> Target:
    """Find the service that the target or the header `X-Service-Id` (`named`) asks for.

    Raises `Fault`: a path that is refused, no service named, or two different ones.
    """
    plain = _PLAIN.fullmatch(target)
    if plain is not None:
        service_id, rest, query = plain.groups("")
    else:
        path, query = split_target(target)
        if not path.startswith(SERVICE_PREFIX):
            if named is None:
                raise Fault(errors.SERVICE_MISSING)
            return Target(named.decode("latin-1"), path, query)
        service_id, slash, rest = path[len(SERVICE_PREFIX) :].partition("/")
        rest = slash + rest
    if named is not None and named != service_id.encode("latin-1"):
        raise Fault(errors.SERVICE_AMBIGUOUS)
    if not service_id:
        raise Fault(errors.SERVICE_MISSING)
    return Target(service_id, rest, query)


def authority(target: str) -> str | None:
    """Return the host that a target in absolute form names; None for every other form."""
    match = _ABSOLUTE.match(target)
    return None if match is None else match[1]


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
