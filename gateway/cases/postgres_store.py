"""The case store in PostgreSQL: for several gateways behind a balancer, any of which answers.

Room rule: as `gateway.cases`. What a request does (insert, apply, find, reserve) goes in natural
batches, one statement for all who ask at the same time; the rest goes alone. Needs PostgreSQL 13
or later, a schema in which the user may make tables, and no pooler in transaction mode between
(see `gateway.cases.postgres_database`).
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from gateway.cases.identity import KEY_BYTES
from gateway.cases.postgres_batches import NaturalBatches
from gateway.cases.postgres_callbacks import Callbacks
from gateway.cases.postgres_cases import Cases
from gateway.cases.postgres_changes import CHANNEL, Changes
from gateway.cases.postgres_database import COMMAND_LIMIT, Database
from gateway.cases.postgres_keys import Claim, Keys
from gateway.cases.store import no_callback

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import timedelta

    from gateway.cases.case import Case, State, Verdict
    from gateway.cases.store import (
        Callback,
        CallbackFor,
        Held,
        Key,
        Reservation,
        StoredAnswer,
        StoreError,
    )
    from gateway.cases.transitions import CaseEvent

__all__ = ["PostgresStore"]

T = TypeVar("T")
R = TypeVar("R")

CLOSING: Final = 5.0
"""Seconds that what was handed in has to end when the store is closed."""

_MAKE_KEY: Final = "INSERT INTO secret (key) VALUES ($1) ON CONFLICT DO NOTHING"
_KEY: Final = "SELECT key FROM secret"
_MARK: Final = (
    "INSERT INTO marks (name, at) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET at = excluded.at"
)
_MARKED: Final = "SELECT at FROM marks WHERE name = $1"


def _utc_now() -> datetime:
    return datetime.now(UTC)


class PostgresStore:
    """Implements `gateway.cases.store.CaseStore` on the database that `url` names.

    `url` is libpq's (`postgresql://user@host,host:port/database?sslmode=…`). `command_limit` is how
    many seconds one command may take. `now` tells which keys have expired, `callback_for` what a
    channel is told.
    """

    def __init__(
        self,
        url: str,
        *,
        command_limit: float = COMMAND_LIMIT,
        now: Callable[[], datetime] = _utc_now,
        callback_for: CallbackFor = no_callback,
    ) -> None:
        self._now = now
        self._changes = Changes()
        self._database = Database(
            url,
            channel=CHANNEL,
            heard=self._changes.heard,
            returned=self._changes.missed,
            command_limit=command_limit,
        )
        self._cases = Cases(self._database, self._changes, callback_for)
        self._keys = Keys(self._database, self._changes)
        self._callbacks = Callbacks(self._database)
        self._inserts = NaturalBatches("case-inserts", self._cases.insert_all)
        self._moves = NaturalBatches("case-moves", self._move)
        self._finds = NaturalBatches("case-finds", self._find)
        self._reserves = NaturalBatches("case-reserves", self._keys.reserve_all)
        self._dones = NaturalBatches("callback-dones", self._callbacks.done_all)

    @property
    def failure(self) -> str | None:
        return self._database.failure

    async def open(self) -> None:
        await self._database.open()

    async def close(self) -> None:
        async with asyncio.TaskGroup() as group:
            for batches in (self._inserts, self._moves, self._finds, self._reserves,
                            self._dones):  # fmt: skip
                group.create_task(batches.close(CLOSING))
        await self._database.close()

    async def secret(self) -> bytes:
        async with self._database.connection() as connection:
            await connection.execute(_MAKE_KEY, secrets.token_bytes(KEY_BYTES))
            key: bytes = await connection.fetchval(_KEY)
        return key

    def on_change(self, listener: Callable[[str], None]) -> None:
        """As the protocol says; after a reconnection `""`: anything may have changed."""
        self._changes.listen(listener)

    def insert(self, case: Case) -> asyncio.Future[None]:
        return self._inserts.submit(case)

    def find(self, case_id: str) -> asyncio.Future[Case | None]:
        return self._finds.submit(case_id)

    def apply(self, case_id: str, event: CaseEvent) -> asyncio.Future[tuple[Case, Verdict] | None]:
        return self._moves.submit((case_id, event))

    def reserve(
        self, key: Key, fingerprint: bytes, case: Case, expires_at: datetime
    ) -> asyncio.Future[Reservation]:
        return self._reserves.submit(Claim(key, fingerprint, case, expires_at, self._now()))

    async def release(self, key: Key) -> None:
        await self._keys.release(key)

    async def hold(self, key: Key, fingerprint: bytes, expires_at: datetime) -> Held:
        return await self._keys.hold(key, fingerprint, expires_at, self._now())

    async def settle(
        self, key: Key, answer: StoredAnswer | None, expires_at: datetime | None = None
    ) -> None:
        await self._keys.settle(key, answer, expires_at)

    async def count(self) -> dict[tuple[str, State], int]:
        return await self._cases.count()

    async def expire(self, now: datetime, limit: int) -> list[Case]:
        return await self._cases.expire(now, limit)

    async def sweep(self, before: datetime, limit: int) -> int:
        return await self._cases.sweep(before, limit)

    async def sweep_keys(self, limit: int) -> int:
        return await self._keys.sweep(self._now(), limit)

    async def mark(self, name: str, at: datetime) -> None:
        async with self._database.connection() as connection:
            await connection.execute(_MARK, name, at)

    async def marked(self, name: str) -> datetime | None:
        async with self._database.connection() as connection:
            at: datetime | None = await connection.fetchval(_MARKED, name)
        return at

    async def due_callbacks(self, now: datetime, limit: int, lease: timedelta) -> list[Callback]:
        return await self._callbacks.lease(now, limit, lease)

    def callback_done(self, callback_id: str) -> asyncio.Future[None]:
        return self._dones.submit(callback_id)

    async def callback_retry(self, callback_id: str, next_at: datetime, error: str) -> None:
        await self._callbacks.set_back(callback_id, next_at, error)

    async def callback_dead(self, callback_id: str, error: str) -> None:
        await self._callbacks.set_back(callback_id, None, error)

    async def _find(self, ids: list[str]) -> Sequence[Case | StoreError | None]:
        return await self._after_inserts(ids, self._cases.find_all)

    async def _move(
        self, events: list[tuple[str, CaseEvent]]
    ) -> Sequence[tuple[Case, Verdict] | StoreError | None]:
        return await self._after_inserts(events, self._cases.apply_all)

    async def _after_inserts(
        self, items: list[T], carry_out: Callable[[list[T]], Awaitable[Sequence[R | None]]]
    ) -> Sequence[R | None]:
        """A case may be inserted and asked for without waiting in between.

        So whoever finds none while insertions are under way looks again after them.
        """
        inserting = self._inserts.busy
        results = list(await carry_out(items))
        missing = [index for index, result in enumerate(results) if result is None]
        if inserting and missing:
            await self._inserts.passed()
            found = await carry_out([items[index] for index in missing])
            for index, result in zip(missing, found, strict=True):
                results[index] = result
        return results
