"""What PostgreSQL does with callbacks: a queue with leases, and those that were given up.

Room rule: as `gateway.cases.postgres_cases`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.cases.case import State
from gateway.cases.store import Callback

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from gateway.cases.postgres_database import Connection, Database

__all__ = ["Callbacks", "enqueue_all"]

_ENQUEUE: Final = (
    "INSERT INTO callbacks (id, case_id, channel, state, at, attempts, next_at) "
    "SELECT *, at FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], "
    "$6::integer[]) AS new (id, case_id, channel, state, at, attempts) "
    "ORDER BY id"
)
_LEASE: Final = (
    "WITH due AS (SELECT id FROM callbacks WHERE next_at <= $1 ORDER BY next_at LIMIT $2 "
    "FOR UPDATE SKIP LOCKED) "
    "UPDATE callbacks SET next_at = $3 FROM due WHERE callbacks.id = due.id "
    "RETURNING callbacks.id, case_id, channel, state, at, attempts"
)
_DONE: Final = "DELETE FROM callbacks WHERE id = ANY($1::text[])"
_SET_BACK: Final = (
    "UPDATE callbacks SET attempts = attempts + 1, next_at = $2, last_error = $3 WHERE id = $1"
)


async def enqueue_all(connection: Connection, callbacks: Sequence[Callback]) -> None:
    """Keep callbacks that are due at once, in the transaction of `connection`."""
    if callbacks:
        columns = [list(column) for column in zip(*callbacks, strict=True)]
        await connection.execute(_ENQUEUE, *columns)


class Callbacks:
    """The table `callbacks`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lease(self, now: datetime, limit: int, lease: timedelta) -> list[Callback]:
        """Give out callbacks that are due, the oldest first; other gateways get others."""
        async with self._database.connection() as connection:
            leased = await connection.fetch(_LEASE, now, limit, now + lease)
        callbacks = [
            Callback(callback_id, case_id, channel, State(state), at, attempts)
            for callback_id, case_id, channel, state, at, attempts in leased
        ]
        return sorted(callbacks, key=lambda callback: callback.at)

    async def done_all(self, ids: Sequence[str]) -> Sequence[None]:
        """Forget delivered callbacks."""
        async with self._database.connection() as connection:
            await connection.execute(_DONE, ids)
        return [None] * len(ids)

    async def set_back(self, callback_id: str, next_at: datetime | None, error: str) -> None:
        """Note a failed attempt; `next_at` None: the last."""
        async with self._database.connection() as connection:
            await connection.execute(_SET_BACK, callback_id, next_at, error)
