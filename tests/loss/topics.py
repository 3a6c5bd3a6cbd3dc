"""The topics seen from the brokers' side: made before, judged whole, read at the end."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from tests.loss.evidence import Place, Record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection

__all__ = ["create", "read", "until_whole"]

PARTITIONS: Final = 4
LOOK: Final = 0.3
WHOLE_LIMIT: Final = 120.0
READ_LIMIT: Final = 120.0


async def create(bootstrap: str, topics: Collection[str], brokers: int) -> None:
    """Make the topics with a replica on each broker; return when they are whole."""
    await _until(lambda: _created(bootstrap, topics, brokers))
    await until_whole(bootstrap, topics, brokers)


async def until_whole(bootstrap: str, topics: Collection[str], brokers: int) -> None:
    """Wait until every partition has a leader and all its replicas are in sync."""
    await _until(lambda: _whole(bootstrap, topics, brokers))


async def read(bootstrap: str, topics: Collection[str]) -> list[Record]:
    """All committed records of the topics, from the first one on."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=None, isolation_level="read_committed"
    )
    async with asyncio.timeout(READ_LIMIT), consumer:
        places = [TopicPartition(topic, part) for topic in topics for part in range(PARTITIONS)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        found: list[Record] = []
        while [place for place in places if await consumer.position(place) < ends[place]]:
            batches = await consumer.getmany(timeout_ms=500)
            found += [_record(record) for batch in batches.values() for record in batch]
    return found


async def _until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WHOLE_LIMIT):
        while True:
            if await true():
                return
            await asyncio.sleep(LOOK)


async def _created(bootstrap: str, topics: Collection[str], brokers: int) -> bool:
    """Ask once; a node that has just started may not take connections on all its ports yet."""
    try:
        async with _admin(bootstrap) as admin:
            await admin.create_topics([NewTopic(topic, PARTITIONS, brokers) for topic in topics])
    except (KafkaError, OSError):
        return False
    return True


async def _whole(bootstrap: str, topics: Collection[str], brokers: int) -> bool:
    try:
        async with asyncio.timeout(5), _admin(bootstrap) as admin:
            described = await admin.describe_topics(list(topics))
    except (KafkaError, OSError, TimeoutError):
        return False
    partitions = [partition for topic in described for partition in topic["partitions"]]
    return len(partitions) == PARTITIONS * len(topics) and all(
        partition["leader"] >= 0 and len(partition["isr"]) == brokers for partition in partitions
    )


@asynccontextmanager
async def _admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


def _record(record: Any) -> Record:
    headers = dict(record.headers)
    body = json.loads(record.value)
    return Record(
        Place(record.topic, record.partition, record.offset),
        headers.get("ce_id", b"").decode(),
        body["lane"],
        body["number"],
        headers.get("ce_replayed") == b"true",
    )
