"""Each private name of aiokafka that the room relies on, on the real library and a real broker."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.client import ConnectionGroup
from aiokafka.errors import KafkaConnectionError

from gateway.kafka.aiokafka_internals import (
    abandon_consumer,
    abandon_producer,
    consumer_client,
    cut_producer,
    fetch_task,
    has_live_connection,
    is_open,
    oldest_wait,
    sender_task,
)
from tests.doubles.kafka_topic import topic_name
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
    async with idempotent(embedded) as producer:
        await producer.partitions_for(place.topic)
        task = sender_task(producer)
        assert task is not None
        task.cancel()  # so that the batch stays where this test puts it
        await asyncio.wait([task])
        delivery = await producer.send(place.topic, b"value", partition=0)
        accumulator = producer._message_accumulator  # noqa: SLF001  # what the sender does
        accumulator.reenqueue(accumulator._pop_batch(place))  # noqa: SLF001  # as above
        await abandon_producer(producer, KafkaConnectionError("given up"))
        with pytest.raises(KafkaConnectionError, match="given up"):
            await delivery


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
