"""Rows that cannot go: each holds up its own key or topic, and nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gateway.errors import BROKER_REFUSED, RECORD_TOO_LARGE
from gateway.kafka.outbox import Spooled
from gateway.kafka.record import Acknowledged
from gateway.kafka.spool import PAGE_ROWS, Spool
from gateway.kafka.spool_drain import LAST_ATTEMPT
from gateway.kafka.spool_row import RowState
from tests.doubles.kafka_proxy import KafkaProxy
from tests.doubles.kafka_topic import partitions, records, topic_name
from tests.kafka.outbox_desk import desk, outgoing, uncounted, until, wall_clock

if TYPE_CHECKING:
    from pathlib import Path

REPLAYED = ("ce_replayed", b"true")
MESSAGE_TOO_LARGE = 10


@pytest.mark.timeout(90)
async def test_a_record_whose_partition_has_no_leader_waits_however_often_it_fails(
    tmp_path: Path, embedded: str
) -> None:
    topic, other = topic_name("leaderless"), topic_name("other")
    for name in (topic, other):
        await partitions(embedded, name)
    async with KafkaProxy(embedded) as proxy:
        proxy.take_leaders(topic)
        async with desk(tmp_path / "spool.db", proxy.address, request_timeout=0.5) as at:
            sent = [await at.send(outgoing(topic, f"{n}"), spill_after=0.1) for n in range(3)]
            assert [type(one) for one in sent] == [Spooled] * 3
            await until(lambda: at.events.duplicates > LAST_ATTEMPT, 80)
            assert at.fates.taken == []
            assert isinstance(await at.send(outgoing(other, "beside")), Acknowledged)
            proxy.give_leaders(topic)
            await at.until_empty()
            assert [(fate.event_id, fate.fault) for fate in at.fates.taken] == [
                ("0", None),
                ("1", None),
                ("2", None),
            ]
    found = await records(embedded, topic)
    assert [record.value for record in found] == [b"0", b"1", b"2"]


async def test_topics_that_nobody_knows_hold_up_their_own_records_alone(
    tmp_path: Path, embedded: str
) -> None:
    missing, known = [topic_name(f"missing{n}") for n in range(2)], topic_name("known")
    for name in (*missing, known):
        await partitions(embedded, name)
    path = tmp_path / "spool.db"
    async with KafkaProxy(embedded) as proxy:
        async with desk(path, proxy.address, connect=False) as at:
            for topic in missing:
                await at.send(outgoing(topic, f"first of {topic}"))
                await at.send(outgoing(topic, f"second of {topic}"))
                proxy.hide(topic)
            for number in range(20):
                await at.send(outgoing(known, f"{number:02}"))
        async with desk(path, proxy.address) as at:
            await at.fates.until(lambda fates: len(fates.taken) == 20, 20)
            assert {fate.record.topic for fate in at.fates.taken} == {known}
            for topic in missing:
                proxy.show(topic)
            await at.until_empty()
            assert [fate.fault for fate in at.fates.taken] == [None] * 24
    for topic in missing:
        found = await records(embedded, topic)
        assert [record.value for record in found] == [
            f"first of {topic}".encode(),
            f"second of {topic}".encode(),
        ]


async def test_a_row_that_is_damaged_holds_up_nobody_and_is_refused_in_the_end(
    tmp_path: Path, bootstrap: str
) -> None:
    """A key that is text on the disk: the producer fails as nobody expects."""
    topic = topic_name("damaged")
    path = tmp_path / "spool.db"
    spool = Spool(path, now=wall_clock, committed=uncounted)
    await spool.open()
    rows = [spool.row(outgoing(topic, value), b"", RowState.WAITING) for value in "abcd"]
    rows[1] = rows[1]._replace(key="text", key_hash=1)  # type: ignore[arg-type]  # the damage
    for row in rows:
        await spool.append(row)
    await spool.close()
    async with desk(path, bootstrap) as at:
        await at.until_empty()
        faults = {fate.event_id: fate.fault for fate in at.fates.taken}
        assert len(at.fates.taken) == 4
        assert faults["b"] is not None
        assert (faults["b"].cause, faults["b"].may_have_been_sent) == (BROKER_REFUSED, True)
        assert [faults[value] for value in "acd"] == [None] * 3
        assert at.events.duplicates <= LAST_ATTEMPT - 1  # tries of the damaged one
    found = await records(bootstrap, topic)
    assert [record.value for record in found] == [b"a", b"c", b"d"]
    assert not [record for record in found if REPLAYED in record.headers]


async def test_a_record_that_the_producer_cannot_make_sense_of_does_not_hold_its_key(
    tmp_path: Path, embedded: str
) -> None:
    topic = topic_name("nonsense")
    nonsense = outgoing(topic, "nonsense")._replace(headers=(("half a pair \ud800", b""),))
    async with desk(tmp_path / "spool.db", embedded) as at:
        await at.send(outgoing(topic, "before"))
        with pytest.raises(UnicodeEncodeError):
            await at.send(nonsense)
        assert isinstance(await at.send(outgoing(topic, "after")), Acknowledged)


async def test_a_fate_that_nobody_can_take_holds_up_nothing_but_its_row(
    tmp_path: Path, embedded: str
) -> None:
    topic = topic_name("poison")
    path = tmp_path / "spool.db"
    behind = [f"{number:03}" for number in range(PAGE_ROWS + 100)]
    async with desk(path, embedded, connect=False) as at:
        await at.send(outgoing(topic, "poison"))
        await asyncio.gather(*(at.send(outgoing(topic, value)) for value in behind))
    async with desk(path, embedded) as at:
        at.fates.impossible = {"poison"}
        await at.fates.until(lambda fates: len(fates.taken) == len(behind))
        assert isinstance(await at.send(outgoing(topic, "new")), Acknowledged)
        await until(lambda: at.spool.records == 1)
        at.fates.impossible = set()
        await at.until_empty()
        assert at.events.duplicates == 0
    found = [(record.value or b"").decode() for record in await records(embedded, topic)]
    assert found == ["poison", *behind, "new"]


async def test_while_no_fate_is_taken_only_so_many_rows_are_sent(
    tmp_path: Path, embedded: str
) -> None:
    topic = topic_name("nobody.listens")
    path = tmp_path / "spool.db"
    async with desk(path, embedded, connect=False) as at:
        numbers = range(2 * PAGE_ROWS + 100)
        await asyncio.gather(*(at.send(outgoing(topic, f"{number:04}")) for number in numbers))
    async with desk(path, embedded) as at:
        at.fates.away = True
        await at.fates.until(lambda fates: fates.tried >= 2 * PAGE_ROWS)
        assert len(await records(embedded, topic)) == PAGE_ROWS
        at.fates.away = False
        await at.until_empty()
    found = [record.value for record in await records(embedded, topic)]
    assert found == [b"%04d" % number for number in numbers]


async def test_records_of_a_refused_batch_are_sent_one_by_one_and_without_a_mark(
    tmp_path: Path, embedded: str
) -> None:
    """Their topic takes less than the brokers tell, so they are in one batch at first."""
    topic = topic_name("refused.batch")
    await partitions(embedded, topic)
    path = tmp_path / "spool.db"
    async with KafkaProxy(embedded) as proxy:
        async with desk(path, proxy.address, connect=False) as at:
            for number in range(5):
                await at.send(outgoing(topic, f"{number}"))
        proxy.refuse(MESSAGE_TOO_LARGE)
        async with desk(path, proxy.address) as at:
            await at.until_empty()
            assert [fate.fault for fate in at.fates.taken] == [None] * 5
            assert at.kafka.restarts == 1
            assert at.events.duplicates == 0
    found = await records(embedded, topic)
    assert [record.value for record in found] == [b"%d" % number for number in range(5)]
    assert not [record for record in found if REPLAYED in record.headers]


@pytest.mark.timeout(60)
async def test_a_record_that_is_refused_alone_again_and_again_is_refused_for_good(
    tmp_path: Path, embedded: str
) -> None:
    topic = topic_name("refused.alone")
    await partitions(embedded, topic)
    path = tmp_path / "spool.db"
    async with KafkaProxy(embedded) as proxy:
        async with desk(path, proxy.address, connect=False) as at:
            await at.send(outgoing(topic, "large"))
        for _ in range(3):
            proxy.refuse(MESSAGE_TOO_LARGE)
        async with desk(path, proxy.address) as at:
            await at.until_empty()
            [fate] = at.fates.taken
            assert fate.fault is not None
            assert fate.fault.cause is RECORD_TOO_LARGE
            assert at.kafka.restarts in {2, 3}
            assert at.events.duplicates == 0
            assert isinstance(await at.send(outgoing(topic, "next")), Spooled | Acknowledged)
            await at.until_empty()
    assert [record.value for record in await records(embedded, topic)] == [b"next"]


@pytest.mark.timeout(60)
async def test_after_a_refused_batch_a_record_answers_for_itself_alone(
    tmp_path: Path, embedded: str
) -> None:
    """Of three refusals the first is the batch's, and the others are of its first record."""
    topic = topic_name("refused.first")
    await partitions(embedded, topic)
    path = tmp_path / "spool.db"
    async with KafkaProxy(embedded) as proxy:
        async with desk(path, proxy.address, connect=False) as at:
            for number in range(5):
                await at.send(outgoing(topic, f"{number}"))
        for _ in range(3):
            proxy.refuse(MESSAGE_TOO_LARGE)
        async with desk(path, proxy.address) as at:
            await at.until_empty()
            refused = [fate.record.value for fate in at.fates.taken if fate.fault is not None]
    assert refused == [b"0"]
    found = [record.value for record in await records(embedded, topic)]
    assert found == [b"%d" % number for number in range(1, 5)]
