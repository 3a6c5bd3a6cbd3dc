"""What a terminal may show of a record that may be about a person: forms and sizes, no contents.

Room rule: as `gateway.cli`; pure functions. A list of what may be shown, never one of what may not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from gateway.kafka.record import RecordHeaders

__all__ = ["masked_header", "masked_headers", "masked_key", "masked_value"]

DEEPEST: Final = 12
MOST_ITEMS: Final = 3
MOST_MEMBERS: Final = 100
"""Levels, items of an array and members of an object that a preview shows."""

_OPEN: Final = frozenset(
    {
        *("ce_id", "ce_specversion", "ce_type", "ce_source", "ce_time", "ce_httpmethod"),
        *("ce_httpstatus", "ce_correlationid", "ce_replyto", "ce_expirytime", "ce_replayed"),
        *("content-type", "content-encoding", "traceparent"),
        *("kafka_correlationid", "kafka_replytopic", "kafka_replypartition"),
        *("zilla:correlation-id", "zilla:reply-to"),
    }
)
"""Headers that are the gateway's and the frameworks' own, in lower case."""

_NAME: Final = re.compile(r"(?!.*[0-9]{4})[^\W\d][\w.-]{0,63}")
"""What looks like the name of a field: begins with a letter, and no number stands in it."""


def masked_key(key: bytes | None) -> str | None:
    """Return the size of a record's key: it may be a citizen's number."""
    return None if key is None else _size(key)


def masked_headers(headers: RecordHeaders) -> dict[str, str]:
    """Return the headers, the values of unknown ones by their size; of a name the last value."""
    return {name: masked_header(name, value) for name, value in headers}


def masked_header(name: str, value: bytes) -> str:
    """Return the value of a header that is known to tell nothing about a person, else its size."""
    if name.lower() not in _OPEN:
        return _size(value)
    text = value.decode("utf-8", "replace")
    return text if text.isprintable() else value.hex()


def masked_value(value: bytes | None) -> Any:
    """Return the form of a value: of JSON its structure, with type and size of what stands in it.

    Names of fields are shown, unless they look like data; of other values the size is returned.
    """
    if value is None:
        return None
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError:
        return f"{_size(value)}, not JSON"
    return _masked(document, DEEPEST)


def _masked(value: Any, levels: int) -> Any:
    if isinstance(value, dict):
        return _masked_object(value, levels) if levels else f"<object of {len(value)}>"
    if isinstance(value, list):
        return _masked_array(value, levels) if levels else f"<array of {len(value)}>"
    if isinstance(value, str):
        return f"<string of {len(value)}>"
    if isinstance(value, bool):
        return "<boolean>"
    if value is None:
        return None
    return f"<number of {len(str(value))}>"


def _masked_object(value: dict[str, Any], levels: int) -> dict[str, Any]:
    shown = {}
    for number, (name, inner) in enumerate(value.items()):
        if number == MOST_MEMBERS:
            shown["…"] = f"{len(value) - MOST_MEMBERS} more"
            break
        known = name if _NAME.fullmatch(name) else f"<name {number + 1}, of {len(name)}>"
        shown[known] = _masked(inner, levels - 1)
    return shown


def _masked_array(value: list[Any], levels: int) -> list[Any]:
    shown = [_masked(inner, levels - 1) for inner in value[:MOST_ITEMS]]
    more = len(value) - MOST_ITEMS
    return [*shown, f"… {more} more"] if more > 0 else shown


def _size(value: bytes) -> str:
    return f"<{len(value)} bytes>"
