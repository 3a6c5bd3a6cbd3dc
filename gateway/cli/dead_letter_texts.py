"""Dead letters as `gateway dead-letters` shows them: values for programs, lines for people.

Room rule: as `gateway.cli`; pure functions.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from gateway.cli.masked import masked_header, masked_headers, masked_key, masked_value

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from gateway.kafka.dead_letter_form import KeptLetter

__all__ = ["letter_text", "list_text", "listed", "redriven_text", "shown"]

_COLUMNS: Final = ("place", "time", "reason", "original_topic", "event_id", "key", "sent_again")


class FoundLetters(Protocol):
    """What was found in one topic; `total` counts those that are not among `letters` as well."""

    letters: list[KeptLetter]
    total: int
    sent_again: set[tuple[int, int]]
    complete: bool


def listed(topic: str, found: FoundLetters) -> dict[str, Any]:
    """Return the letters of one topic without anything that stands in them."""
    return {
        "topic": topic,
        "total": found.total,
        "complete": found.complete,
        "letters": [_row(letter, found.sent_again) for letter in found.letters],
    }


def _row(letter: KeptLetter, sent_again: AbstractSet[tuple[int, int]]) -> dict[str, Any]:
    place = letter.place
    return {
        "place": f"{place.partition}:{place.offset}",
        "time": _time(place.timestamp),
        "reason": letter.reason,
        "service": letter.service,
        "original_topic": letter.topic,
        "event_id": letter.event_id,
        "key": masked_key(place.key),
        "sent_again": (place.partition, place.offset) in sent_again,
    }


def list_text(document: dict[str, Any]) -> str:
    """Return one topic's list as a table."""
    letters = document["letters"]
    if not letters:
        return f"{document['topic']}: no dead letters\n"
    rows = [[name.replace("_", " ") for name in _COLUMNS]]
    rows += [[_cell(letter[name]) for name in _COLUMNS] for letter in letters]
    more = document["total"] - len(letters)
    summary = f"{document['total']} in all" + (f", {more} not shown (--limit)" if more else "")
    return f"{document['topic']}: {summary}\n{_table(rows)}"


def shown(letter: KeptLetter, *, unmasked: bool) -> dict[str, Any]:
    """Return one letter; key, unknown headers and value by their form only, unless `unmasked`."""
    place = letter.place
    return {
        "place": f"{place.partition}:{place.offset}",
        "time": _time(place.timestamp),
        "reason": letter.reason,
        "message": _message(letter, unmasked=unmasked),
        "service": letter.service,
        "event_id": letter.event_id,
        "original": {
            "topic": letter.topic,
            "partition": letter.partition,
            "offset": letter.offset,
            "time": _time(letter.timestamp),
        },
        "redrive": letter.obstacle or "possible",
        "key": _plain(place.key) if unmasked else masked_key(place.key),
        "headers": _headers(letter) if unmasked else masked_headers(letter.headers),
        "value": _plain(place.value) if unmasked else masked_value(place.value),
    }


def letter_text(document: dict[str, Any]) -> str:
    """Return one letter as lines."""
    plain = {name: value for name, value in document.items() if not isinstance(value, dict | list)}
    value = document["value"]
    plain.pop("value", None)
    lines = [f"{name + ':':<10} {_cell(text)}" for name, text in plain.items()]
    lines.append("original:")
    lines += [f"  {name}: {_cell(text)}" for name, text in document["original"].items()]
    lines.append("headers:")
    lines += [f"  {name}: {text}" for name, text in document["headers"].items()]
    body = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    return "\n".join([*lines, "value:", body]) + "\n"


def redriven_text(topic: str, results: Sequence[dict[str, Any]]) -> str:
    """Return what became of each letter, and a summary."""
    lines = [_redriven_line(result) for result in results]
    sent = sum(result["sent"] for result in results)
    return "\n".join([*lines, f"{topic}: {sent} of {len(results)} letters sent again"]) + "\n"


def _redriven_line(result: dict[str, Any]) -> str:
    why = f"; {result['why']}" if "why" in result else ""
    if not result["sent"]:
        return f"{result['place']} not sent{why}"
    at = f"{result['partition']}:{_cell(result['offset'])}"
    return f"{result['place']} sent to {result['topic']} {at}, event {result['event_id']}{why}"


def _table(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)


def _headers(letter: KeptLetter) -> dict[str, str | None]:
    return {name: _plain(value) for name, value in letter.headers}


def _plain(value: bytes | None) -> str | None:
    """Return text as it is and other bytes in hexadecimal digits."""
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def _message(letter: KeptLetter, *, unmasked: bool) -> str | None:
    """Return the reason in words; another writer's may quote the record."""
    if unmasked or letter.message is None or letter.service is not None:
        return letter.message
    return masked_header("message", letter.message.encode())


def _time(milliseconds: int | None) -> str | None:
    if milliseconds is None or milliseconds < 0:
        return None
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None  # some other unit than milliseconds
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
