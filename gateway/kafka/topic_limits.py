"""How large a record each topic takes: `max.message.bytes`, asked for before anything is sent.

Room rule: a record that its topic would refuse is refused here. A refused batch leaves a gap in its
partition's sequence (`rejections.py`), which costs all services a new producer: one payload of one
caller must not do that. What the brokers do not say counts as Kafka's own default.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiokafka.admin.config_resource import ConfigResourceType
from aiokafka.client import ConnectionGroup
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import DescribeConfigsRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from gateway.kafka.aiokafka_internals import answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from aiokafka.client import AIOKafkaClient

    from gateway.kafka.record import OutgoingRecord

__all__ = ["DEFAULT_LIMIT", "TopicLimits", "ask_limits", "batch_size"]

DEFAULT_LIMIT: Final = 1_048_588
"""Bytes: `max.message.bytes` of a topic, and `message.max.bytes` of a broker, left alone."""

REFRESH: Final = 60.0
"""Seconds, chosen, between two questions."""
RETRY: Final = 5.0
"""Seconds, chosen, between two questions while the brokers do not answer."""
FIRST_ANSWER: Final = 1.0
"""Seconds, chosen, that the first records of a topic wait for its limit."""
ASK_TIMEOUT: Final = 5.0
"""Seconds, chosen, that a broker has to answer; nobody waits for it but the next question."""

_SETTING: Final = "max.message.bytes"
_TOPIC: Final = int(ConfigResourceType.TOPIC)


def batch_size(record: OutgoingRecord) -> int:
    """Return the bytes that `record` takes at most as a batch of its own, as the broker counts.

    `max.message.bytes` is about batches, overhead included (KIP-98); the lengths in it that are
    only known when it is built count as their longest.
    """
    size: int = DefaultRecordBatchBuilder.estimate_size_in_bytes(
        record.key, record.value, list(record.headers)
    )
    return size


async def ask_limits(
    client: AIOKafkaClient, topics: Iterable[str], wait: float = ASK_TIMEOUT
) -> dict[str, int] | None:
    """Ask a broker for the limits of `topics`; None when it does not answer in `wait` seconds.

    Without the right to describe a topic's settings, or when there is no such topic, it is left
    out.
    """
    resources = [(_TOPIC, topic, [_SETTING]) for topic in topics]
    request = DescribeConfigsRequest(resources, include_synonyms=False)
    node = client.get_random_node()
    if node is None:
        return None
    # On the connection of the probes: one that is black-holed delays no record.
    asking = client.send(node, request, group=ConnectionGroup.COORDINATION)
    question = asyncio.get_running_loop().create_task(asking, name="kafka-limits-question")
    try:
        async with asyncio.timeout(wait):
            told = await answer(question)
    except (TimeoutError, KafkaError, OSError, NotImplementedError):  # the last: no common version
        return None
    return {
        topic: int(value)
        for _error, _message, _kind, topic, settings in told.resources
        for name, value, *_ in settings
        if name == _SETTING and value is not None
    }


class TopicLimits:
    """The limits of the topics that were asked for, kept fresh in the background.

    `ask` returns the limits of topics as far as they are known, or None when nobody answers.
    """

    def __init__(
        self,
        ask: Callable[[Iterable[str]], Awaitable[Mapping[str, int] | None]],
        *,
        refresh: float = REFRESH,
    ) -> None:
        self._ask = ask
        self._refresh = refresh
        self._loop = asyncio.get_running_loop()
        self._limits: dict[str, int] = {}
        self._first: dict[str, asyncio.Future[None]] = {}
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin in the background."""
        self._task = self._loop.create_task(self._run(), name="kafka-limits")

    async def limit(self, topic: str) -> int:
        """Return the bytes that a batch of `topic` may have.

        The first time it waits for the brokers' answer, at most `FIRST_ANSWER`, later never.
        """
        limit = self._limits.get(topic)
        if limit is not None:
            return limit
        first = self._first.get(topic)
        if first is None:
            first = self._first[topic] = self._loop.create_future()
            self._wanted.set()
        await asyncio.wait([first], timeout=FIRST_ANSWER)
        return self._limits.setdefault(topic, DEFAULT_LIMIT)

    async def close(self) -> None:
        """Stop asking; never hangs."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        pause: float | None = None
        while True:
            try:
                async with asyncio.timeout(pause):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()
            topics = self._limits.keys() | self._first.keys()
            found = await self._ask(topics)
            self._note(topics, found or {})
            pause = RETRY if found is None else self._refresh

    def _note(self, topics: Iterable[str], found: Mapping[str, int]) -> None:
        for topic in topics:
            if topic in found:
                self._limits[topic] = found[topic]
            else:
                self._limits.setdefault(topic, DEFAULT_LIMIT)
            first = self._first.pop(topic, None)
            if first is not None:
                first.set_result(None)
