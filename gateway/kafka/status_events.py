"""Status events: what a department writes to its status topic about the progress of a case.

Room rule: pure functions on values; the states are the department's own words, which the service's
`state_map` translates. The form asks for nothing but the case id and the state:

| what | record header | or, in a JSON object as the value | form |
|---|---|---|---|
| case id | `ce_correlationid`, or the correlation header of the service's profile | | the `ce_id` of the request, unchanged |
| state | `ce_state` | `state` | text of 1 to 64 characters, or a whole number (its digits) |
| data version (数据版本号, SJBBH) | `ce_dataversion` | `version` | a whole number that grows with every event of the case |
| time | `ce_time` | `at` | RFC 3339, with a zone |
| note for the applicant | | `note` | text; only the first 500 characters are kept |

A header wins over the value; a value that is no JSON object is fine when the header names the
state. Without a version every event counts as newer than the one before. On a topic that carries
replies as well, a status event is a record with the header `ce_state`.
"""  # noqa: E501  # a table row is one line

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

if TYPE_CHECKING:
    from gateway.kafka.record import IncomingRecord

__all__ = ["MalformedStatusError", "StatusEvent", "is_status", "status_event"]

MAX_VERSION: Final = 2**63 - 1

_STATE: Final = re.compile(r"[^\x00-\x1f\x7f]{1,64}")
_NUMBER: Final = re.compile(r"[0-9]{1,19}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class StatusEvent(NamedTuple):
    """One step of a case, in the department's words. `at` is in UTC."""

    event_id: str
    topic: str
    state: str
    version: int | None
    at: datetime | None
    note: str | None
    record: IncomingRecord


class MalformedStatusError(ValueError):
    """The record is no status event; the text says why and shows nothing of it."""


def is_status(record: IncomingRecord) -> bool:
    """Tell a status event from a reply, for topics that carry both."""
    return any(name.lower() == "ce_state" for name, _ in record.headers)


def status_event(record: IncomingRecord, event_id: str) -> StatusEvent:
    """Return what `record` says about the case `event_id`.

    Raises `MalformedStatusError` when it names no state, or something in it has another form.
    """
    value = _value(record)
    version = _first(record, "ce_dataversion", value.get("version"))
    at = _first(record, "ce_time", value.get("at"))
    return StatusEvent(
        event_id,
        record.topic,
        _state(_first(record, "ce_state", value.get("state"))),
        None if version is None else _version(version),
        None if at is None else _time(at),
        _note(value.get("note")),
        record,
    )


def _value(record: IncomingRecord) -> dict[str, Any]:
    try:
        value = orjson.loads(record.value or b"null")
    except orjson.JSONDecodeError:
        value = None
    return value if isinstance(value, dict) else {}


def _first(record: IncomingRecord, name: str, otherwise: object) -> object:
    """Return the header `name` as text, or else what the value has."""
    values = [value for header, value in record.headers if header.lower() == name]
    if len(values) > 1:
        raise MalformedStatusError(f"the header {name} is there {len(values)} times")
    if not values:
        return otherwise
    try:
        return values[0].decode()
    except UnicodeDecodeError:
        raise MalformedStatusError(f"the header {name} is not UTF-8") from None


def _state(said: object) -> str:
    if said is None:
        raise MalformedStatusError("it names no state (header ce_state, or state in the value)")
    text = _text_of_number(said)
    if not isinstance(text, str) or not _STATE.fullmatch(text):
        raise MalformedStatusError("the state is neither 1 to 64 characters nor a whole number")
    return text


def _version(said: object) -> int:
    text = _text_of_number(said)
    if not isinstance(text, str) or not _NUMBER.fullmatch(text) or int(text) > MAX_VERSION:
        raise MalformedStatusError("the data version is no whole number from 0 to 2^63-1")
    return int(text)


def _text_of_number(said: object) -> object:
    return str(said) if isinstance(said, int) and not isinstance(said, bool) else said


def _time(said: object) -> datetime:
    try:
        at = datetime.fromisoformat(said) if isinstance(said, str) else None
        if at is not None and at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise MalformedStatusError("the time is not in the form of RFC 3339 with a zone")


def _note(said: object) -> str | None:
    """Return the note without control characters; one that is no text is left out."""
    if not isinstance(said, str):
        return None
    return _CONTROL.sub(" ", said) or None
