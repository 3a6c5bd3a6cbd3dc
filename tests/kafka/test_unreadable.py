from __future__ import annotations

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from gateway.kafka.unreadable import first_readable
from tests.doubles.kafka_topic import partitions, topic_name, write_unreadable, writer


@pytest.mark.parametrize(("before", "unreadable", "after"), [(0, 1, 1), (2, 1, 5), (1, 6, 9)])
async def test_the_first_record_that_can_be_read_is_found(
    bootstrap: str, before: int, unreadable: int, after: int
) -> None:
    topic = topic_name("found")
    await partitions(bootstrap, topic)
    async with writer(bootstrap) as department:
        for _ in range(before):
            await department.send_and_wait(topic, b"good", partition=0)
        for _ in range(unreadable):
            await write_unreadable(bootstrap, topic)
        for _ in range(after):
            await department.send_and_wait(topic, b"good", partition=0)
    assert await found(bootstrap, topic, before) == before + unreadable


async def test_at_the_end_reading_goes_on_with_what_is_written_next(bootstrap: str) -> None:
    topic = topic_name("end")
    await partitions(bootstrap, topic)
    await write_unreadable(bootstrap, topic)
    assert await found(bootstrap, topic, 0) == 1


async def found(bootstrap: str, topic: str, bad: int) -> int:
    place = TopicPartition(topic, 0)
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None) as consumer:
        consumer.assign([place])
        return await first_readable(consumer, place, bad)
