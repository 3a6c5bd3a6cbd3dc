"""A topic seen from outside: what stands in it, and a department that writes to it."""

from __future__ import annotations

import asyncio
import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from gateway.kafka.incoming import incoming_record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from gateway.kafka.record import IncomingRecord

__all__ = [
    "create",
    "partitions",
    "records",
    "topic_name",
    "widen",
    "write",
    "write_unreadable",
    "writer",
]


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
    return sorted(map(incoming_record, found), key=lambda record: (record.partition, record.offset))


async def create(bootstrap: str, topic: str, settings: dict[str, str]) -> None:
    """Make `topic` with one partition and `settings`; only a real broker can."""
    async with _admin(bootstrap) as admin:
        await admin.create_topics([NewTopic(topic, 1, 1, topic_configs=settings)])


async def widen(bootstrap: str, topic: str, total: int) -> None:
    """Give `topic` as many partitions as `total`; only a real broker can."""
    async with _admin(bootstrap) as admin:
        await admin.create_partitions({topic: NewPartitions(total)})


@asynccontextmanager
async def _admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def partitions(bootstrap: str, topic: str) -> list[int]:
    """The partitions of `topic`; a broker that makes topics on demand makes it now."""
    async with writer(bootstrap) as producer:
        return sorted(await producer.partitions_for(topic))


@asynccontextmanager
async def writer(bootstrap: str, **settings: Any) -> AsyncIterator[AIOKafkaProducer]:
    """A plain producer, as a department has one."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", **settings)
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


async def write_unreadable(bootstrap: str, topic: str) -> None:
    """Write a record to partition 0 with a header name that is not UTF-8, as a C client can."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1000,
    )
    builder.append(0, None, key=b"-", value=b"", headers=[("header", b"")])
    batch = bytearray(builder.build()).replace(b"header", b"\xff" * 6)
    struct.pack_into(">I", batch, 17, calc_crc32c(batch[21:]))
    async with writer(bootstrap) as producer:
        await producer.partitions_for(topic)
        leader = producer.client.cluster.leader_for_partition(TopicPartition(topic, 0))
        request = ProduceRequest(
            transactional_id=None,
            required_acks=-1,
            timeout=5000,
            topics=[(topic, [(0, bytes(batch))])],
        )
        answer = await producer.client.send(leader, request)
    assert answer.topics[0][1][0][1] == 0
