from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiokafka.structs import RecordMetadata, TopicPartition

from gateway.errors import RECORD_TOO_LARGE, TOPIC_UNKNOWN, Fault
from gateway.kafka.connection import KafkaConnection
from gateway.kafka.producer_life import MAX_REQUEST_SIZE, OutOfSequence, ProducerLife, known_offset
from tests.doubles.kafka_topic import create, records, topic_name
from tests.kafka.producing import outgoing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def life(bootstrap: str) -> AsyncIterator[ProducerLife]:
    begun = ProducerLife(KafkaConnection(bootstrap).client_arguments(), request_timeout=15.0)
    try:
        await begun.start()
        yield begun
    finally:
        await begun.end(0.0)


async def test_what_no_topic_takes_harms_nothing(bootstrap: str) -> None:
    topic = topic_name("largest")
    async with life(bootstrap) as producer:
        with pytest.raises(Fault) as caught:
            await producer.deliver(outgoing(topic, bytes(MAX_REQUEST_SIZE)))
        assert not producer.unfit.is_set()
        assert (await producer.deliver(outgoing(topic, b"after"))).offset == 0
    assert (caught.value.cause, caught.value.may_have_been_sent) == (RECORD_TOO_LARGE, False)


async def test_a_record_may_be_a_batch_of_its_own(bootstrap: str) -> None:
    topic = topic_name("alone")
    async with life(bootstrap) as producer:
        sending = [
            asyncio.create_task(producer.deliver(outgoing(topic, b"%d" % n), alone=n % 2 == 0))
            for n in range(20)
        ]
        sent = await asyncio.gather(*sending)
    found = {record.offset: record.value for record in await records(bootstrap, topic)}
    assert [found[place.offset or 0] for place in sent] == [b"%d" % n for n in range(20)]


async def test_after_a_refused_record_the_sequence_has_a_gap(apache: str) -> None:
    topic = topic_name("gap")
    await create(apache, topic, {"max.message.bytes": "1000"})
    async with life(apache) as producer:
        await producer.deliver(outgoing(topic, b"before"))
        with pytest.raises(Fault):
            await producer.deliver(outgoing(topic, bytes(5000)))
        assert producer.unfit.is_set()
        with pytest.raises(OutOfSequence):
            await producer.deliver(outgoing(topic, b"after"))
    assert [record.value for record in await records(apache, topic)] == [b"before"]


async def test_a_topic_that_cannot_exist_is_unknown_in_bounded_time(apache: str) -> None:
    async with life(apache) as producer, asyncio.timeout(10):
        with pytest.raises(Fault) as caught:
            await producer.deliver(outgoing("not/a topic", b""))
        assert not producer.unfit.is_set()
    assert (caught.value.cause, caught.value.may_have_been_sent) == (TOPIC_UNKNOWN, False)


async def test_a_record_that_waits_is_seen_and_drained(bootstrap: str) -> None:
    topic = topic_name("drained")
    async with life(bootstrap) as producer:
        assert producer.oldest_wait() == 0.0
        await producer.deliver(outgoing(topic, b"first"))
        sending = asyncio.create_task(producer.deliver(outgoing(topic, b"last")))
        await asyncio.sleep(0)
        assert producer.oldest_wait() > 0.0
        await producer.end(10.0)
        assert (await sending).offset == 1


async def test_brokers_that_answer_are_reachable(bootstrap: str) -> None:
    async with life(bootstrap) as producer:
        assert producer.has_live_connection()
        assert await producer.reachable()


@pytest.mark.parametrize(
    ("offset", "log_start", "known"),
    [(7, 0, 7), (0, 0, 0), (7, None, 7), (-1, -1, None), (0, -1, None), (3, -1, None)],
)
def test_the_offset_of_a_duplicate_is_not_known(
    offset: int, log_start: int | None, known: int | None
) -> None:
    place = TopicPartition("topic", 0)
    assert known_offset(RecordMetadata("topic", 0, place, offset, 1, 0, log_start)) == known
