"""Each private name of aiokafka that the room relies on, on the real library and a real broker."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.client import ConnectionGroup
from aiokafka.errors import KafkaConnectionError, OutOfOrderSequenceNumber

from gateway.kafka.aiokafka_internals import (
    abandon_consumer,
    abandon_producer,
    consumer_client,
    cut_producer,
    fail_unsent,
    fetch_task,
    has_live_connection,
    is_open,
    last_batch,
    oldest_wait,
    sender_task,
    tried_before,
)
from tests.doubles.kafka_topic import records, topic_name
from tests.doubles.ports import silent_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def idempotent(bootstrap: str, *, linger_ms: int = 0) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, linger_ms=linger_ms
    )
    await producer.start()
    try:
        yield producer
    finally:
        await abandon_producer(producer, KafkaConnectionError())


@asynccontextmanager
async def at_rest(bootstrap: str, *places: TopicPartition) -> AsyncIterator[AIOKafkaProducer]:
    """A producer without its sender, so that a batch stays where the test puts it."""
    async with idempotent(bootstrap) as producer:
        for place in places:
            await producer.partitions_for(place.topic)
        task = sender_task(producer)
        assert task is not None
        task.cancel()
        await asyncio.wait([task])
        yield producer


async def test_the_sender_is_a_task_that_runs_until_it_is_abandoned(embedded: str) -> None:
    async with idempotent(embedded) as producer:
        task = sender_task(producer)
        assert task is not None
        assert not task.done()
    assert task.done()


async def test_a_producer_that_was_not_started_has_no_sender_and_can_be_abandoned() -> None:
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1")
    assert sender_task(producer) is None
    await abandon_producer(producer, KafkaConnectionError())


async def test_a_connection_is_seen_while_it_lives(embedded: str) -> None:
    async with idempotent(embedded) as producer:
        client = producer.client
        (broker,) = client.cluster.brokers()
        assert has_live_connection(client)
        assert is_open(client, broker.nodeId, ConnectionGroup.DEFAULT)
        assert not is_open(client, broker.nodeId, ConnectionGroup.COORDINATION)
    assert not has_live_connection(client)
    assert not is_open(client, broker.nodeId, ConnectionGroup.DEFAULT)


async def test_the_oldest_wait_counts_records_whose_sender_has_gone(embedded: str) -> None:
    async with idempotent(embedded, linger_ms=60_000) as producer:
        assert oldest_wait(producer) == 0.0
        delivery = await producer.send(topic_name("wait"), b"value")
        delivery.cancel()
        assert oldest_wait(producer) > 0.0


async def test_abandoning_fails_what_has_no_acknowledgement(embedded: str) -> None:
    topic = topic_name("abandoned")
    async with idempotent(embedded, linger_ms=60_000) as producer:
        delivery = await producer.send(topic, b"value")
        await abandon_producer(producer, KafkaConnectionError("given up"))
        with pytest.raises(KafkaConnectionError, match="given up"):
            await delivery
        with pytest.raises(KafkaConnectionError):
            await producer.send(topic, b"value")


async def test_abandoning_ends_a_batch_that_waits_for_another_try(embedded: str) -> None:
    place = TopicPartition(topic_name("again"), 0)
    async with at_rest(embedded, place) as producer:
        delivery = await producer.send(place.topic, b"value", partition=0)
        accumulator = producer._message_accumulator  # noqa: SLF001  # what the sender does
        accumulator.reenqueue(accumulator._pop_batch(place))  # noqa: SLF001  # as above
        await abandon_producer(producer, KafkaConnectionError("given up"))
        with pytest.raises(KafkaConnectionError, match="given up"):
            await delivery


async def test_a_batch_tells_whether_it_was_tried_before(embedded: str) -> None:
    place = TopicPartition(topic_name("tried"), 0)
    async with at_rest(embedded, place) as producer:
        (await producer.send(place.topic, b"value", partition=0)).cancel()
        accumulator = producer._message_accumulator  # noqa: SLF001  # what the sender does
        batch = last_batch(producer, place)
        assert not tried_before(batch)
        assert accumulator._pop_batch(place) is batch  # noqa: SLF001  # as above
        assert not tried_before(batch)
        accumulator.reenqueue(batch)
        assert accumulator._pop_batch(place) is batch  # noqa: SLF001  # as above
        assert tried_before(batch)


async def test_the_last_batch_is_the_one_of_the_record_that_was_added_last(embedded: str) -> None:
    place = TopicPartition(topic_name("last"), 0)
    async with at_rest(embedded, place) as producer:
        await _send_batch(producer, place)
        first = last_batch(producer, place)
        producer._message_accumulator._pop_batch(place)  # noqa: SLF001  # what the sender does
        delivery = await producer.send(place.topic, b"second", partition=0)
        second = last_batch(producer, place)
        assert first is not second
        assert (first.record_count, second.record_count) == (1, 1)
        second.failure(KafkaConnectionError("only the second"))
        with pytest.raises(KafkaConnectionError):
            await delivery


async def test_what_was_never_sent_fails_and_what_was_stays(embedded: str) -> None:
    place, other = (TopicPartition(topic_name("unsent"), 0) for _ in range(2))
    async with at_rest(embedded, place, other) as producer:
        accumulator = producer._message_accumulator  # noqa: SLF001  # what the sender does
        tried = await producer.send(place.topic, b"tried", partition=0)
        batch = accumulator._pop_batch(place)  # noqa: SLF001  # as above
        batch.get_data_buffer()
        unsent = await producer.send(place.topic, b"unsent", partition=0)
        waiting = asyncio.create_task(_send_batch(producer, place))
        await asyncio.sleep(0)
        accumulator.reenqueue(batch)
        elsewhere = await producer.send(other.topic, b"elsewhere", partition=0)
        fail_unsent(producer, place, OutOfOrderSequenceNumber())
        for failed in (unsent, waiting):
            with pytest.raises(OutOfOrderSequenceNumber):
                await failed
        assert accumulator._pop_batch(place) is batch  # noqa: SLF001  # as above
        assert place not in accumulator._batches  # noqa: SLF001  # what the sender looks at
        assert tried.cancel()  # else it has failed
        assert elsewhere.cancel()


async def _send_batch(producer: AIOKafkaProducer, place: TopicPartition) -> None:
    alone = producer.create_batch()
    alone.append(timestamp=None, key=None, value=b"waits")
    alone.close()
    delivery = await producer.send_batch(alone, place.topic, partition=place.partition)
    delivery.cancel()


async def test_a_request_that_has_not_begun_is_taken_back(embedded: str) -> None:
    place, other = (TopicPartition(topic_name("begun"), 0) for _ in range(2))
    async with at_rest(embedded, place, other) as producer:
        unsent = await producer.send(place.topic, b"unsent", partition=0)
        sent = await producer.send(other.topic, b"sent", partition=0)
        accumulator, sender = producer._message_accumulator, producer._sender  # noqa: SLF001  # what the sender does
        ((node, batches),) = accumulator.drain_by_nodes(set())[0].items()
        sender._in_flight.add(node)  # noqa: SLF001  # as above
        sender._muted_partitions.update(batches)  # noqa: SLF001  # as above
        request = asyncio.create_task(sender._send_produce_req(node, batches))  # noqa: SLF001  # as above
        fail_unsent(producer, place, OutOfOrderSequenceNumber())
        with pytest.raises(OutOfOrderSequenceNumber):
            await unsent
        await request
        await sent
        assert [record.value for record in await records(embedded, other.topic)] == [b"sent"]
        assert [record.value for record in await records(embedded, place.topic)] == []


async def test_cutting_ends_the_sender_and_the_connections_without_waiting(embedded: str) -> None:
    async with idempotent(embedded) as producer:
        task = sender_task(producer)
        assert task is not None
        cut_producer(producer)
        assert not has_live_connection(producer.client)
        await asyncio.wait([task])
        assert not has_live_connection(producer.client)


async def test_abandoning_ends_a_start_that_hangs() -> None:
    with silent_port() as port:
        producer = AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{port}")
        starting = asyncio.create_task(producer.start())
        await asyncio.sleep(0.05)
        await abandon_producer(producer, KafkaConnectionError())
        assert starting.cancelled()


async def test_a_consumer_fetches_until_it_is_abandoned(embedded: str) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=embedded, group_id=None)
    await consumer.start()
    consumer.assign([TopicPartition(topic_name("fetch"), 0)])
    assert await consumer_client(consumer).force_metadata_update()
    task = fetch_task(consumer)
    assert not task.done()
    await abandon_consumer(consumer)
    assert task.done()
    assert not has_live_connection(consumer_client(consumer))


async def test_a_consumer_that_was_not_started_can_be_abandoned() -> None:
    await abandon_consumer(AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1"))
