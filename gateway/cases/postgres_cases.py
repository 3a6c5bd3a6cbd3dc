"""What PostgreSQL does with cases: keep, find, move, count, expire, sweep.

Room rule: as `gateway.cases`. Rows are locked in the order of their ids or skipped when another
gateway has them, so that gateways never wait for each other in a circle.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from gateway.cases import transitions
from gateway.cases.case import State, Verdict
from gateway.cases.postgres_callbacks import enqueue_all
from gateway.cases.postgres_changes import CHANNEL
from gateway.cases.store import StoreError
from gateway.cases.transitions import CaseEvent
from gateway.cases.wire_form import from_bytes, to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from gateway.cases.case import Case
    from gateway.cases.postgres_changes import Changes
    from gateway.cases.postgres_database import Connection, Database, Record
    from gateway.cases.store import CallbackFor

__all__ = ["COLUMNS", "Cases", "arrays_of", "rows"]

COLUMNS: Final = "id, service, state, accepted_at, updated_at, expires_at, data, answer"
_TYPES: Final = ("text", "text", "text", "timestamptz", "timestamptz", "timestamptz", "bytea",
                 "bytea")  # fmt: skip
COMPACT: Final = 1000
"""Differences that `case_counts` may hold beside the sums before they are put together."""


def rows(first: int) -> str:
    """Return SQL for the rows that `arrays_of` gives, in eight arguments from `$first` on."""
    arrays = ", ".join(f"${first + index}::{kind}[]" for index, kind in enumerate(_TYPES))
    return f"unnest({arrays}) AS new ({COLUMNS})"


_FIND: Final = "SELECT id, data, answer FROM cases WHERE id = ANY($1::text[])"
_FIND_TO_MOVE: Final = f"{_FIND} ORDER BY id FOR UPDATE"
_INSERT: Final = (
    f"INSERT INTO cases ({COLUMNS}) SELECT * FROM {rows(1)} ON CONFLICT (id) DO NOTHING"  # noqa: S608  # our own names
)
_MOVE: Final = (
    "WITH moved AS (UPDATE cases SET state = new.state, updated_at = new.updated_at, "  # noqa: S608  # our own names
    "expires_at = new.expires_at, data = new.data, answer = coalesce(new.answer, cases.answer) "
    f"FROM {rows(2)} WHERE cases.id = new.id) "
    f"SELECT pg_notify({CHANNEL}, payload) FROM unnest($1::text[]) AS payload"
)
_DUE: Final = (
    "SELECT id, data, answer FROM cases WHERE expires_at <= $1 "
    "ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED"
)
_STOP_CLOCKS: Final = "UPDATE cases SET expires_at = NULL WHERE id = ANY($1::text[])"
_COUNT: Final = "SELECT service, state, sum(n)::bigint, count(*) FROM case_counts GROUP BY 1, 2"
_COMPACT: Final = (
    "WITH parts AS (DELETE FROM case_counts RETURNING service, state, n) INSERT INTO case_counts "
    "SELECT service, state, sum(n) FROM parts GROUP BY 1, 2 HAVING sum(n) <> 0"
)
_SWEEP: Final = (
    "WITH old AS (SELECT id FROM cases WHERE accepted_at < $1 AND updated_at < $1 "
    "ORDER BY accepted_at LIMIT $2 FOR UPDATE SKIP LOCKED), "
    "swept AS (DELETE FROM cases USING old WHERE cases.id = old.id RETURNING cases.id), "
    "told AS (DELETE FROM callbacks USING old WHERE callbacks.case_id = old.id) "
    "SELECT id FROM swept"
)
_NOTIFY: Final = f"SELECT pg_notify({CHANNEL}, payload) FROM unnest($1::text[]) AS payload"  # noqa: S608  # our own names

log = logging.getLogger(__name__)


def arrays_of(cases: Iterable[Case]) -> tuple[list[Any], ...]:
    """Return one list for each of `COLUMNS`."""
    columns: tuple[list[Any], ...] = ([], [], [], [], [], [], [], [])
    ids, services, states, accepted, updated, expires, data, answers = columns
    for case in cases:
        ids.append(case.id)
        services.append(case.service)
        states.append(case.state)
        accepted.append(case.accepted_at)
        updated.append(case.updated_at)
        expires.append(case.expires_at)
        data.append(to_bytes(case))
        answers.append(None if case.answer is None else case.answer.body)
    return columns


class Cases:
    """The table `cases`. Each method is one statement or one transaction."""

    def __init__(self, database: Database, changes: Changes, callback_for: CallbackFor) -> None:
        self._database = database
        self._changes = changes
        self._callback_for = callback_for

    async def insert_all(self, cases: Sequence[Case]) -> Sequence[None]:
        """Keep new cases; those that are there stay as they are."""
        # In the order of their ids, as others who insert the same ones do.
        arrays = arrays_of(sorted(cases, key=lambda case: case.id))
        async with self._database.connection() as connection:
            await connection.execute(_INSERT, *arrays)
        return [None] * len(cases)

    async def find_all(self, ids: Sequence[str]) -> Sequence[Case | StoreError | None]:
        """Read cases."""
        async with self._database.connection() as connection:
            found = await connection.fetch(_FIND, list(set(ids)))
        cases = {row["id"]: _case_of(row) for row in found}
        return [cases.get(case_id) for case_id in ids]

    async def apply_all(
        self, events: Sequence[tuple[str, CaseEvent]]
    ) -> Sequence[tuple[Case, Verdict] | StoreError | None]:
        """Move cases, each event after the one before it; all are written or none."""
        results: list[tuple[Case, Verdict] | StoreError | None] = []
        moved: dict[str, Case] = {}
        taken: list[Case] = []
        async with self._database.transaction() as connection:
            found = await connection.fetch(_FIND_TO_MOVE, list({case_id for case_id, _ in events}))
            cases = {row["id"]: _case_of(row) for row in found}
            for case_id, event in events:
                case = cases.get(case_id)
                if case is None or isinstance(case, StoreError):
                    results.append(case)
                    continue
                after, verdict = transitions.apply(case, event)
                if after is not case:
                    cases[case_id] = moved[case_id] = after
                if verdict is Verdict.TAKEN:
                    taken.append(after)
                results.append((after, verdict))
            await self._write(connection, moved.values())
            await self._announce(connection, taken)
        self._changes.tell(list(moved))
        return results

    async def expire(self, now: datetime, limit: int) -> list[Case]:
        """Move cases whose time is up to EXPIRED; return them."""
        event = CaseEvent(State.EXPIRED, now)
        expired: list[Case] = []
        async with self._database.transaction() as connection:
            due = await connection.fetch(_DUE, now, limit)
            for row in due:
                case = _case_of(row)
                if isinstance(case, StoreError):
                    log.error("%s", case)
                    continue
                after, verdict = transitions.apply(case, event)
                if verdict is Verdict.TAKEN:
                    expired.append(after)
            # Whatever becomes of it, it must not be found again and keep others from expiring.
            await connection.execute(_STOP_CLOCKS, [row["id"] for row in due])
            await self._write(connection, expired)
            await self._announce(connection, expired)
        self._changes.tell([case.id for case in expired])
        return expired

    async def count(self) -> dict[tuple[str, State], int]:
        """Count cases by service and state: the statements that change them have."""
        async with self._database.connection() as connection:
            counted = await connection.fetch(_COUNT)
            if sum(parts for *_, parts in counted) > len(counted) + COMPACT:
                await connection.execute(_COMPACT)
        return {(service, State(state)): n for service, state, n, _ in counted if n > 0}

    async def sweep(self, before: datetime, limit: int) -> int:
        """Remove old cases with their callbacks."""
        async with self._database.transaction() as connection:
            swept = [row["id"] for row in await connection.fetch(_SWEEP, before, limit)]
            if swept:
                await connection.execute(_NOTIFY, self._changes.payloads(swept))
        self._changes.tell(swept)
        return len(swept)

    async def _write(self, connection: Connection, cases: Iterable[Case]) -> None:
        arrays = arrays_of(cases)
        if ids := arrays[0]:
            await connection.execute(_MOVE, self._changes.payloads(ids), *arrays)

    async def _announce(self, connection: Connection, taken: Iterable[Case]) -> None:
        made = (self._callback_for(case) for case in taken)
        await enqueue_all(connection, [callback for callback in made if callback is not None])


def _case_of(row: Record) -> Case | StoreError:
    try:
        return from_bytes(row["data"], row["answer"])
    except ValueError as error:
        return StoreError(f"case {row['id']} cannot be read: {error}")
