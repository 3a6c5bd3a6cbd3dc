"""Files that workers left behind when they died."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from gateway.kafka.spool import Spool
from gateway.kafka.spool_row import RowState
from tests.doubles.kafka_topic import records, topic_name
from tests.kafka.outbox_desk import desk, outgoing, uncounted, until, wall_clock

if TYPE_CHECKING:
    from pathlib import Path

    from tests.kafka.outbox_desk import Desk


async def leave(path: Path, topic: str, count: int, state: RowState = RowState.WAITING) -> None:
    spool = Spool(path, now=wall_clock, committed=uncounted)
    await spool.open()
    for number in range(count):
        await spool.append(spool.row(outgoing(topic, f"{number:04}"), b"about", state))
    await spool.close()


async def only_the_third_is_taken_over(at: Desk, topic: str) -> None:
    """Files are looked at in the order of their names: `other.db` has had its turn by then."""
    await at.fates.until(lambda fates: bool(fates.taken))
    await at.until_empty()
    assert [fate.record.topic for fate in at.fates.taken] == [topic]


async def test_the_records_of_a_dead_worker_are_sent_and_its_files_go(
    tmp_path: Path, bootstrap: str
) -> None:
    topic = topic_name("orphan")
    await leave(tmp_path / "other.db", topic, 1200)
    async with desk(tmp_path / "own.db", bootstrap, orphans_after=0.0) as at:
        await at.fates.until(lambda fates: len(fates.taken) == 1200)
        await at.until_empty()
        await until(lambda: not list(tmp_path.glob("other*")))
        assert at.events.duplicates == 0
    found = await records(bootstrap, topic)
    assert [record.value for record in found] == [b"%04d" % number for number in range(1200)]


async def test_what_a_dead_worker_may_have_sent_is_marked(tmp_path: Path, embedded: str) -> None:
    topic = topic_name("orphan.sent")
    await leave(tmp_path / "other.db", topic, 3, RowState.SENT)
    async with desk(tmp_path / "own.db", embedded, orphans_after=0.0) as at:
        await at.fates.until(lambda fates: len(fates.taken) == 3)
        assert at.events.duplicates == 3
    found = await records(embedded, topic)
    assert [("ce_replayed", b"true") in record.headers for record in found] == [True] * 3


async def test_the_file_of_a_living_worker_is_left_alone(tmp_path: Path, embedded: str) -> None:
    dead = topic_name("dead")
    await leave(tmp_path / "other.db", topic_name("living"), 3)
    await leave(tmp_path / "third.db", dead, 1)
    living = Spool(tmp_path / "other.db", now=wall_clock, committed=uncounted)
    await living.open()
    async with desk(tmp_path / "own.db", embedded, orphans_after=0.0) as at:
        await only_the_third_is_taken_over(at, dead)
    assert len(await living.page(0)) == living.records == 3
    await living.close()


async def test_a_file_that_was_just_written_is_left_to_a_worker_that_starts_again(
    tmp_path: Path, embedded: str
) -> None:
    dead = topic_name("dead")
    await leave(tmp_path / "other.db", topic_name("again"), 3)
    await leave(tmp_path / "third.db", dead, 1)
    os.utime(tmp_path / "third.db", (0, 0))
    async with desk(tmp_path / "own.db", embedded, orphans_after=60.0) as at:
        await only_the_third_is_taken_over(at, dead)
    again = Spool(tmp_path / "other.db", now=wall_clock, committed=uncounted)
    await again.open()
    assert again.records == 3
    await again.close()


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
async def test_a_file_that_cannot_be_read_does_not_stop_the_others(
    tmp_path: Path, embedded: str, content: bytes
) -> None:
    (tmp_path / "broken.db").write_bytes(content)
    topic = topic_name("beside")
    await leave(tmp_path / "other.db", topic, 3)
    async with desk(tmp_path / "own.db", embedded, orphans_after=0.0) as at:
        await at.fates.until(lambda fates: len(fates.taken) == 3)
    assert (tmp_path / "broken.db").exists() == bool(content)
