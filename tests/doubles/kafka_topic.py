"""A topic seen from outside: what stands in it, and a department that writes to it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from gateway.kafka.record import IncomingRecord

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

__all__ = ["create", "partitions", "records", "topic_name", "write", "writer"]


def topic_name(about: str) -> str:
    """A name that no other test uses."""
    return f"{about}.{uuid4().hex[:12]}"


async def records(bootstrap: str, topic: str) -> list[IncomingRecord]:
    """All committed records of `topic` as it stands, by partition and offset."""
    places = [TopicPartition(topic, number) for number in await partitions(bootstrap, topic)]
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=None, isolation_level="read_committed"
    )
    async with asyncio.timeout(30), consumer:
        ends = await consumer.end_offsets(places)
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        found: list[Any] = []
        while [place for place in places if await consumer.position(place) < ends[place]]:
            batches = await consumer.getmany(timeout_ms=500)
            found += [record for batch in batches.values() for record in batch]
    return sorted(map(_incoming, found), key=lambda record: (record.partition, record.offset))


async def create(bootstrap: str, topic: str, settings: dict[str, str]) -> None:
    """Make `topic` with one partition and `settings`; only a real broker can."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1, topic_configs=settings)])
    finally:
        await admin.close()


async def partitions(bootstrap: str, topic: str) -> list[int]:
    """The partitions of `topic`; a broker that makes topics on demand makes it now."""
    async with writer(bootstrap) as producer:
        return sorted(await producer.partitions_for(topic))


@asynccontextmanager
async def writer(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    """A plain producer, as a department has one."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def write(
    bootstrap: str,
    topic: str,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes]],
    partition: int | None = None,
) -> None:
    """Write one record to `topic`."""
    async with writer(bootstrap) as producer:
        await producer.send_and_wait(
            topic, value, key=b"-", headers=list(headers), partition=partition
        )


def _incoming(record: Any) -> IncomingRecord:
    return IncomingRecord(
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.value,
        tuple(record.headers),
    )
