"""A case as bytes and back: for the store's row and for the spool, which restores it after a crash.

Room rule: as `gateway.cases`. A JSON array in the order of `Case` behind the number of the form;
the answer's body stands apart, because it is bytes and may be large.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import orjson

from gateway.cases.case import Answer, Case, State, Step, Verdict
from gateway.routing.model import KafkaMode

__all__ = ["from_bytes", "to_bytes"]

FORM: Final = 2
"""Raised when the order or the meaning of a field changes; older forms stay readable: in form 1 an
answer had no header lines beside its content type."""

_STATES: Final = {state.value: state for state in State}
_MODES: Final = {mode.value: mode for mode in KafkaMode}
_time = datetime.fromisoformat


def to_bytes(case: Case) -> bytes:
    """Return all of a case but its answer's body."""
    if case.answer is not None:
        status, content_type, _, fields = case.answer
        answer = (status, content_type, fields.decode("latin-1"))
        parts: tuple[object, ...] = (FORM, *case[:-1], answer)
    else:
        parts = (FORM, *case)
    return orjson.dumps(parts, default=tuple, option=orjson.OPT_UTC_Z)


def from_bytes(data: bytes, body: bytes | None = None) -> Case:
    """Return the case; `body` is that of its answer.

    Raises `ValueError`, which does not quote the data, when they are no case of a known form.
    """
    try:
        form, *fields = orjson.loads(data)
        if form in (1, FORM):
            return _read(fields, body or b"")
    except (ValueError, TypeError, LookupError):
        raise ValueError("not a case") from None  # the cause would quote what is in it
    raise ValueError("a case in a form that this version does not know")


def _read(fields: list[Any], body: bytes) -> Case:
    (
        case_id, service, department, channel, topic, mode, state, accepted_at, updated_at,
        durability, partition, offset, expires_at, possible_duplicate, version, unlisted, history,
        answer,
    ) = fields  # fmt: skip
    return Case(
        case_id,
        service,
        department,
        channel,
        topic,
        _MODES[mode],
        _STATES[state],
        _time(accepted_at),
        _time(updated_at),
        durability,
        partition,
        offset,
        None if expires_at is None else _time(expires_at),
        possible_duplicate,
        version,
        unlisted,
        tuple([_step(step) for step in history]),
        None if answer is None else _answer(answer, body),
    )


def _answer(fields: list[Any], body: bytes) -> Answer:
    status, content_type, *lines = fields
    return Answer(status, content_type, body, "".join(lines).encode("latin-1"))


def _step(fields: list[Any]) -> Step:
    state, at, durability, version, note, rejected = fields
    return Step(
        None if state is None else _STATES[state],
        _time(at),
        durability,
        version,
        note,
        None if rejected is None else Verdict(rejected),
    )
