"""The spool on real files: limits, restarts, two owners, a full disk."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import pytest

from gateway.errors import SPOOL_FULL, Fault, StartError
from gateway.kafka.spool import LIMIT_BYTES, Spool
from gateway.kafka.spool_row import RowState
from tests.kafka.outbox_desk import outgoing, uncounted, until, wall_clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gateway.kafka.spool_row import SpoolRow


class Clock:
    """A wall clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def opened(path: Path, limit_bytes: int = LIMIT_BYTES) -> AsyncIterator[Spool]:
    spool = Spool(path, now=wall_clock, committed=uncounted, limit_bytes=limit_bytes)
    await spool.open()
    try:
        yield spool
    finally:
        await spool.close()


def a_row(spool: Spool, value: str, key: str | None = "key") -> SpoolRow:
    return spool.row(outgoing("topic", value, key), b"about", RowState.WAITING)


async def test_rows_come_back_in_order_of_arrival_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "spool" / "spool.db"
    async with opened(path) as spool:
        rows = [a_row(spool, f"{n}") for n in range(5)]
        await asyncio.gather(*(spool.append(row) for row in reversed(rows)))
    async with opened(path) as spool:
        assert await spool.page(0) == rows
        assert await spool.page(rows[2].seq) == rows[3:]
        assert (spool.records, spool.size) == (5, sum(row.size for row in rows))
        assert spool.next_seq() > rows[-1].seq


async def test_what_is_confirmed_is_fsynced(tmp_path: Path) -> None:
    async with opened(tmp_path / "spool.db") as spool:
        file = spool._file  # noqa: SLF001  # a setting of its own connection, which nothing else tells
        assert await file.submit(lambda c: c.execute("PRAGMA synchronous").fetchone()) == (2,)
        assert await file.submit(lambda c: c.execute("PRAGMA journal_mode").fetchone()) == ("wal",)


async def test_settled_rows_go_together_and_free_their_room(tmp_path: Path) -> None:
    async with opened(tmp_path / "spool.db") as spool:
        rows = [a_row(spool, f"{n}") for n in range(100)]
        await asyncio.gather(*(spool.append(row) for row in rows))
        for row in rows[:99]:
            spool.resolve([row.seq])
        await until(lambda: spool.records == 1)
        assert spool.size == rows[99].size
        assert spool.gone == frozenset()
        assert await spool.page(0) == rows[99:]


async def test_closing_removes_what_is_settled(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    async with opened(path) as spool:
        rows = [a_row(spool, f"{n}") for n in range(10)]
        await asyncio.gather(*(spool.append(row) for row in rows))
        for row in rows:
            spool.resolve([row.seq])
    async with opened(path) as spool:
        assert spool.records == 0


async def test_more_than_its_limit_is_refused_before_it_is_written(tmp_path: Path) -> None:
    async with opened(tmp_path / "spool.db", limit_bytes=1000) as spool:
        accepted = [spool.append(a_row(spool, f"{n}")) for n in range(4)]
        with pytest.raises(Fault) as caught:
            _ = spool.append(a_row(spool, "more"))
        assert caught.value.cause is SPOOL_FULL
        assert caught.value.retry_after
        await asyncio.gather(*accepted)
        rows = await spool.page(0)
        spool.resolve([rows[0].seq])
        await until(lambda: spool.records == 3)
        await spool.append(a_row(spool, "more"))


async def test_when_the_oldest_row_is_too_old_no_more_are_taken(tmp_path: Path) -> None:
    clock = Clock()
    spool = Spool(tmp_path / "spool.db", now=clock, committed=uncounted, max_age=3600.0)
    await spool.open()
    first = a_row(spool, "first")
    await spool.append(first)
    clock.now += 3000.0
    second = a_row(spool, "second")
    await spool.append(second)
    assert spool.oldest_age == 3000.0
    clock.now += 601.0
    with pytest.raises(Fault) as caught:
        _ = spool.append(a_row(spool, "third"))
    assert caught.value.cause is SPOOL_FULL
    assert await spool.page(0) == [first, second]
    spool.resolve([first.seq])
    await until(lambda: spool.records == 1)
    assert spool.oldest_age == 601.0
    await spool.append(a_row(spool, "third"))
    await spool.close()


async def test_numbers_go_on_after_a_restart_although_the_file_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    async with opened(path) as spool:
        last = spool.next_seq()
    async with opened(path) as spool:
        assert spool.next_seq() > last


async def test_a_file_has_one_owner(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    async with opened(path):
        with pytest.raises(StartError, match="another running process"):
            await Spool(path, now=wall_clock, committed=uncounted).open(patience=0.2)
    async with opened(path):
        pass


async def test_an_owner_that_goes_soon_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    first, second = (
        Spool(path, now=wall_clock, committed=uncounted),
        Spool(path, now=wall_clock, committed=uncounted),
    )
    await first.open()
    waiting = asyncio.create_task(second.open())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await first.close()
    await waiting
    await second.close()


async def test_a_folder_that_cannot_be_used_says_which(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match=r"file/spool\.db cannot be locked"):
        await Spool(tmp_path / "file" / "spool.db", now=wall_clock, committed=uncounted).open()


FULL_DISK: Final = """
import asyncio, resource, signal, sys, time
from pathlib import Path
from gateway.errors import Fault
from gateway.kafka.connection import KafkaConnection
from gateway.kafka.outbox import Outbox
from gateway.kafka.producer import SupervisedProducer
from gateway.kafka.record import OutgoingRecord
from gateway.kafka.spool import Spool
from tests.doubles.kafka_events import RecordedEvents
from tests.doubles.spool_events import RecordedFates, RecordedSpoolEvents

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

async def send(outbox, value):
    record = OutgoingRecord("e", "svc", "topic", b"key", value, ())
    try:
        return type(await outbox.send(record, spill_after=1.0, journal=False, about=b"")).__name__
    except Fault as fault:
        return fault.cause.code

async def main():
    producer = SupervisedProducer(KafkaConnection("127.0.0.1:1"), RecordedEvents())
    events = RecordedSpoolEvents()
    spool = Spool(Path(sys.argv[1]), now=time.time, committed=events.committed)
    outbox = Outbox(producer, spool, events, RecordedFates().take)
    await outbox.start()
    print(await send(outbox, b"small"), outbox.obstacle)
    limit(150_000)
    print(await send(outbox, bytes(300_000)))
    print(await send(outbox, b"small"), outbox.obstacle is not None, events.refusals)
    limit(resource.RLIM_INFINITY)
    async with asyncio.timeout(10):
        while outbox.obstacle is not None:
            await asyncio.sleep(0.05)
    print(await send(outbox, bytes(300_000)), outbox.depth)
    await outbox.close(0.0)

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
asyncio.run(main())
"""
"""A program of its own, because the limit on the size of files holds for a whole process."""


async def test_a_full_disk_refuses_says_so_and_is_over_when_there_is_room(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FULL_DISK, str(tmp_path / "spool.db"), stdout=subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert output.decode().splitlines() == [
        "Spooled None",
        "spool_failed",
        "spool_failed True ['failed', 'failed']",
        "Spooled 2",
    ]
