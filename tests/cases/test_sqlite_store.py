"""The SQLite store beyond the protocol: its file, its migrations, damage, and a full disk."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import sys
from contextlib import closing
from importlib import resources
from typing import TYPE_CHECKING

import pytest

from gateway.cases.case import State
from gateway.cases.sqlite_store import SqliteStore, migrations
from gateway.cases.store import StoreError
from gateway.cases.transitions import CaseEvent
from gateway.cases.wire_form import to_bytes
from gateway.errors import StartError
from tests.cases.samples import a_case, at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "cases.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path)
    await store.open()
    yield store
    await store.close()


async def run_sql(path: Path, script: str, *values: object) -> None:
    """Run a script, or one statement with values, on the file as another program would."""

    def run() -> None:
        with closing(sqlite3.connect(path)) as db, db:
            if values:
                db.execute(script, values)
            else:
                db.executescript(script)

    await asyncio.to_thread(run)


async def damage(path: Path, case_id: str) -> None:
    await run_sql(path, "UPDATE cases SET data = ? WHERE id = ?", b"[no", case_id)


async def test_file_and_folder_are_the_owner_s_alone(store: SqliteStore, path: Path) -> None:
    modes = [os.stat(entry).st_mode & 0o777 for entry in (path, path.parent)]
    assert modes == [0o600, 0o700]


SCRIPTS = migrations()


@pytest.mark.parametrize("version", range(1, len(SCRIPTS) + 1))
async def test_a_file_of_each_older_version_is_migrated_and_read(path: Path, version: int) -> None:
    """A migration that comes later has to leave what the versions before it have written."""
    case = a_case()
    await asyncio.to_thread(path.parent.mkdir)
    await run_sql(path, f"{''.join(SCRIPTS[:version])}; PRAGMA user_version = {version};")
    insert = "INSERT INTO cases (id, service, state, updated_at, data) VALUES (?, ?, ?, ?, ?)"
    await run_sql(path, insert, case.id, case.service, "received", 1, to_bytes(case))
    store = SqliteStore(path)
    await store.open()
    try:
        assert await store.find(case.id) == case
        assert await store.count() == {(case.service, State.RECEIVED): 1}
    finally:
        await store.close()


def test_migrations_are_numbered_without_a_gap() -> None:
    folder = resources.files("gateway.cases") / "migrations" / "sqlite"
    names = sorted(script.name for script in folder.iterdir())
    assert [name[:5] for name in names] == [f"{n:04}_" for n in range(1, len(names) + 1)]
    assert len(SCRIPTS) == len(names)


async def test_a_file_of_a_newer_gateway_is_refused(path: Path) -> None:
    await asyncio.to_thread(path.parent.mkdir)
    await run_sql(path, "PRAGMA user_version = 999;")
    with pytest.raises(StartError, match="newer version"):
        await SqliteStore(path).open()


async def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StartError, match=r"file.*cases\.db"):
        await SqliteStore(tmp_path / "file" / "cases.db").open()


async def test_a_damaged_case_is_told_and_others_are_found(store: SqliteStore, path: Path) -> None:
    damaged, sound = a_case(), a_case()
    await asyncio.gather(store.insert(damaged), store.insert(sound))
    await damage(path, damaged.id)
    reading, found = store.find(damaged.id), store.find(sound.id)
    assert await found == sound
    with pytest.raises(StoreError, match=f"case {damaged.id} cannot be read: not a case"):
        await reading
    with pytest.raises(StoreError, match="cannot be read"):
        await store.apply(damaged.id, CaseEvent(State.PUBLISHED, at(1)))


async def test_a_damaged_case_keeps_no_other_from_expiring(
    store: SqliteStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damaged, sound = a_case(expires_at=at(1)), a_case(expires_at=at(2))
    await asyncio.gather(store.insert(damaged), store.insert(sound))
    await damage(path, damaged.id)
    with caplog.at_level(logging.ERROR):
        assert await store.expire(at(5), 1) == []
        (expired,) = await store.expire(at(5), 1)
    assert expired.id == sound.id
    assert damaged.id in caplog.text


async def test_a_case_that_cannot_be_written_as_bytes_fails_alone(store: SqliteStore) -> None:
    sound = a_case()
    inserting = store.insert(sound)
    with pytest.raises(TypeError):
        await store.insert(a_case(service="half a character: \ud800"))
    await inserting
    assert await store.find(sound.id) == sound


async def fill(store: SqliteStore) -> None:
    note = CaseEvent(None, at(1), note="made-up " * 60)
    for _ in range(500):
        case = a_case()
        await store.insert(case)
        await store.apply(case.id, note)


async def set_disk(store: SqliteStore, pages: int) -> None:
    """Make the disk as large as a number of pages, by SQLite's own limit."""
    script = f"PRAGMA max_page_count = {pages}"
    await store._commit.submit(lambda db: db.execute(script).fetchone())  # noqa: SLF001  # its file


async def test_a_full_disk_is_a_failure_until_there_is_room(store: SqliteStore) -> None:
    await set_disk(store, 60)
    with pytest.raises(StoreError, match=r"cases\.db cannot be written: .* full") as caught:
        await fill(store)
    assert "made-up" not in str(caught.value)
    assert store.failure is not None
    await set_disk(store, 9999)
    await store.insert(a_case())
    assert store.failure is None


async def test_a_closed_store_says_so(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.find("c" * 48)


CHILD = """
import asyncio, sys
from pathlib import Path
from gateway.cases.sqlite_store import SqliteStore
from tests.cases.samples import a_case

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    await store.open()
    while True:
        cases = [a_case() for _ in range(20)]
        await asyncio.gather(*(store.insert(case) for case in cases))
        print(*(case.id for case in cases), flush=True)

asyncio.run(main())
"""


async def test_a_killed_gateway_loses_no_case_that_was_stored(path: Path) -> None:
    command = (sys.executable, "-c", CHILD, str(path))
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    stored = [(await child.stdout.readline()).split() for _ in range(10)]
    child.kill()
    stored += [
        line.split()
        for line in (await child.stdout.read()).splitlines(keepends=True)
        if line.endswith(b"\n")
    ]
    await child.wait()
    ids = [case_id.decode() for line in stored for case_id in line]
    store = SqliteStore(path)
    await store.open()
    try:
        found = await asyncio.gather(*(store.find(case_id) for case_id in ids))
    finally:
        await store.close()
    assert len(found) >= 200
    assert all(found)
