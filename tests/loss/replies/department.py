"""The department: takes every request, holds its answers until it is told to give them."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.doubles.owned import end
from tests.loss.replies.answers import Asked, copies_of, malformed, nameless
from tests.loss.replies.manners import ANSWERING, Manner, chance, manner

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from tests.loss.replies.answers import Written

__all__ = ["Department"]

PARTITIONS: Final = 4
SPREAD: Final[dict[Manner, tuple[float, float]]] = {
    Manner.SLOW: (1.0, 8.0),
    Manner.OUT_OF_ORDER: (0.0, 3.0),
    Manner.LATE: (0.5, 3.0),
}
"""Seconds from when answers are given; for late ones, from when the request expires."""

APART: Final = (0.0, 1.0)
"""Seconds between two copies of an answer."""


class Department:
    """Works on `topic` in waves of `wave` requests, by their numbers.

    `asked` has every record that came, `answered` when (on the loop's clock) the broker had the
    first answer to an event that could be read.
    """

    def __init__(self, bootstrap: str, topic: str, seed: int, wave: int) -> None:
        self.asked: list[Asked] = []
        self.answered: dict[str, float] = {}
        self._bootstrap = bootstrap
        self._places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        self._seed = seed
        self._wave = wave
        self._given = (asyncio.Event(), asyncio.Event())
        self._owed = 0
        self._news = asyncio.Event()
        self._work: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._work = asyncio.create_task(self._take())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._work is not None:
            await end(self._work)

    def give(self, wave: int) -> None:
        """Answer what was asked in that wave from now on."""
        self._given[wave].set()

    async def until_done(self, limit: float) -> None:
        """Wait until all that is to be written is written; raises `TimeoutError`."""
        async with asyncio.timeout(limit):
            while self._owed:
                self._news.clear()
                await self._news.wait()

    def asked_in(self, wave: int) -> int:
        """How many requests of that wave have come."""
        return sum(asked.number // self._wave == wave for asked in self.asked)

    async def _take(self) -> None:
        consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, group_id=None)
        producer = AIOKafkaProducer(bootstrap_servers=self._bootstrap, acks="all", linger_ms=2)
        async with consumer, producer, asyncio.TaskGroup() as group:
            consumer.assign(self._places)
            await consumer.seek_to_beginning(*self._places)
            while True:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for record in records:
                        self._owed += 1
                        group.create_task(self._treat(producer, record))

    async def _treat(self, producer: AIOKafkaProducer, record: Any) -> None:
        headers = dict(record.headers)
        number = json.loads(record.value)["number"]
        how = manner(self._seed, number)
        replayed = headers.get("ce_replayed") == b"true"
        asked = Asked(number, headers["ce_id"].decode(), how, replayed)
        self.asked.append(asked)
        await self._given[number // self._wave].wait()
        await asyncio.sleep(self._delay(asked, headers["ce_expirytime"].decode()))
        topic = headers["ce_replyto"].decode()
        for count, written in enumerate(_written(asked)):
            if count:
                await asyncio.sleep(chance(self._seed, ~number).uniform(*APART))
            await producer.send_and_wait(
                topic, written.value, asked.event_id.encode(), headers=written.headers
            )
            if how in ANSWERING:
                self.answered.setdefault(asked.event_id, asyncio.get_running_loop().time())
        self._owed -= 1
        self._news.set()

    def _delay(self, asked: Asked, expires: str) -> float:
        spread = SPREAD.get(asked.manner)
        seconds = 0.0 if spread is None else chance(self._seed, ~asked.number).uniform(*spread)
        if asked.manner is Manner.LATE:
            seconds += (datetime.fromisoformat(expires) - datetime.now(UTC)).total_seconds()
        return max(0.0, seconds)


def _written(asked: Asked) -> Sequence[Written]:
    match asked.manner:
        case Manner.SILENT:
            return ()
        case Manner.MALFORMED:
            return (malformed(asked),)
        case Manner.NAMELESS:
            return (nameless(asked),)
        case _:
            return copies_of(asked)
