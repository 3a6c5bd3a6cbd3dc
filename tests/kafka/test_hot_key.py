"""A key whose records come faster than its rows are settled leaves the disk after an outage."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

import pytest

from gateway.demo.broker import EmbeddedBroker
from gateway.kafka.outbox import Spooled
from gateway.kafka.record import Acknowledged
from tests.doubles.kafka_topic import records, topic_name
from tests.doubles.owned import end
from tests.kafka.outbox_desk import desk, outgoing, until
from tests.kafka.producing import silence, wake
from tests.kafka.test_spool_drain import assert_in_order

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.kafka.outbox_desk import Desk

PACE: Final = 1 / 200
"""Seconds between two records of the key."""
BOUND: Final = 1000
"""Records that may go over the disk after the brokers are back."""


class Stream:
    """Records of one key at a steady pace, whatever becomes of those before them."""

    def __init__(self, at: Desk, topic: str) -> None:
        self._at = at
        self._topic = topic
        self.answers: list[asyncio.Task[Acknowledged | Spooled]] = []

    async def run(self) -> None:
        """Send for ever."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            record = outgoing(self._topic, f"{len(self.answers):05}")
            self.answers.append(asyncio.create_task(self._at.send(record, spill_after=1.0)))
            due += PACE
            await asyncio.sleep(due - loop.time())

    async def until_answered(self, kind: type[Acknowledged | Spooled]) -> None:
        """Wait until one of the next records is answered so."""
        for number in range(first := len(self.answers), first + BOUND):
            await until(partial(self._has, number))
            if isinstance(await self.answers[number], kind):
                return
        pytest.fail(f"none of {BOUND} records was {kind.__name__}")

    def _has(self, number: int) -> bool:
        return len(self.answers) > number


@asynccontextmanager
async def streaming(at: Desk, topic: str) -> AsyncIterator[Stream]:
    """A stream that ends with the block; all its records are answered then."""
    stream = Stream(at, topic)
    running = asyncio.create_task(stream.run())
    try:
        yield stream
    finally:
        await end(running)
        await asyncio.gather(*stream.answers)


async def test_a_key_with_a_steady_stream_leaves_the_disk_after_an_outage(tmp_path: Path) -> None:
    topic = topic_name("hot")
    async with EmbeddedBroker() as broker, desk(tmp_path / "spool.db", broker.bootstrap) as at:
        async with streaming(at, topic) as stream:
            await stream.until_answered(Acknowledged)
            silence(broker)
            await stream.until_answered(Spooled)
            await at.kafka.until_connected(up=False)
            wake(broker)
            await at.kafka.until_connected()
            await stream.until_answered(Acknowledged)
        await at.until_empty()
        found = await records(broker.bootstrap, topic)
    assert_in_order(found, [("key", f"{number:05}") for number in range(len(stream.answers))])


async def test_a_key_with_a_steady_stream_leaves_the_disk_of_a_gateway_that_starts_with_it(
    tmp_path: Path, bootstrap: str
) -> None:
    topic = topic_name("hot.start")
    path = tmp_path / "spool.db"
    async with desk(path, bootstrap, connect=False) as at:
        for number in range(50):
            await at.send(outgoing(topic, f"before {number:02}"))
    async with desk(path, bootstrap) as at:
        async with streaming(at, topic) as stream:
            await stream.until_answered(Acknowledged)
        await at.until_empty()
    found = await records(bootstrap, topic)
    sent = [f"before {n:02}" for n in range(50)] + [f"{n:05}" for n in range(len(stream.answers))]
    assert_in_order(found, [("key", value) for value in sent])
