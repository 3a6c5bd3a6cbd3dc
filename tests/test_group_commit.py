"""Operations that share a transaction, on real files; a full disk is a real limit on files."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Literal

import pytest

from gateway.errors import StartError
from gateway.group_commit import GroupCommit, StorageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

SCHEMA: Final = ("CREATE TABLE things (name TEXT PRIMARY KEY, content BLOB)",)


FULL_DISK: Final = """
import asyncio, resource, signal, sys
from pathlib import Path
from gateway.group_commit import GroupCommit, StorageError

def large(connection):
    connection.execute("INSERT INTO things VALUES (zeroblob(500000))")

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

async def main():
    store = GroupCommit(Path(sys.argv[1]), synchronous="FULL")
    await store.open(["CREATE TABLE things (content BLOB)"])
    limit(200_000)
    try:
        await store.submit(large)
    except StorageError:
        print("refused", store.failure is not None)
    limit(resource.RLIM_INFINITY)
    async with asyncio.timeout(10):
        while store.failure is not None:
            await asyncio.sleep(0.05)
    await store.submit(large)
    await store.close()
    print("written")

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
asyncio.run(main())
"""
"""A program of its own, because the limit on the size of files holds for a whole process."""

LOST_FILES: Final = """
import asyncio, os, sys
from contextlib import suppress
from pathlib import Path
from gateway.group_commit import GroupCommit, StorageError

def write(connection):
    connection.execute("INSERT INTO things VALUES (zeroblob(500000))")

def lose(path):
    other = os.open("/dev/null", os.O_RDWR)
    for number in os.listdir("/proc/self/fd"):
        link = f"/proc/self/fd/{number}"
        if os.path.exists(link) and os.readlink(link) in (path, path + "-wal"):
            os.dup2(other, int(number))

async def main():
    store = GroupCommit(Path(sys.argv[1]), synchronous="FULL")
    await store.open(["CREATE TABLE things (content BLOB)"])
    await store.submit(write)
    lose(sys.argv[1])
    try:
        await store.submit(write)
    except StorageError:
        print("refused", store.failure is not None)
    async with asyncio.timeout(20):
        while store.failure is not None:
            await asyncio.sleep(0.05)
            if sys.argv[2] == "busy":
                with suppress(StorageError):
                    await store.submit(lambda c: c.execute("DELETE FROM things WHERE content = 1"))
    await store.submit(write)
    print(*await store.submit(lambda c: c.execute("SELECT count(*) FROM things").fetchone()))
    await store.close()

asyncio.run(main())
"""
"""A program of its own, because it takes the files away under SQLite's feet, as a mount that goes
and comes back: the connection fails with an I/O error whatever it does, for ever."""


class Commits:
    """The commits that were reported."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.seconds: list[float] = []

    def __call__(self, operations: int, seconds: float) -> None:
        self.sizes.append(operations)
        self.seconds.append(seconds)


@asynccontextmanager
async def opened(
    path: Path, commits: Commits | None = None, max_batch: int = 512
) -> AsyncIterator[GroupCommit]:
    store = GroupCommit(
        path, synchronous="FULL", committed=commits or Commits(), max_batch=max_batch
    )
    await store.open(SCHEMA)
    try:
        yield store
    finally:
        await store.close()


def add(name: str, size: int = 0) -> Callable[[sqlite3.Connection], str]:
    def operation(connection: sqlite3.Connection) -> str:
        connection.execute("INSERT INTO things VALUES (?, zeroblob(?))", (name, size))
        return name

    return operation


def names(connection: sqlite3.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM things ORDER BY name")]


def limit_pages(pages: int) -> Callable[[sqlite3.Connection], None]:
    """The file cannot grow beyond `pages`: SQLite answers as it does on a full disk."""

    def operation(connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    return operation


async def hold(store: GroupCommit) -> threading.Event:
    """Keep the writer busy until the event is set: all that is handed in meanwhile is one batch."""
    running = threading.Event()
    gate = threading.Event()

    def operation(_: sqlite3.Connection) -> None:
        running.set()
        gate.wait(10.0)

    _ = store.submit(operation)  # its end is the gate
    await asyncio.to_thread(running.wait, 10.0)
    return gate


async def test_what_is_answered_is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "things.db"
    async with opened(path) as store:
        assert await store.submit(add("one")) == "one"
        with sqlite3.connect(path) as other:
            assert names(other) == ["one"]
        other.close()


async def test_operations_that_come_together_share_one_commit(tmp_path: Path) -> None:
    commits = Commits()
    async with opened(tmp_path / "things.db", commits) as store:
        gate = await hold(store)
        rest = [store.submit(add(f"{number:02}")) for number in range(20)]
        gate.set()
        await asyncio.gather(*rest)
        assert len(await store.submit(names)) == 20
    assert commits.sizes == [1, 20, 1]
    assert min(commits.seconds) >= 0


async def test_a_transaction_holds_no_more_than_it_may(tmp_path: Path) -> None:
    commits = Commits()
    async with opened(tmp_path / "things.db", commits, max_batch=8) as store:
        gate = await hold(store)
        rest = [store.submit(add(f"{number:02}")) for number in range(20)]
        gate.set()
        await asyncio.gather(*rest)
    assert commits.sizes == [1, 8, 8, 4]


async def test_an_exception_of_one_operation_leaves_the_others_whole(tmp_path: Path) -> None:
    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO things VALUES ('half', NULL)")
        raise KeyError("its own")

    async with opened(tmp_path / "things.db") as store:
        gate = await hold(store)
        before, failing, after = (store.submit(o) for o in (add("before"), half, add("after")))
        gate.set()
        assert [await before, await after] == ["before", "after"]
        with pytest.raises(KeyError, match="its own"):
            await failing
        assert await store.submit(names) == ["after", "before"]
        assert store.failure is None


async def test_a_constraint_fails_its_own_operation_alone(tmp_path: Path) -> None:
    async with opened(tmp_path / "things.db") as store:
        await store.submit(add("one"))
        with pytest.raises(sqlite3.IntegrityError):
            await store.submit(add("one"))
        assert store.failure is None


async def test_a_file_that_cannot_grow_fails_the_whole_transaction(tmp_path: Path) -> None:
    async with opened(tmp_path / "things.db") as store:
        await store.submit(limit_pages(20))
        gate = await hold(store)
        small, large = store.submit(add("small")), store.submit(add("large", 1_000_000))
        gate.set()
        for future in (small, large):
            with pytest.raises(StorageError, match=r"things\.db cannot be written: .*full"):
                await future
        assert store.failure is not None
        assert await store.submit(names) == []


async def test_a_failure_is_over_when_writing_works_again(tmp_path: Path) -> None:
    async with opened(tmp_path / "things.db") as store:
        await store.submit(limit_pages(20))
        with pytest.raises(StorageError):
            await store.submit(add("large", 1_000_000))
        await store.submit(limit_pages(1_000_000))
        assert store.failure is None
        await store.submit(add("large", 1_000_000))


async def test_a_disk_that_works_again_is_noticed_although_nobody_writes(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FULL_DISK, str(tmp_path / "things.db"), stdout=subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert output.decode().split("\n")[:2] == ["refused True", "written"]


@pytest.mark.parametrize("load", ["idle", "busy"])
async def test_a_file_that_is_lost_and_back_is_opened_again(tmp_path: Path, load: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LOST_FILES, str(tmp_path / "things.db"), load, stdout=subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert output.decode().split("\n")[:2] == ["refused True", "2"]


async def test_a_connection_that_cannot_even_roll_back_is_replaced(tmp_path: Path) -> None:
    async with opened(tmp_path / "things.db") as store, asyncio.timeout(10):
        await store.submit(add("before"))
        gate = await hold(store)
        first, broken, behind = (
            store.submit(operation) for operation in (add("one"), sqlite3.Connection.close, names)
        )
        gate.set()
        for future in (first, broken, behind):
            with pytest.raises(StorageError, match=r"things\.db cannot be written: .*closed"):
                await future
        await store.submit(add("after"))
        assert await store.submit(names) == ["after", "before"]
        assert store.failure is None


async def test_while_the_file_cannot_be_opened_again_everybody_is_told_why(
    tmp_path: Path,
) -> None:
    path, aside = tmp_path / "data" / "things.db", tmp_path / "aside"
    async with opened(path) as store, asyncio.timeout(20):
        await store.submit(add("before"))
        gate = await hold(store)
        broken = store.submit(sqlite3.Connection.close)
        path.parent.rename(aside)
        path.parent.write_text("a file where the folder was")
        gate.set()
        with pytest.raises(StorageError):
            await broken
        for _ in range(3):
            with pytest.raises(StorageError, match="data"):
                await store.submit(names)
        assert store.failure is not None
        path.parent.unlink()
        aside.rename(path.parent)
        while store.failure is not None:  # noqa: ASYNC110  # nobody is told when it clears
            await asyncio.sleep(0.05)
        assert await store.submit(names) == ["before"]


async def test_closing_does_not_wait_for_a_file_that_cannot_be_opened_again(
    tmp_path: Path,
) -> None:
    path = tmp_path / "data" / "things.db"
    async with asyncio.timeout(5), opened(path) as store:
        gate = await hold(store)
        broken = store.submit(sqlite3.Connection.close)
        path.parent.rename(tmp_path / "aside")
        path.parent.write_text("a file where the folder was")
        gate.set()
        with pytest.raises(StorageError):
            await broken
        last = store.submit(names)
    with pytest.raises(StorageError):
        await last


@pytest.mark.parametrize(("synchronous", "level"), [("FULL", 2), ("NORMAL", 1)])
async def test_a_commit_is_as_safe_as_was_asked_for(
    tmp_path: Path, synchronous: Literal["FULL", "NORMAL"], level: int
) -> None:
    store = GroupCommit(tmp_path / "things.db", synchronous=synchronous)
    await store.open(SCHEMA)
    assert await store.submit(lambda c: c.execute("PRAGMA synchronous").fetchone()) == (level,)
    assert await store.submit(lambda c: c.execute("PRAGMA journal_mode").fetchone()) == ("wal",)
    await store.close()


async def test_a_cancelled_wait_does_not_take_the_operation_back(tmp_path: Path) -> None:
    async with opened(tmp_path / "things.db") as store:
        gate = await hold(store)
        cancelled = store.submit(add("one"))
        cancelled.cancel()
        gate.set()
        assert await store.submit(names) == ["one"]


async def test_closing_writes_what_was_handed_in(tmp_path: Path) -> None:
    store = GroupCommit(tmp_path / "things.db", synchronous="NORMAL")
    await store.open(SCHEMA)
    futures = [store.submit(add(f"{number:03}")) for number in range(200)]
    await store.close()
    assert [future.result() for future in futures] == [f"{number:03}" for number in range(200)]
    with pytest.raises(StorageError, match="closed"):
        await store.submit(names)
    await store.close()


async def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "things.db"
    async with opened(path) as store:
        await store.submit(add("one"))
        modes = {file.name: stat.S_IMODE(os.stat(file).st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("things.db", "things.db-wal", "things.db-shm"), 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_migrations_are_applied_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "things.db"
    async with opened(path) as store:
        await store.submit(add("old"))
    later = GroupCommit(path, synchronous="FULL")
    await later.open(
        [*SCHEMA, "ALTER TABLE things ADD colour TEXT; UPDATE things SET colour = 'red'"]
    )
    found = await later.submit(lambda c: c.execute("SELECT name, colour FROM things").fetchall())
    await later.close()
    assert found == [("old", "red")]


async def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "things.db"
    async with opened(path) as store:
        await store.submit(add("old"))
    with pytest.raises(StartError, match=r"things\.db cannot be used"):
        await GroupCommit(path, synchronous="FULL").open(
            [*SCHEMA, "DELETE FROM things; INSERT INTO nowhere VALUES (1)"]
        )
    async with opened(path) as store:
        assert await store.submit(names) == ["old"]


async def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "things.db"
    newer = GroupCommit(path, synchronous="FULL")
    await newer.open([*SCHEMA, "CREATE TABLE more (name TEXT)"])
    await newer.close()
    with pytest.raises(StartError, match="newer version"):
        await GroupCommit(path, synchronous="FULL").open(SCHEMA)


async def test_a_file_that_is_no_database_says_which(tmp_path: Path) -> None:
    path = tmp_path / "things.db"
    path.write_bytes(b"not a database at all" * 100)
    store = GroupCommit(path, synchronous="FULL")
    with pytest.raises(StartError, match=r"things\.db cannot be used: .*not a database"):
        await store.open(SCHEMA)
    with pytest.raises(StorageError):
        await store.submit(names)
