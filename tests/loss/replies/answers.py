"""The records that the department writes, good and bad: pure functions of what was asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.loss.replies.manners import Manner

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Asked", "Headers", "Written", "copies_of", "malformed", "nameless", "schema_text"]

Headers = list[tuple[str, bytes]]

COPIES: Final = 3
OK: Final = ("ce_httpstatus", b"200")
JSON: Final = ("content-type", b"application/json")


class Asked(NamedTuple):
    """A request record as the department reads it; `replayed` is its `ce_replayed`."""

    number: int
    event_id: str
    manner: Manner
    replayed: bool = False


class Written(NamedTuple):
    """A record of the department."""

    value: bytes
    headers: Headers


def copies_of(asked: Asked) -> Sequence[Written]:
    """The answer, more than once if its manner says so; each copy says which it is."""
    copies = COPIES if asked.manner is Manner.DUPLICATE else 1
    headers = [_names(asked.event_id), OK, JSON]
    return [Written(_body(asked, copy), headers) for copy in range(copies)]


def malformed(asked: Asked) -> Written:
    """An answer that names its request and cannot be read, or breaks the service's schema."""
    name = _names(asked.event_id)
    broken: Sequence[Headers] = (
        [name, ("ce_httpstatus", b"two hundred"), JSON],
        [name, ("ce_httpstatus", b"100"), JSON],
        [name, OK, ("ce_httpstatus", b"404"), JSON],
        [name, OK, JSON, ("content-type", b"text/plain")],
        [name, OK, ("content-type", b"application/json\r\nset-cookie: a=b")],
    )
    variant = asked.number % (len(broken) + 2)
    if variant < len(broken):
        return Written(_body(asked, 0), broken[variant])
    value = b'{"event_id": ' if variant == len(broken) else b'{"event_id": 7}'
    return Written(value, [name, OK, JSON])


def nameless(asked: Asked) -> Written:
    """An answer to a request that cannot be known, or that nobody ever made."""
    name, good = "ce_correlationid", asked.event_id.encode()
    forged = good[:-1] + (b"0" if good[-1:] != b"0" else b"1")
    names: Sequence[Headers] = (
        [],
        [(name, b"")],
        [(name, forged)],
        [(name, good), (name, forged)],
        [(name, good[:-1] + b"\x00")],
        [(name, str(asked.number).encode())],
    )
    return Written(_body(asked, 0), [*names[asked.number % len(names)], OK, JSON])


def schema_text() -> str:
    """The service's schema of answers."""
    return json.dumps(
        {
            "type": "object",
            "required": ["event_id", "number", "copy"],
            "properties": {"event_id": {"type": "string"}, "number": {"type": "integer"}},
        }
    )


def _names(event_id: str) -> tuple[str, bytes]:
    return "ce_correlationid", event_id.encode()


def _body(asked: Asked, copy: int) -> bytes:
    return json.dumps({"event_id": asked.event_id, "number": asked.number, "copy": copy}).encode()
