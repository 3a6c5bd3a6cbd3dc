"""A topic read once, from its beginning to its end as it stands: for commands, not for the path.

Room rule: as `gateway.kafka`. Without a consumer group, so that nothing is committed and nobody's
place moves, and without making a topic that is not there.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from gateway.errors import StartError
from gateway.kafka.aiokafka_internals import abandon_consumer, consumer_client
from gateway.kafka.incoming import incoming_record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from gateway.kafka.connection import KafkaConnection
    from gateway.kafka.record import IncomingRecord

__all__ = ["TopicReader"]

CONNECT_TIMEOUT: Final = 10.0
REQUEST_TIMEOUT: Final = 10.0
FETCH_WAIT_MS: Final = 500


class TopicReader:
    """A connection to read with, as an async context; `complete` tells how the last `records` went.

    Entering raises `StartError` when no broker answers within `connect_timeout` seconds.
    """

    def __init__(
        self, connection: KafkaConnection, *, connect_timeout: float = CONNECT_TIMEOUT
    ) -> None:
        self._connection = connection
        self._connect_timeout = connect_timeout
        self._consumer: Any = None
        self.complete = False

    async def __aenter__(self) -> Self:
        self._consumer = AIOKafkaConsumer(
            **self._connection.client_arguments(),
            client_id="gateway-topic-reader",
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            request_timeout_ms=int(REQUEST_TIMEOUT * 1000),
        )
        try:
            async with asyncio.timeout(self._connect_timeout):
                await self._consumer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await abandon_consumer(self._consumer)
            raise StartError(
                f"Kafka cannot be reached at {self._connection.bootstrap}:"
                f" {str(error) or 'no answer in time'}"
            ) from error
        except asyncio.CancelledError:
            await abandon_consumer(self._consumer)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await abandon_consumer(self._consumer)

    async def topics(self) -> frozenset[str]:
        """Return the names of all topics that may be seen."""
        return frozenset(await self._consumer.topics())

    async def records(self, topic: str, seconds: float) -> AsyncIterator[IncomingRecord]:
        """Yield all committed records of `topic`, in order within a partition; none without it.

        `complete` is true afterwards unless the end was not reached within `seconds`. Raises
        `StartError` when the topic cannot be read.
        """
        self.complete = False
        end = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(end):
                ends = await self._go_to_beginning(topic)
            while True:
                # Not around the yield: a timeout would cancel whoever works on the record.
                async with asyncio.timeout_at(end):
                    pending = await self._pending(ends)
                    records = await self._fetch(pending) if pending else []
                for record in records:
                    yield record
                if not pending:
                    break
        except TimeoutError:
            return
        except KafkaError as error:
            raise _unreadable(topic, error) from error
        self.complete = True

    async def record(self, topic: str, partition: int, offset: int) -> IncomingRecord | None:
        """Return the record at a place, None when there is none (any more).

        Raises `StartError` when the topic cannot be read.
        """
        place = TopicPartition(topic, partition)
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT):
                ends = await self._go_to_beginning(topic)
                if not offset < ends.get(place, 0) or offset < await self._consumer.position(place):
                    return None
                self._consumer.seek(place, offset)
                found: list[IncomingRecord] = []
                while not found:
                    found = await self._fetch([place])
        except (KafkaError, TimeoutError) as error:
            raise _unreadable(topic, error) from error
        # The first record at or after the place: a compacted or transactional topic has gaps.
        return found[0] if found[0].offset == offset else None

    async def _go_to_beginning(self, topic: str) -> dict[TopicPartition, int]:
        """Return where each partition ends, empty when there is no such topic."""
        if topic not in await self.topics():
            return {}
        client = consumer_client(self._consumer)
        await client.set_topics([topic])
        numbers = self._consumer.partitions_for_topic(topic) or ()
        places = [TopicPartition(topic, number) for number in numbers]
        if not places:
            return {}
        self._consumer.assign(places)
        await self._consumer.seek_to_beginning(*places)
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets(places)
        return ends

    async def _pending(self, ends: dict[TopicPartition, int]) -> list[TopicPartition]:
        return [place for place, end in ends.items() if await self._consumer.position(place) < end]

    async def _fetch(self, places: list[TopicPartition]) -> list[IncomingRecord]:
        batches = await self._consumer.getmany(*places, timeout_ms=FETCH_WAIT_MS)
        return [incoming_record(record) for records in batches.values() for record in records]


def _unreadable(topic: str, error: Exception) -> StartError:
    return StartError(
        f"The topic {topic} cannot be read: {str(error) or 'no answer in time'}"
        " (the gateway's user needs READ and DESCRIBE on it)"
    )
