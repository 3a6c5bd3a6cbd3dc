from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from gateway.demo.broker import EmbeddedBroker
from gateway.kafka.connection import KafkaConnection
from gateway.kafka.reply_obstacles import AWAY, MISSING, NOT_WANTED, NOT_YET
from gateway.kafka.reply_reader import OVERLAP, ReplyReader
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
    bootstrap: str,
    events: RecordedEvents,
    taken: Taken,
    *topics: str,
    since: datetime | None = None,
) -> AsyncIterator[ReplyReader]:
    reader = ReplyReader(KafkaConnection(bootstrap), events, taken.take, quiet=0.5)
    reader.want(frozenset(topics))
    reader.start(since)
    try:
        for topic in topics:
            await ready(events, topic)
        yield reader
    finally:
        await reader.close()


async def ready(events: RecordedEvents, topic: str, *, up: bool = True) -> None:
    await events.until(lambda happened: happened.positions.get(topic) is up)


async def read_until(reader: ReplyReader, goal: datetime) -> datetime:
    """Wait until everything before `goal` is read, and return until when everything is."""
    async with asyncio.timeout(20):
        while (until := reader.read_until()) is None or until < goal:  # noqa: ASYNC110  # a plain value, as its caller has it
            await asyncio.sleep(0.05)
    return until


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
        await department.send_and_wait(poisoned, b"after", partition=0)
        values = await taken.values(21)
    assert set(values) == {b"after", *(b"%d" % number for number in range(20))}


async def test_what_stands_around_a_record_that_cannot_be_decoded_is_read(
    bootstrap: str, events: RecordedEvents, taken: Taken
) -> None:
    topic = topic_name("around")
    await partitions(bootstrap, topic)
    began = datetime.now(UTC)
    async with writer(bootstrap) as department:
        await department.send_and_wait(topic, b"before", partition=0)
        await write_unreadable(bootstrap, topic)
        for number in range(7):
            await department.send_and_wait(topic, b"%d" % number, partition=0)
    async with reading(bootstrap, events, taken, topic, since=began):
        values = await taken.values(8)
    assert values == [b"before", *(b"%d" % number for number in range(7))]
    assert events.fates == [("-", "malformed")]


async def test_from_a_time_back_it_reads_in_order_what_was_written_since(
    bootstrap: str, events: RecordedEvents, taken: Taken
) -> None:
    topic = topic_name("since")
    await partitions(bootstrap, topic)
    since = datetime.now(UTC)
    old = int((since - OVERLAP - timedelta(seconds=1)).timestamp() * 1000)
    async with writer(bootstrap) as department:
        for _ in range(3):
            await department.send_and_wait(topic, b"old", partition=0, timestamp_ms=old)
        for number in range(3):
            await department.send_and_wait(topic, b"%d" % number, partition=0)
        async with reading(bootstrap, events, taken, topic, since=since):
            await department.send_and_wait(topic, b"3", partition=0)
            assert await taken.values(4) == [b"0", b"1", b"2", b"3"]


async def test_a_topic_whose_records_are_all_older_is_read_from_its_end(
    bootstrap: str, events: RecordedEvents, taken: Taken
) -> None:
    topic = topic_name("older")
    since = datetime.now(UTC)
    old = int((since - OVERLAP - timedelta(days=1)).timestamp() * 1000)
    async with writer(bootstrap) as department:
        await department.send_and_wait(topic, b"old", partition=0, timestamp_ms=old)
        async with reading(bootstrap, events, taken, topic, since=since):
            await department.send_and_wait(topic, b"new", partition=0)
            assert await taken.values(1) == [b"new"]


async def test_a_topic_that_is_wanted_again_goes_on_where_it_was(
    bootstrap: str, events: RecordedEvents, taken: Taken
) -> None:
    stays, again = topic_name("stays"), topic_name("again")
    for topic in (stays, again):
        await partitions(bootstrap, topic)
    async with reading(bootstrap, events, taken, stays, again) as reader:
        reader.want(frozenset({stays}))
        await write(bootstrap, again, b"meanwhile", [])
        reader.want(frozenset({stays, again}))
        assert await taken.values(1) == [b"meanwhile"]


async def test_a_topic_that_a_reload_brings_may_be_read_from_a_time_back(
    bootstrap: str, events: RecordedEvents, taken: Taken
) -> None:
    stays, comes = topic_name("stays"), topic_name("comes")
    await partitions(bootstrap, stays)
    since = datetime.now(UTC)
    await partitions(bootstrap, comes)
    await write(bootstrap, comes, b"before", [])
    async with reading(bootstrap, events, taken, stays) as reader:
        reader.want(frozenset({stays, comes}), since)
        assert await taken.values(1) == [b"before"]


async def test_it_knows_until_when_it_has_read_everything(
    bootstrap: str, events: RecordedEvents, taken: Taken
) -> None:
    topic = topic_name("until")
    await partitions(bootstrap, topic)
    since = datetime.now(UTC) - timedelta(hours=1)
    await write(bootstrap, topic, b"1", [])
    written = datetime.now(UTC)
    async with reading(bootstrap, events, taken, topic, since=since) as reader:
        await taken.values(1)
        assert await read_until(reader, written) <= datetime.now(UTC)


async def test_the_mark_of_a_transaction_at_the_end_counts_as_read(
    apache: str, events: RecordedEvents, taken: Taken
) -> None:
    topic = topic_name("marked")
    await create(apache, topic, {})
    async with (
        reading(apache, events, taken, topic) as reader,
        writer(apache, transactional_id=topic) as department,
    ):
        async with department.transaction():
            await department.send_and_wait(topic, b"kept")
        await read_until(reader, datetime.now(UTC))


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
            until = reader.read_until()
            assert until is not None
            assert until <= datetime.now(UTC)


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
