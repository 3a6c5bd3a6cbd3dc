from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from gateway.demo.broker import EmbeddedBroker
from gateway.kafka.connection import KafkaConnection
from gateway.kafka.reply_reader import AWAY, MISSING, NOT_WANTED, NOT_YET, ReplyReader
from tests.doubles.kafka_topic import (
    create,
    partitions,
    topic_name,
    widen,
    write,
    write_unreadable,
    writer,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.kafka.record import IncomingRecord
    from tests.doubles.kafka_events import RecordedEvents
    from tests.kafka.broker.apache_kafka import ApacheKafka


class Taken:
    """What a reader gave away."""

    def __init__(self) -> None:
        self.records: list[IncomingRecord] = []
        self._more = asyncio.Event()

    def take(self, record: IncomingRecord) -> None:
        self.records.append(record)
        self._more.set()

    async def values(self, count: int) -> list[bytes | None]:
        async with asyncio.timeout(30):
            while len(self.records) < count:
                self._more.clear()
                await self._more.wait()
        return [record.value for record in self.records]


@pytest.fixture
async def taken() -> Taken:
    return Taken()


@asynccontextmanager
async def reading(
    bootstrap: str, events: RecordedEvents, taken: Taken, *topics: str
) -> AsyncIterator[ReplyReader]:
    reader = ReplyReader(KafkaConnection(bootstrap), events, taken.take, quiet=0.5)
    reader.want(frozenset(topics))
    reader.start()
    try:
        for topic in topics:
            await ready(events, topic)
        yield reader
    finally:
        await reader.close()


async def ready(events: RecordedEvents, topic: str, *, up: bool = True) -> None:
    await events.until(lambda happened: happened.positions.get(topic) is up)


async def test_without_topics_it_connects_to_nothing_and_closes_at_once(
    events: RecordedEvents, taken: Taken
) -> None:
    reader = ReplyReader(KafkaConnection("127.0.0.1:1"), events, taken.take)
    reader.start()
    await asyncio.sleep(0)
    await reader.close()
    assert reader.obstacle("replies") == NOT_WANTED


async def test_a_topic_is_not_ready_before_the_brokers_were_asked(
    events: RecordedEvents, taken: Taken
) -> None:
    reader = ReplyReader(KafkaConnection("127.0.0.1:1"), events, taken.take)
    reader.want(frozenset({"replies"}))
    assert reader.obstacles() == {"replies": NOT_YET}
    assert events.positions == {"replies": False}


async def test_a_topic_with_an_obstacle_holds_up_no_other(
    apache: str, events: RecordedEvents, taken: Taken
) -> None:
    good, bad = topic_name("good"), "not/a topic"
    await partitions(apache, good)
    reader = ReplyReader(KafkaConnection(apache), events, taken.take)
    reader.want(frozenset({good, bad}))
    reader.start()
    await ready(events, good)
    assert reader.obstacles() == {bad: MISSING}
    await write(apache, good, b"seen", [])
    assert await taken.values(1) == [b"seen"]
    await reader.close()


async def test_wanting_other_topics_loses_nothing_on_those_that_stay(
    bootstrap: str, events: RecordedEvents, taken: Taken
) -> None:
    stays, goes, comes = (topic_name(name) for name in ("stays", "goes", "comes"))
    for topic in (stays, goes, comes):
        await partitions(bootstrap, topic)
    async with reading(bootstrap, events, taken, stays, goes) as reader, writer(bootstrap) as w:
        for number in range(20):
            await w.send_and_wait(stays, b"%d" % number, partition=0)
            if number == 10:
                reader.want(frozenset({stays, comes}))
                await w.send_and_wait(goes, b"unseen", partition=0)
        await ready(events, comes)
        assert not events.positions[goes]
        await w.send_and_wait(comes, b"seen", partition=0)
        values = await taken.values(21)
    assert set(values) == {b"seen", *(b"%d" % number for number in range(20))}


async def test_a_partition_that_is_added_later_is_read_from_its_beginning(
    apache: str, events: RecordedEvents, taken: Taken
) -> None:
    topic = topic_name("wider")
    await create(apache, topic, {})
    async with reading(apache, events, taken, topic):
        await widen(apache, topic, 3)
        async with writer(apache) as department:
            while len(await department.partitions_for(topic)) < 3:
                await department.client.force_metadata_update()
            await department.send_and_wait(topic, b"early", partition=2)
        assert await taken.values(1) == [b"early"]


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
async def test_a_reply_may_be_compressed(
    bootstrap: str, events: RecordedEvents, taken: Taken, compression: str
) -> None:
    topic = topic_name("compressed")
    await partitions(bootstrap, topic)
    async with (
        reading(bootstrap, events, taken, topic),
        writer(bootstrap, compression_type=compression) as department,
    ):
        await department.send_and_wait(topic, b"a" * 10_000)
        assert await taken.values(1) == [b"a" * 10_000]


async def test_a_record_that_cannot_be_decoded_stops_neither_its_topic_nor_others(
    bootstrap: str, events: RecordedEvents, taken: Taken
) -> None:
    poisoned, other = topic_name("poisoned"), topic_name("other")
    for topic in (poisoned, other):
        await partitions(bootstrap, topic)
    async with reading(bootstrap, events, taken, poisoned, other), writer(bootstrap) as department:
        await write_unreadable(bootstrap, poisoned)
        for number in range(20):
            await department.send_and_wait(other, b"%d" % number)
        await events.until(lambda happened: happened.fates == [("-", "malformed")])
        await ready(events, poisoned)
        await department.send_and_wait(poisoned, b"after", partition=0)
        values = await taken.values(21)
    assert set(values) == {b"after", *(b"%d" % number for number in range(20))}


async def test_a_reply_that_was_taken_back_is_not_read(
    apache: str, events: RecordedEvents, taken: Taken
) -> None:
    topic = topic_name("transactional")
    await create(apache, topic, {})
    async with (
        reading(apache, events, taken, topic),
        writer(apache, transactional_id=topic) as department,
    ):
        await department.begin_transaction()
        await department.send_and_wait(topic, b"taken back")
        await department.abort_transaction()
        async with department.transaction():
            await department.send_and_wait(topic, b"kept")
        assert await taken.values(1) == [b"kept"]


async def test_it_says_when_the_brokers_do_not_answer(events: RecordedEvents, taken: Taken) -> None:
    topic = topic_name("away")
    async with EmbeddedBroker() as broker:
        await partitions(broker.bootstrap, topic)
        async with reading(broker.bootstrap, events, taken, topic) as reader:
            await broker.kill()
            await ready(events, topic, up=False)
            assert reader.obstacles() == {topic: AWAY}


async def test_it_reads_on_where_it_was_when_the_brokers_come_back(
    own_apache: ApacheKafka, events: RecordedEvents, taken: Taken
) -> None:
    topic = topic_name("back")
    await create(own_apache.bootstrap, topic, {})
    async with reading(own_apache.bootstrap, events, taken, topic):
        await write(own_apache.bootstrap, topic, b"before", [])
        await taken.values(1)
        own_apache.kill()
        await ready(events, topic, up=False)
        await asyncio.to_thread(own_apache.start)
        await write(own_apache.bootstrap, topic, b"after", [])
        assert await taken.values(2) == [b"before", b"after"]
        await ready(events, topic)
