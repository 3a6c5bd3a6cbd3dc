"""The durable spool: records that the brokers do not have yet, in one SQLite file of this process.

Room rule: what `append` has confirmed is on the disk (WAL, synchronous=FULL) and stays there until
`resolve` is told that it is settled. Full or failing, it refuses; it never drops. What order the
rows are sent in, and when, is decided by `outbox.py` and `spool_drain.py`.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gateway.errors import SPOOL_FAILED, SPOOL_FULL, Fault, StartError
from gateway.group_commit import GroupCommit
from gateway.kafka import spool_row
from gateway.kafka.spool_lock import SpoolLock
from gateway.kafka.spool_row import RowState

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from gateway.kafka.record import OutgoingRecord
    from gateway.kafka.spool_row import SpoolRow, Totals

__all__ = [
    "LIMIT_BYTES",
    "MAX_AGE",
    "PAGE_ROWS",
    "RETRY_AFTER",
    "Spool",
    "SpoolInUseError",
    "heard",
    "spool_failed",
]

LIMIT_BYTES: Final = 1 << 30
"""Bytes of records, chosen: a gigabyte, unless the process is started with another limit."""
MAX_AGE: Final = 24 * 3600.0
"""Seconds, chosen, that the oldest record may wait before no more are taken: nobody minds the
brokers."""
PAGE_ROWS: Final = 500
"""Rows that are read at once at most, chosen: a page is one commit and one wait for brokers."""
PAGE_BYTES: Final = 4 << 20
"""Bytes that are read at once, about, chosen: they are in memory until the page is settled."""
RETRY_AFTER: Final = 10.0
"""Seconds, chosen, after which a caller who was refused is told to try again."""
LOCK_PATIENCE: Final = 10.0
"""Seconds, chosen, that opening waits for another process to let go of the file."""
LOCK_PAUSE: Final = 0.1
"""Seconds, chosen, between two tries to lock the file."""
CLEANING: Final = 1.0
"""Seconds, chosen, before settled rows that could not be removed are tried again."""

log = logging.getLogger(__name__)


def heard(future: asyncio.Future[Any]) -> None:
    """Look at the end of what nobody waits for: asyncio reports a failure that nobody reads."""
    if not future.cancelled():
        future.exception()


def spool_failed() -> Fault:
    """The disk does not take a record, which goes nowhere else."""
    return Fault(SPOOL_FAILED, retry_after=RETRY_AFTER)


class SpoolInUseError(StartError):
    """Another process owns the file."""


class Deleted(NamedTuple):
    """Rows and bytes that left the file, and when the first of the rest arrived."""

    records: int
    size: int
    oldest: float | None


class Spool:
    """One file of waiting records, owned by this process alone.

    `now` is the wall clock in seconds since 1970. `limit_bytes` bounds the records, `max_age` the
    seconds that the oldest may wait. `committed` as in `GroupCommit`.
    """

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], float],
        committed: Callable[[int, float], None],
        limit_bytes: int = LIMIT_BYTES,
        max_age: float = MAX_AGE,
    ) -> None:
        self.path = path
        self.now = now
        self.committed = committed
        self.limit_bytes = limit_bytes
        self.records = 0
        self.size = 0
        self._max_age = max_age
        self._oldest: float | None = None
        self._next_seq = 1
        self._file = GroupCommit(path, synchronous="FULL", committed=committed)
        self._lock: SpoolLock | None = None
        self._gone: set[int] = set()
        self._cleaning: asyncio.Future[Deleted] | None = None
        self._later: asyncio.TimerHandle | None = None
        self._closing = False

    @property
    def obstacle(self) -> str | None:
        """Why no record can be written, None when it can."""
        return self._file.failure

    @property
    def oldest_age(self) -> float:
        """Seconds that the oldest record waits, 0 without one."""
        return 0.0 if self._oldest is None else max(0.0, self.now() - self._oldest)

    @property
    def gone(self) -> frozenset[int]:
        """Rows that are settled and still in the file."""
        return frozenset(self._gone)

    async def open(self, patience: float = LOCK_PATIENCE) -> Totals:
        """Take the file and tell what is in it. Raises `StartError`."""
        try:
            self._lock = await self._take_lock(patience)
        except OSError as error:
            raise StartError(f"{self.path} cannot be locked: {error}") from error
        try:
            await self._file.open(spool_row.MIGRATIONS)
            totals = await self._file.submit(spool_row.totals)
        except BaseException:
            await self.close()
            raise
        self.records, self.size, self._oldest = totals[:3]
        # Numbers of a former life whose rows are gone are passed by as well: the clock is beyond.
        self._next_seq = max(totals.last_seq + 1, int(self.now() * 1_000_000))
        return totals

    def row(self, record: OutgoingRecord, about: bytes, state: RowState) -> SpoolRow:
        """Return the row of a record that arrives now: it gets the next number in order."""
        return spool_row.spool_row(self.next_seq(), record, about, state, self.now())

    def next_seq(self) -> int:
        """Return a number higher than any before, also before a restart."""
        seq = self._next_seq
        self._next_seq = seq + 1
        return seq

    def append(self, row: SpoolRow) -> asyncio.Future[None]:
        """Write `row`; the future ends when it is on the disk, or with `StorageError`.

        Raises `Fault`: `spool_full`, or `spool_failed` while the disk is known to fail.
        """
        if self.obstacle is not None:
            raise spool_failed()
        if self.size + row.size > self.limit_bytes or self.oldest_age > self._max_age:
            raise Fault(SPOOL_FULL, retry_after=RETRY_AFTER)
        return self.write(row)

    def write(self, row: SpoolRow) -> asyncio.Future[None]:
        """Write `row` whatever the limits say: what another spool held is taken in full."""
        self.records += 1
        self.size += row.size
        if self._oldest is None:
            self._oldest = row.created
        written = self._file.submit(partial(spool_row.insert, row=row))
        written.add_done_callback(partial(self._written, row.size))
        return written

    def page(self, after: int) -> asyncio.Future[list[SpoolRow]]:
        """Return the next rows behind number `after`; all appended so far are in the file then."""
        read = partial(spool_row.page, after=after, limit=PAGE_ROWS, limit_bytes=PAGE_BYTES)
        return self._file.submit(read)

    def mark(self, seqs: Iterable[int], state: RowState) -> asyncio.Future[None]:
        """Note durably whether the brokers may have these rows."""
        return self._file.submit(partial(spool_row.mark, seqs=tuple(seqs), state=state))

    def unmark(self, seqs: Iterable[int]) -> None:
        """The brokers certainly do not have these rows; nobody waits for this to be noted.

        A row that stays marked is only sent with the mark of a possible duplicate.
        """
        self.mark(seqs, RowState.WAITING).add_done_callback(heard)

    def delete(self, seqs: Sequence[int]) -> asyncio.Future[Deleted]:
        """Remove rows now; `resolve` is for those whose removal nobody waits for."""
        return self._file.submit(partial(_delete, seqs=tuple(seqs)))

    def resolve(self, seqs: Sequence[int]) -> None:
        """These rows are settled: they will be removed, all that come together in one commit."""
        self._gone.update(seqs)
        if self._cleaning is None and self._later is None:
            self._clean()

    async def close(self) -> None:
        """Write what was handed in and let go of the file; bounded."""
        self._closing = True
        self._clean()
        await self._file.close()
        if self._later is not None:
            self._later.cancel()
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    async def remove(self) -> None:
        """Close and take the files away, when nothing is left in them."""
        lock, self._lock = self._lock, None
        await self.close()
        await asyncio.to_thread(self._unlink, lock)

    def _unlink(self, lock: SpoolLock | None) -> None:
        for ending in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
        if lock is not None:
            lock.remove()

    async def _take_lock(self, patience: float) -> SpoolLock:
        for _ in range(1 + int(patience / LOCK_PAUSE)):
            lock = await asyncio.to_thread(self._try_lock)
            if lock is not None:
                return lock
            await asyncio.sleep(LOCK_PAUSE)
        raise SpoolInUseError(
            f"{self.path} belongs to another running process (see"
            f" {SpoolLock.beside(self.path).name}). Give each gateway a data folder of its own."
        )

    def _try_lock(self) -> SpoolLock | None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return SpoolLock.take(self.path)

    def _written(self, size: int, written: asyncio.Future[None]) -> None:
        if not written.cancelled() and written.exception() is not None:
            self.records -= 1
            self.size -= size
            if self.records == 0:
                self._oldest = None

    def _clean(self) -> None:
        self._later = None
        seqs = tuple(self._gone)
        if not seqs:
            return
        self._cleaning = self.delete(seqs)
        self._cleaning.add_done_callback(partial(self._cleaned, seqs))

    def _cleaned(self, seqs: tuple[int, ...], cleaned: asyncio.Future[Deleted]) -> None:
        self._cleaning = None
        error = cleaned.exception()
        if error is None:
            count, size, oldest = cleaned.result()
            self.records -= count
            self.size -= size
            # Without a row in the file, those that are counted are being written right now.
            self._oldest = self.now() if oldest is None and self.records else oldest
            self._gone.difference_update(seqs)
            if not self._closing:
                self._clean()
        elif not self._closing:
            log.warning("Settled records stay in the spool for now: %s", error)
            self._later = cleaned.get_loop().call_later(CLEANING, self._clean)


def _delete(connection: sqlite3.Connection, seqs: tuple[int, ...]) -> Deleted:
    count, size = spool_row.delete(connection, seqs)
    return Deleted(count, size, spool_row.oldest(connection))
