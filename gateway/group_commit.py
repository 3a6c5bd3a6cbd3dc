"""One SQLite file, one writer thread, one fsync for all who write at the same time.

Room rule: knows SQLite and the loop, nothing of what is stored. Operations that many tasks hand in
share one transaction: while one commit waits for the disk the next batch gathers by itself, so a
single writer is answered at once and a thousand of them cost one fsync. Whatever happens to the
file, every operation is answered, and writing goes on by itself when it can.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeVar

from gateway.errors import GatewayError, StartError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["GroupCommit", "StorageError"]

MAX_BATCH: Final = 512
"""Operations in one transaction at most, chosen: the first of them must not wait for ever."""
PROBE: Final = 1.0
"""Seconds, chosen, between two tries to write while the last one failed and nobody else tries, and
between two tries to open the file again."""
PROBE_BYTES: Final = 262_144
"""What a try writes, chosen: it does not fit into what happens to be free in the file."""
LOCK_WAIT: Final = 2.0
"""Seconds, chosen: a transaction waits so long for another program that has the file locked (a
backup, a shell); a caller waits for it, and asks again when it is told."""
CLOSING: Final = 10.0
"""Seconds, chosen, that closing waits for the disk."""

T = TypeVar("T")

_DISK: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
"""Primary result codes that speak of the file, not of the operation (sqlite.org/rescode.html)."""

_PASSING: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
    }
)
"""Those of them that go without the file being opened again."""


class StorageError(GatewayError):
    """The file could not be written; nothing of the operation is in it. The text says why."""


class _Job(NamedTuple):
    operation: Callable[[sqlite3.Connection], Any]
    future: asyncio.Future[Any]


class _Result(NamedTuple):
    future: asyncio.Future[Any]
    value: Any
    error: BaseException | None


def _unheard(operations: int, seconds: float) -> None:
    """Nobody counts the commits."""


class GroupCommit:
    """Runs operations on one SQLite file and tells each one after the COMMIT that holds it.

    `synchronous="FULL"` survives a loss of power, `"NORMAL"` a crash of the process
    (sqlite.org/pragma.html#pragma_synchronous); `pragmas` are further settings of the connection
    (`cache_size = -2000`). `committed` hears on the loop how many operations
    a transaction held and how many seconds its COMMIT took.
    """

    def __init__(
        self,
        path: Path,
        *,
        synchronous: Literal["FULL", "NORMAL"],
        committed: Callable[[int, float], None] = _unheard,
        max_batch: int = MAX_BATCH,
        pragmas: Sequence[str] = (),
    ) -> None:
        self._path = path
        self._committed = committed
        self._max_batch = max_batch
        self._pragmas = (
            "journal_mode = WAL",
            f"synchronous = {synchronous}",
            *pragmas,
        )
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._failure: str | None = None
        self._ending = False  # the writer thread's own

    @property
    def failure(self) -> str | None:
        """Why the last attempt to write failed, None when it did not. It clears by itself.

        A connection that goes on failing for another reason than a full or locked file, or that
        cannot even roll back, is given up, and the file is opened again.
        """
        return self._failure

    async def open(self, migrations: Sequence[str]) -> None:
        """Make or open the file and bring its schema up to date; `user_version` counts the scripts.

        The folder is made with mode 0700 and the file with 0600. Raises `StartError`.
        """
        opened: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(
            target=self._run,
            args=(opened, tuple(migrations)),
            name=f"writer of {self._path.name}",
            daemon=True,  # a disk that hangs must not keep the process from ending
        )
        self._thread.start()
        try:
            await opened
        except (sqlite3.Error, OSError) as error:
            self._thread = None
            reason = f"{self._path} cannot be used: {error}. Check the folder and its permissions."
            raise StartError(reason) from error
        except StartError:
            self._thread = None
            raise

    def submit(self, operation: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Run `operation` inside the next transaction; the future resolves after its COMMIT.

        It may be run twice, when another one of its transaction fails, so it must change nothing
        but the database; it neither begins nor ends a transaction. What it raises fails its own
        future alone and takes its own changes back; a file that cannot be written fails the whole
        transaction with `StorageError`. Cancelling the future does not take the operation back.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        if self._thread is None:
            future.set_exception(StorageError(f"{self._path} is closed"))
        else:
            self._jobs.put(_Job(operation, future))
        return future

    async def close(self) -> None:
        """Commit what was handed in and close the file; waits `CLOSING` seconds at most."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._jobs.put(None)
            await asyncio.to_thread(thread.join, CLOSING)

    # --- on the writer thread -----------------------------------------------------------------

    def _run(self, opened: asyncio.Future[None], migrations: tuple[str, ...]) -> None:
        connection: sqlite3.Connection | None
        try:
            connection = self._connect(migrations)
        except (sqlite3.Error, OSError, StartError) as error:
            self._deliver([_Result(opened, None, error)])
            return
        self._deliver([_Result(opened, None, None)])
        while connection is not None:
            try:
                while not self._ending:
                    self._turn(connection)
            except sqlite3.Error as error:
                self._failure = str(error)
            finally:
                with suppress(sqlite3.Error):
                    connection.close()
            connection = self._reopened(migrations)

    def _reopened(self, migrations: tuple[str, ...]) -> sqlite3.Connection | None:
        """Open the file again, however long it takes, None when closing comes first.

        Meanwhile every operation is answered.
        """
        while not self._ending:
            try:
                return self._connect(migrations)
            except (sqlite3.Error, OSError, StartError) as error:
                self._failure = str(error)
            self._refuse_until(time.monotonic() + PROBE)
        return None

    def _refuse_until(self, end: float) -> None:
        while not self._ending:
            try:
                job = self._jobs.get(timeout=max(0.0, end - time.monotonic()))
            except Empty:
                return
            if job is None:
                self._ending = True
            else:
                self._deliver([_Result(job.future, None, self._storage_error())])

    def _connect(self, migrations: tuple[str, ...]) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(self._path, timeout=LOCK_WAIT, isolation_level=None)
        try:
            for pragma in self._pragmas:
                connection.execute(f"PRAGMA {pragma}")
            self._migrate(connection, migrations)
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: sqlite3.Connection, migrations: tuple[str, ...]) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > len(migrations):
            raise StartError(
                f"{self._path} was written by a newer version of the gateway (schema {version}, "
                f"this one knows {len(migrations)}). Start that version, or name another folder."
            )
        for number, script in enumerate(migrations[version:], version + 1):
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{script}\n;PRAGMA user_version = {number};COMMIT;"
            )

    def _turn(self, connection: sqlite3.Connection) -> None:
        """Commit one batch. Raises `sqlite3.Error` when the connection is of no more use."""
        try:
            job = self._jobs.get(timeout=None if self._failure is None else PROBE)
        except Empty:
            self._probe(connection)
            return
        batch: list[_Job] = []
        while job is not None:
            batch.append(job)
            if len(batch) == self._max_batch:
                break
            try:
                job = self._jobs.get_nowait()
            except Empty:
                break
        self._ending = job is None
        if batch:
            self._commit(connection, batch)

    def _commit(self, connection: sqlite3.Connection, batch: list[_Job]) -> None:
        try:
            try:
                results = _together(connection, batch)
            except Exception as error:  # whatever an operation raises is its own
                if _of_the_disk(error):
                    raise
                _roll_back(connection)
                results = _one_by_one(connection, batch)
            began = time.perf_counter()
            connection.execute("COMMIT")
            seconds = time.perf_counter() - began
        except sqlite3.Error as error:
            failed_before, self._failure = self._failure is not None, str(error)
            self._deliver([_Result(job.future, None, self._storage_error()) for job in batch])
            _recover(connection, error, failed_before=failed_before)
        else:
            self._failure = None
            self._deliver(results, seconds)

    def _probe(self, connection: sqlite3.Connection) -> None:
        """Try to write, so that a disk that works again is noticed although nobody writes."""
        try:
            connection.execute("CREATE TABLE IF NOT EXISTS writer_probe (content BLOB)")
            connection.execute("INSERT INTO writer_probe VALUES (zeroblob(?))", (PROBE_BYTES,))
            connection.execute("DROP TABLE writer_probe")
        except sqlite3.Error as error:
            self._failure = str(error)
            _recover(connection, error, failed_before=True)
        else:
            self._failure = None

    def _storage_error(self) -> StorageError:
        return StorageError(f"{self._path} cannot be written: {self._failure}")

    def _deliver(self, results: list[_Result], seconds: float | None = None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._resolve, results, seconds)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    # --- on the loop ----------------------------------------------------------------------------

    def _resolve(self, results: list[_Result], seconds: float | None) -> None:
        for future, value, error in results:
            if future.done():
                continue
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)
        if seconds is not None:
            self._committed(len(results), seconds)


def _together(connection: sqlite3.Connection, batch: list[_Job]) -> list[_Result]:
    connection.execute("BEGIN IMMEDIATE")
    return [_Result(future, operation(connection), None) for operation, future in batch]


def _one_by_one(connection: sqlite3.Connection, batch: list[_Job]) -> list[_Result]:
    """Run each operation in a savepoint of its own: an exception is one operation's, not all's."""
    connection.execute("BEGIN IMMEDIATE")
    results = []
    for operation, future in batch:
        connection.execute("SAVEPOINT operation")
        try:
            results.append(_Result(future, operation(connection), None))
        except Exception as error:
            if _of_the_disk(error):
                raise
            connection.execute("ROLLBACK TO operation")
            results.append(_Result(future, None, error))
        connection.execute("RELEASE operation")
    return results


def _of_the_disk(error: Exception) -> bool:
    return isinstance(error, sqlite3.Error) and _primary_code(error) in _DISK


def _primary_code(error: sqlite3.Error) -> int | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)  # None: not from SQLite itself
    return None if code is None else code & 0xFF


def _recover(connection: sqlite3.Connection, error: sqlite3.Error, *, failed_before: bool) -> None:
    """Make `connection` ready for the next transaction, or raise `sqlite3.Error` to give it up."""
    _roll_back(connection)
    if failed_before and _of_the_disk(error) and _primary_code(error) not in _PASSING:
        raise error


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:  # SQLite itself ends the transaction on some errors
        connection.execute("ROLLBACK")
