"""The case store in one SQLite file: the embedded default, for one gateway.

Room rule: as `gateway.cases`. All SQL runs on the writer thread of `GroupCommit`, never on the
loop. With `synchronous=NORMAL` a killed process loses nothing; a loss of power may lose the last
moments before it, but never the key of the ids, nor anything that came before a `mark`.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from datetime import UTC, datetime
from importlib import resources
from typing import TYPE_CHECKING, Final

from gateway.cases.identity import KEY_BYTES
from gateway.cases.sqlite_batches import Batches
from gateway.cases.sqlite_callbacks import (
    Lease,
    Setback,
    done_all,
    lease_all,
    set_back_all,
)
from gateway.cases.sqlite_cases import (
    Bounds,
    Moves,
    count_all,
    find_all,
    insert_all,
    row_of,
    sweep_all,
)
from gateway.cases.sqlite_keys import (
    Claim,
    Settlement,
    hold_all,
    release_all,
    reserve_all,
    settle_all,
    sweep_keys_all,
)
from gateway.cases.sqlite_marks import mark_all, marked_all, secret_all
from gateway.cases.sqlite_times import to_number
from gateway.cases.store import CallbackFor, StoreError, no_callback
from gateway.group_commit import GroupCommit

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from pathlib import Path

    from gateway.cases.case import Case, State, Verdict
    from gateway.cases.store import Callback, Held, Key, Reservation, StoredAnswer
    from gateway.cases.transitions import CaseEvent

__all__ = ["SqliteStore", "migrations"]

PRAGMAS: Final = ("cache_size = -32768", "wal_autocheckpoint = 4000")
"""32 MiB of pages in memory: ids are random, so each insertion touches another page of their index;
16 MiB in the write-ahead log before they are copied into the file, which costs two fsyncs."""


def migrations() -> list[str]:
    """Return the scripts that make the schema, in their order."""
    folder = resources.files("gateway.cases") / "migrations" / "sqlite"
    scripts = sorted(folder.iterdir(), key=lambda script: script.name)
    return [script.read_text("utf-8") for script in scripts if script.name.endswith(".sql")]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SqliteStore:
    """Implements `gateway.cases.store.CaseStore` on the file `path`.

    `now` is the wall clock; `callback_for` tells what a channel is told.
    """

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], datetime] = _utc_now,
        callback_for: CallbackFor = no_callback,
    ) -> None:
        self._path = path
        self._now = now
        self._commit = GroupCommit(path, synchronous="NORMAL", pragmas=PRAGMAS)
        self._batches = Batches(self._commit, self._tell)
        self._moves = Moves(callback_for)
        self._listeners: list[Callable[[str], None]] = []

    @property
    def failure(self) -> str | None:
        return self._commit.failure

    async def open(self) -> None:
        await self._commit.open(await asyncio.to_thread(migrations))

    async def close(self) -> None:
        await self._batches.close()
        await self._commit.close()

    async def secret(self) -> bytes:
        key = await self._batches.add(secret_all, secrets.token_bytes(KEY_BYTES))
        await asyncio.to_thread(self._fsync)
        return key

    def on_change(self, listener: Callable[[str], None]) -> None:
        self._listeners.append(listener)

    def insert(self, case: Case) -> asyncio.Future[None]:
        return self._batches.add(insert_all, row_of(case))

    def find(self, case_id: str) -> asyncio.Future[Case | None]:
        return self._batches.add(find_all, case_id)

    def apply(self, case_id: str, event: CaseEvent) -> asyncio.Future[tuple[Case, Verdict] | None]:
        return self._batches.add(self._moves.apply_all, (case_id, event))

    def reserve(
        self, key: Key, fingerprint: bytes, case: Case, expires_at: datetime
    ) -> asyncio.Future[Reservation]:
        now, until = to_number(self._now()), to_number(expires_at)
        return self._batches.add(reserve_all, Claim(key, fingerprint, now, until, row_of(case)))

    def release(self, key: Key) -> asyncio.Future[None]:
        return self._batches.add(release_all, key)

    def hold(self, key: Key, fingerprint: bytes, expires_at: datetime) -> asyncio.Future[Held]:
        now, until = to_number(self._now()), to_number(expires_at)
        return self._batches.add(hold_all, Claim(key, fingerprint, now, until))

    def settle(
        self, key: Key, answer: StoredAnswer | None, expires_at: datetime | None = None
    ) -> asyncio.Future[None]:
        until = to_number(expires_at) if expires_at is not None else None
        return self._batches.add(settle_all, Settlement(key, answer, until))

    def count(self) -> asyncio.Future[dict[tuple[str, State], int]]:
        return self._batches.add(count_all, None)

    def expire(self, now: datetime, limit: int) -> asyncio.Future[list[Case]]:
        return self._batches.add(self._moves.expire_all, (now, limit))

    def sweep(self, before: datetime, limit: int) -> asyncio.Future[int]:
        bounds = Bounds(to_number(before), limit)
        return self._batches.add(sweep_all, bounds)

    def sweep_keys(self, limit: int) -> asyncio.Future[int]:
        return self._batches.add(sweep_keys_all, (to_number(self._now()), limit))

    async def mark(self, name: str, at: datetime) -> None:
        await self._batches.add(mark_all, (name, to_number(at)))
        await asyncio.to_thread(self._fsync)

    async def marked(self, name: str) -> datetime | None:
        return await self._batches.add(marked_all, name)

    def due_callbacks(
        self, now: datetime, limit: int, lease: timedelta
    ) -> asyncio.Future[list[Callback]]:
        until = to_number(now + lease)
        return self._batches.add(lease_all, Lease(until, to_number(now), limit))

    def callback_done(self, callback_id: str) -> asyncio.Future[None]:
        return self._batches.add(done_all, callback_id)

    def callback_retry(
        self, callback_id: str, next_at: datetime, error: str
    ) -> asyncio.Future[None]:
        return self._batches.add(set_back_all, Setback(to_number(next_at), error, callback_id))

    def callback_dead(self, callback_id: str, error: str) -> asyncio.Future[None]:
        return self._batches.add(set_back_all, Setback(None, error, callback_id))

    def _tell(self, case_id: str) -> None:
        for listener in self._listeners:
            listener(case_id)

    def _fsync(self) -> None:
        """Make what was committed survive a loss of power: it is all in the write-ahead log.

        SQLite holds no lock on that file, so opening and closing it here releases none of its.
        """
        try:
            log = os.open(f"{self._path}-wal", os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(log)
            finally:
                os.close(log)
        except OSError as error:
            raise StoreError(f"{self._path}-wal cannot be synced: {error.strerror}") from error
