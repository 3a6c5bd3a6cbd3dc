from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gateway.errors import BROKER_REFUSED, Fault
from gateway.kafka.outbox_fates import Fate, Fates, Settled
from gateway.kafka.record import Acknowledged
from gateway.kafka.spool import Spool
from gateway.kafka.spool_row import RowState
from tests.doubles.owned import end
from tests.doubles.spool_events import RecordedFates, RecordedSpoolEvents
from tests.kafka.outbox_desk import outgoing, uncounted, until, wall_clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    opened = Spool(tmp_path / "spool.db", now=wall_clock, committed=uncounted)
    await opened.open()
    yield opened
    await opened.close()


async def settled(spool: Spool, value: str, *, refused: bool = False) -> Settled:
    record = outgoing("topic", value)
    row = spool.row(record, b"", RowState.SENT)
    await spool.append(row)
    acknowledged = None if refused else Acknowledged("topic", 0, 1)
    fault = Fault(BROKER_REFUSED) if refused else None
    return Settled(row, Fate(value, "svc", b"", acknowledged, fault, replayed=False, record=record))


async def test_a_row_leaves_the_spool_after_its_fate_is_taken(spool: Spool) -> None:
    events, taker = RecordedSpoolEvents(), RecordedFates()
    fates = Fates(spool, events, taker.take)
    await fates.tell([await settled(spool, "a"), await settled(spool, "b", refused=True)])
    await until(lambda: spool.records == 0)
    assert [fate.event_id for fate in taker.taken] == ["a", "b"]
    assert events.drains == ["published", "refused"]


async def test_what_cannot_be_taken_is_told_again(spool: Spool) -> None:
    events, taker = RecordedSpoolEvents(), RecordedFates()
    fates = Fates(spool, events, taker.take)
    taker.away = True
    one = await settled(spool, "a")
    fates.late(one)
    run = asyncio.create_task(fates.run())
    await taker.until(lambda taker: taker.tried == 1)
    await fates.until_told(0.0)
    assert fates.untold == {one.row.seq if one.row else 0}
    assert spool.records == 1
    taker.away = False
    await fates.until_told(10.0)
    assert fates.untold == set()
    await until(lambda: spool.records == 0)
    await end(run)


async def test_the_fate_of_a_record_that_is_in_no_spool_is_told_too(spool: Spool) -> None:
    events, taker = RecordedSpoolEvents(), RecordedFates()
    fates = Fates(spool, events, taker.take)
    kept = await settled(spool, "a")
    await fates.tell([Settled(None, kept.fate)])
    assert taker.taken == [kept.fate]
    assert events.drains == []
    assert spool.records == 1


async def test_one_that_cannot_be_taken_holds_up_no_other_and_is_counted_alone(
    spool: Spool,
) -> None:
    events, taker = RecordedSpoolEvents(), RecordedFates()
    fates = Fates(spool, events, taker.take)
    taker.impossible = {"a"}
    both = [await settled(spool, "a"), await settled(spool, "b")]
    run = asyncio.create_task(fates.run())
    async with asyncio.timeout(0.5):
        await fates.tell(both)
    fates.late(await settled(spool, "c"))
    await until(lambda: spool.records == 1)
    assert fates.untold == {both[0].row.seq if both[0].row else 0}
    assert [fate.event_id for fate in taker.taken] == ["b", "c"]
    taker.impossible = set()
    await fates.until_told(10.0)
    await until(lambda: spool.records == 0)
    assert [fate.event_id for fate in taker.taken] == ["b", "c", "a"]
    await end(run)


async def test_what_cannot_be_taken_is_told_once_a_pause_whatever_else_comes(
    spool: Spool,
) -> None:
    events, taker = RecordedSpoolEvents(), RecordedFates()
    fates = Fates(spool, events, taker.take)
    taker.impossible = {"a"}
    run = asyncio.create_task(fates.run())
    fates.late(await settled(spool, "a"))
    for number in range(20):
        fates.late(await settled(spool, f"{number}"))
        await taker.until(lambda taker, number=number: len(taker.taken) > number)  # type: ignore[misc]  # bound now
    assert taker.tried - len(taker.taken) <= 2
    await end(run)
