from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition

from gateway.kafka.reply_positions import Positions
from tests.doubles.kafka_topic import create, partitions, topic_name, writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@asynccontextmanager
async def reading(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None) as consumer:
        yield consumer


async def filled(bootstrap: str, topic: str) -> TopicPartition:
    """Write one record an hour, the last one at `NOW`."""
    await partitions(bootstrap, topic)
    async with writer(bootstrap) as department:
        for hours in (3, 2, 1, 0):
            at = int((NOW - timedelta(hours=hours)).timestamp() * 1000)
            await department.send_and_wait(topic, b"", partition=0, timestamp_ms=at)
    return TopicPartition(topic, 0)


async def test_without_a_time_a_partition_begins_at_its_end(bootstrap: str) -> None:
    place = await filled(bootstrap, topic_name("end"))
    positions = Positions()
    async with reading(bootstrap) as consumer:
        assert await positions.find(consumer, {place}, {}) == set()
    assert place in positions
    assert positions.next(place) == 4


async def test_with_a_time_it_begins_with_the_first_record_since(apache: str) -> None:
    place = await filled(apache, topic_name("since"))
    positions = Positions()
    async with reading(apache) as consumer:
        await positions.find(consumer, {place}, {place.topic: NOW - timedelta(minutes=90)})
    assert positions.next(place) == 2


async def test_with_a_time_after_all_records_it_begins_at_the_end(apache: str) -> None:
    place = await filled(apache, topic_name("after"))
    positions = Positions()
    async with reading(apache) as consumer:
        await positions.find(consumer, {place}, {place.topic: NOW + timedelta(minutes=1)})
    assert positions.next(place) == 4


async def test_a_broker_that_cannot_tell_is_read_from_the_beginning_without_what_is_older(
    embedded: str,
) -> None:
    place = await filled(embedded, topic_name("silent"))
    positions = Positions()
    async with reading(embedded) as consumer:
        await positions.find(consumer, {place}, {place.topic: NOW - timedelta(minutes=90)})
        assert positions.next(place) == 0
        consumer.assign([place])
        positions.seek(consumer)
        kept = []
        while positions.next(place) < 4:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                kept += [record.offset for record in positions.asked_for(place, records)]
                positions.go_on(place, records[-1].offset + 1)
    assert kept == [2, 3]


async def test_a_partition_that_is_added_begins_at_its_beginning(bootstrap: str) -> None:
    place = await filled(bootstrap, topic_name("added"))
    positions = Positions()
    async with reading(bootstrap) as consumer:
        await positions.find(consumer, {TopicPartition(place.topic, 1)}, {})
        await positions.find(consumer, {place}, {})
    assert positions.next(place) == 0


async def test_a_topic_that_is_not_there_gets_no_place_and_holds_up_no_other(apache: str) -> None:
    topic = topic_name("there")
    await create(apache, topic, {})
    there, missing = TopicPartition(topic, 0), TopicPartition("not/there", 0)
    positions = Positions()
    async with reading(apache) as consumer:
        await positions.find(consumer, {there, missing}, {})
    assert there in positions
    assert missing not in positions


async def test_what_is_read_until_a_time_is_that_of_the_partition_furthest_behind(
    bootstrap: str,
) -> None:
    place = await filled(bootstrap, topic_name("until"))
    other = TopicPartition(topic_name("other"), 0)
    await partitions(bootstrap, other.topic)
    positions = Positions()
    began = datetime.now(UTC) - timedelta(seconds=1)
    async with reading(bootstrap) as consumer:
        assert positions.read_until({place.topic}) is None
        await positions.find(consumer, {place}, {place.topic: NOW})
        assert positions.read_until({place.topic}) == NOW
        await positions.find(consumer, {other}, {})
        until = positions.read_until({other.topic})
        assert until is not None
        assert until > began
        assert positions.read_until({place.topic, other.topic}) == NOW


def test_giving_up_all_places_leaves_none() -> None:
    place = TopicPartition("topic", 0)
    positions = Positions()
    positions.go_on(place, 7)
    positions.forget()
    assert place not in positions
