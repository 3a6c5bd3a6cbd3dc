"""The department behind the reply service: answers every record at least once, some of them late.

It talks to the brokers without a proxy, goes on where it was when they are back, and writes an
answer again when it is not sure that the first one was taken.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any, Final, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from tests.doubles.owned import end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

__all__ = ["Responder"]

PARTITIONS: Final = 4
LATE_SHARE: Final = 0.04
LATE: Final = (1.0, 5.0)
"""Seconds that some answers take, of which the greater part is more than the caller waits."""

AGAIN: Final = 0.5
STOP_LIMIT: Final = 10.0


class Responder:
    """Answers the records of `topic` to the topic that each one names."""

    def __init__(self, bootstrap: str, topic: str, seed: int) -> None:
        self._bootstrap = bootstrap
        self._places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        self._random = Random(seed)  # noqa: S311  # repeatable, not secret
        self._owed: dict[tuple[int, int], Any] = {}
        self._work: asyncio.Task[None] | None = None
        self.answered = 0

    async def __aenter__(self) -> Self:
        self._work = asyncio.create_task(self._always())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._work is not None:
            await end(self._work)

    async def _always(self) -> None:
        """Keep the consumer through every outage, and take a new producer after each."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, group_id=None)
        async with consumer:
            consumer.assign(self._places)
            await consumer.seek_to_beginning(*self._places)
            while True:
                try:
                    await self._answer_on(consumer)
                except* (KafkaError, OSError, TimeoutError):
                    await asyncio.sleep(AGAIN)

    async def _answer_on(self, consumer: AIOKafkaConsumer) -> None:
        """Answer what is owed, then what comes; raises when the brokers fail."""
        async with _producer(self._bootstrap) as producer, asyncio.TaskGroup() as group:
            for record in list(self._owed.values()):
                group.create_task(self._answer(producer, record, 0))
            while True:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for record in records:
                        self._owed[record.partition, record.offset] = record
                        group.create_task(self._answer(producer, record, self._delay()))

    def _delay(self) -> float:
        return self._random.uniform(*LATE) if self._random.random() < LATE_SHARE else 0

    async def _answer(self, producer: AIOKafkaProducer, record: Any, delay: float) -> None:
        await asyncio.sleep(delay)
        headers = dict(record.headers)
        event_id = headers["ce_id"]
        asked = json.loads(record.value)
        answer = {"event_id": event_id.decode(), "lane": asked["lane"], "number": asked["number"]}
        await producer.send_and_wait(
            headers["ce_replyto"].decode(),
            json.dumps(answer).encode(),
            key=event_id,
            headers=[
                ("ce_correlationid", event_id),
                ("ce_httpstatus", b"200"),
                ("content-type", b"application/json"),
            ],
        )
        del self._owed[record.partition, record.offset]
        self.answered += 1


@asynccontextmanager
async def _producer(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that is closed even when it could not start."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", request_timeout_ms=5000)
    try:
        await producer.start()
        yield producer
    finally:
        async with asyncio.timeout(STOP_LIMIT):
            await producer.stop()
