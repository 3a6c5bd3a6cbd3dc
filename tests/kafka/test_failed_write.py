"""A write that the disk refused leaves nothing behind in the spool's own counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.group_commit import StorageError
from gateway.kafka.spool import Spool
from gateway.kafka.spool_row import RowState
from tests.kafka.outbox_desk import outgoing, uncounted

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

DAY = 24 * 3600.0


class Clock:
    """A wall clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


async def limit_pages(spool: Spool, pages: int) -> None:
    """The file cannot grow beyond `pages`: SQLite answers as it does on a full disk."""

    def operation(connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    await spool._file.submit(operation)  # noqa: SLF001  # a limit of its own connection


async def test_a_day_after_a_failed_write_an_empty_spool_takes_records(tmp_path: Path) -> None:
    clock = Clock()
    spool = Spool(tmp_path / "spool.db", now=clock, committed=uncounted)
    await spool.open()
    await limit_pages(spool, 20)
    large = spool.row(outgoing("topic", "x" * 500_000), b"", RowState.WAITING)
    with pytest.raises(StorageError):
        await spool.append(large)
    await limit_pages(spool, 1_000_000)
    assert (spool.records, spool.size) == (0, 0)
    clock.now += 2 * DAY
    assert spool.oldest_age == 0.0
    await spool.append(spool.row(outgoing("topic", "next"), b"", RowState.WAITING))
    await spool.close()


async def test_a_failed_write_beside_a_record_that_waits_makes_that_one_no_younger(
    tmp_path: Path,
) -> None:
    clock = Clock()
    spool = Spool(tmp_path / "spool.db", now=clock, committed=uncounted)
    await spool.open()
    await spool.append(spool.row(outgoing("topic", "waits"), b"", RowState.WAITING))
    await limit_pages(spool, 20)
    large = spool.row(outgoing("topic", "x" * 500_000), b"", RowState.WAITING)
    with pytest.raises(StorageError):
        await spool.append(large)
    clock.now += 60.0
    assert (spool.records, spool.oldest_age) == (1, 60.0)
    await spool.close()
