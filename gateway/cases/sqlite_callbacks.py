"""What SQLite does with callbacks: a queue with leases, and those that were given up.

Room rule: as `gateway.cases.sqlite_cases`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from gateway.cases.case import State
from gateway.cases.sqlite_times import from_number, to_number
from gateway.cases.store import Callback

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from gateway.cases.sqlite_batches import Changed

__all__ = ["Lease", "Setback", "done_all", "enqueue", "lease_all", "set_back_all"]

_ENQUEUE: Final = (
    "INSERT INTO callbacks (id, case_id, channel, state, at, attempts, next_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_LEASE: Final = (
    "UPDATE callbacks SET next_at = ? WHERE id IN (SELECT id FROM callbacks "
    "WHERE next_at IS NOT NULL AND next_at <= ? ORDER BY next_at LIMIT ?) "
    "RETURNING id, case_id, channel, state, at, attempts"
)
_DONE: Final = "DELETE FROM callbacks WHERE id = ?"
_SET_BACK: Final = (
    "UPDATE callbacks SET attempts = attempts + 1, next_at = ?, last_error = ? WHERE id = ?"
)


class Lease(NamedTuple):
    """Up to `limit` that are due at `now`, for nobody else before `until`."""

    until: int
    now: int
    limit: int


class Setback(NamedTuple):
    """A failed attempt; `next_at` None: the last."""

    next_at: int | None
    error: str
    id: str


def enqueue(db: sqlite3.Connection, callback: Callback) -> None:
    """Keep a callback that is due at once."""
    callback_id, case_id, channel, state, at, attempts = callback
    number = to_number(at)
    db.execute(_ENQUEUE, (callback_id, case_id, channel, state, number, attempts, number))


def lease_all(
    db: sqlite3.Connection, leases: Sequence[Lease], _: Changed
) -> Sequence[list[Callback]]:
    """Give out callbacks that are due, the oldest first."""
    return [_lease(db, lease) for lease in leases]


def done_all(db: sqlite3.Connection, ids: Sequence[str], _: Changed) -> Sequence[None]:
    """Forget delivered callbacks."""
    db.executemany(_DONE, [(callback_id,) for callback_id in ids])
    return [None] * len(ids)


def set_back_all(db: sqlite3.Connection, setbacks: Sequence[Setback], _: Changed) -> Sequence[None]:
    """Note failed attempts."""
    db.executemany(_SET_BACK, setbacks)
    return [None] * len(setbacks)


def _lease(db: sqlite3.Connection, lease: Lease) -> list[Callback]:
    leased = [
        Callback(callback_id, case_id, channel, State(state), from_number(at), attempts)
        for callback_id, case_id, channel, state, at, attempts in db.execute(_LEASE, lease)
    ]
    return sorted(leased, key=lambda callback: callback.at)
