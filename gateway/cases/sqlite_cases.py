"""What SQLite does with cases: keep, find, move, count, expire, sweep.

Room rule: as `gateway.cases.sqlite_batches`; all of it runs on the writer thread, inside its
transaction.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from gateway.cases import transitions
from gateway.cases.case import State, Verdict
from gateway.cases.sqlite_callbacks import enqueue
from gateway.cases.sqlite_times import to_number
from gateway.cases.store import StoreError
from gateway.cases.transitions import CaseEvent
from gateway.cases.wire_form import from_bytes, to_bytes

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from datetime import datetime

    from gateway.cases.case import Case
    from gateway.cases.sqlite_batches import Changed
    from gateway.cases.store import CallbackFor

__all__ = [
    "INSERT",
    "Bounds",
    "Moves",
    "Row",
    "count_all",
    "find_all",
    "insert_all",
    "row_of",
    "sweep_all",
]

log = logging.getLogger(__name__)

Row = tuple[str, str, str, int, int | None, bytes, bytes | None]

INSERT: Final = (
    "INSERT INTO cases (id, service, state, updated_at, expires_at, data, answer) "
    "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
)
_FIND: Final = "SELECT data, answer FROM cases WHERE id = ?"
_MOVE: Final = "UPDATE cases SET state = ?, updated_at = ?, expires_at = ?, data = ? WHERE id = ?"
_ANSWER: Final = "UPDATE cases SET answer = ? WHERE id = ?"
_COUNT: Final = "SELECT service, state, cases FROM case_counts WHERE cases > 0"
_DUE: Final = (
    "SELECT id, data, answer FROM cases WHERE expires_at IS NOT NULL AND expires_at <= ? "
    "ORDER BY expires_at LIMIT ?"
)
_STOP_CLOCK: Final = "UPDATE cases SET expires_at = NULL WHERE id = ?"
_SWEEP: Final = (
    "DELETE FROM cases WHERE rowid IN "
    "(SELECT rowid FROM cases WHERE updated_at < ? ORDER BY updated_at LIMIT ?) RETURNING id"
)
_SWEEP_CALLBACKS: Final = "DELETE FROM callbacks WHERE case_id = ?"


class Bounds(NamedTuple):
    """What a sweep takes: up to `limit` cases not updated since `before`."""

    before: int
    limit: int


def row_of(case: Case) -> Row:
    """Return the columns of a case."""
    answer = case.answer
    return (
        case.id,
        case.service,
        case.state.value,
        to_number(case.updated_at),
        to_number(case.expires_at) if case.expires_at is not None else None,
        to_bytes(case),
        answer.body if answer is not None else None,
    )


def insert_all(db: sqlite3.Connection, rows: Sequence[Row], _: Changed) -> Sequence[None]:
    """Keep new cases; those that are there stay as they are."""
    db.executemany(INSERT, rows)
    return [None] * len(rows)


def find_all(
    db: sqlite3.Connection, ids: Sequence[str], _: Changed
) -> Sequence[Case | StoreError | None]:
    """Read cases."""
    return [_find(db, case_id) for case_id in ids]


def count_all(
    db: sqlite3.Connection, items: Sequence[None], _: Changed
) -> Sequence[dict[tuple[str, State], int]]:
    """Count cases by service and state: the triggers have."""
    counts = {(service, State(state)): cases for service, state, cases in db.execute(_COUNT)}
    return [counts] * len(items)


def sweep_all(db: sqlite3.Connection, items: Sequence[Bounds], changed: Changed) -> Sequence[int]:
    """Remove old cases with their callbacks, and expired keys."""
    return [_sweep(db, bounds, changed) for bounds in items]


class Moves:
    """Moves cases, and keeps with each move the callback that `callback_for` makes of it."""

    def __init__(self, callback_for: CallbackFor) -> None:
        self._callback_for = callback_for

    def apply_all(
        self, db: sqlite3.Connection, items: Sequence[tuple[str, CaseEvent]], changed: Changed
    ) -> Sequence[tuple[Case, Verdict] | StoreError | None]:
        """Move cases, each by one event."""
        return [self._apply(db, case_id, event, changed) for case_id, event in items]

    def expire_all(
        self, db: sqlite3.Connection, items: Sequence[tuple[datetime, int]], changed: Changed
    ) -> Sequence[list[Case]]:
        """Move cases whose time is up by an instant, at most so many."""
        return [self._expire(db, now, limit, changed) for now, limit in items]

    def _apply(
        self, db: sqlite3.Connection, case_id: str, event: CaseEvent, changed: Changed
    ) -> tuple[Case, Verdict] | StoreError | None:
        case = _find(db, case_id)
        if case is None or isinstance(case, StoreError):
            return case
        moved, verdict = transitions.apply(case, event)
        if moved is not case:
            self._write(db, case, moved, verdict)
            changed.append(case_id)
        return moved, verdict

    def _expire(
        self, db: sqlite3.Connection, now: datetime, limit: int, changed: Changed
    ) -> list[Case]:
        expired = []
        event = CaseEvent(State.EXPIRED, now)
        for case_id, data, body in db.execute(_DUE, (to_number(now), limit)).fetchall():
            # Whatever becomes of it, it must not be found again and keep others from expiring.
            db.execute(_STOP_CLOCK, (case_id,))
            try:
                case = from_bytes(data, body)
            except ValueError as error:
                log.error("case %s cannot be read: %s", case_id, error)  # says it all
                continue
            moved, verdict = transitions.apply(case, event)
            if verdict is Verdict.TAKEN:
                self._write(db, case, moved, verdict)
                expired.append(moved)
                changed.append(case_id)
        return expired

    def _write(self, db: sqlite3.Connection, before: Case, case: Case, verdict: Verdict) -> None:
        case_id, _, state, updated_at, expires_at, data, body = row_of(case)
        db.execute(_MOVE, (state, updated_at, expires_at, data, case_id))
        if case.answer is not before.answer:
            db.execute(_ANSWER, (body, case_id))
        callback = self._callback_for(case) if verdict is Verdict.TAKEN else None
        if callback is not None:
            enqueue(db, callback)


def _find(db: sqlite3.Connection, case_id: str) -> Case | StoreError | None:
    row = db.execute(_FIND, (case_id,)).fetchone()
    if row is None:
        return None
    try:
        return from_bytes(*row)
    except ValueError as error:
        return StoreError(f"case {case_id} cannot be read: {error}")


def _sweep(db: sqlite3.Connection, bounds: Bounds, changed: Changed) -> int:
    swept = db.execute(_SWEEP, (bounds.before, bounds.limit)).fetchall()
    db.executemany(_SWEEP_CALLBACKS, swept)
    changed += [case_id for (case_id,) in swept]
    return len(swept)
