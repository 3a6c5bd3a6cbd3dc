"""Reads all reply topics without a consumer group, each from the moment it is positioned.

Room rule: every instance of the gateway reads every partition of every reply topic. A group would
move partitions when an instance comes or goes, and replies with them, to an instance at which
nobody waits. Where it has read to is kept here and outlives the consumer, so that an outage in the
middle of a wait loses no reply.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAuthorizationFailedError

from gateway.kafka.aiokafka_internals import (
    abandon_consumer,
    consumer_client,
    fetch_task,
    has_live_connection,
)
from gateway.kafka.broker_probe import any_broker_answers
from gateway.kafka.events import ReplyFate
from gateway.kafka.record import IncomingRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiokafka import ConsumerRecord
    from aiokafka.client import AIOKafkaClient

    from gateway.kafka.connection import KafkaConnection
    from gateway.kafka.events import KafkaEvents

__all__ = ["ReplyReader"]

CONNECT_TIMEOUT: Final = 5.0
REQUEST_TIMEOUT: Final = 10.0
METADATA_TIMEOUT: Final = 2.0
FIRST_BACKOFF: Final = 0.25
LONGEST_BACKOFF: Final = 5.0
TICK: Final = 1.0
"""Seconds between two looks at the consumer, and between two tries to position a topic."""
QUIET: Final = 10.0
"""Seconds between two looks for new partitions when all is well."""
OUTAGE_GRACE: Final = 10.0
"""Seconds without brokers after which the consumer starts again from the addresses given."""
POSITION_TIMEOUT: Final = 2.0
DENIED_PAUSE: Final = 30.0
FAILURE_WINDOW: Final = 60.0
"""A second consumer that ends by itself within these seconds: the next one starts at the ends."""
POISON_SEARCH: Final = 5.0
"""Seconds to find the partition that holds a record which cannot be read."""

NOT_WANTED: Final = "no service expects replies on it"
NOT_YET: Final = "the gateway has not looked at it yet"
AWAY: Final = "the brokers do not answer"
MISSING: Final = "the topic does not exist, or the gateway may not see it"
DENIED: Final = "the gateway may not read the topic"
NO_POSITION: Final = "a partition has no position; it may be without a leader"

log = logging.getLogger(__name__)


class ReplyReader:
    """Gives each record of the wanted topics to `take`, in order within a partition.

    `quiet` is after how many seconds it looks for new partitions when all is well. Raises
    `StartError` when a file that `connection` names cannot be used.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        events: KafkaEvents,
        take: Callable[[IncomingRecord], None],
        *,
        quiet: float = QUIET,
    ) -> None:
        self._client_arguments = connection.client_arguments()
        self._events = events
        self._take = take
        self._quiet = quiet
        self._loop = asyncio.get_running_loop()
        self._wanted: frozenset[str] = frozenset()
        self._changed = asyncio.Event()
        self._obstacles: dict[str, str] = {}
        self._next: dict[TopicPartition, int] = {}
        self._denied: dict[str, float] = {}
        self._failed_at = -FAILURE_WINDOW
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin in the background."""
        self._task = self._loop.create_task(self._run(), name="kafka-replies")

    def want(self, topics: frozenset[str]) -> None:
        """Read exactly `topics`."""
        for topic in self._wanted - topics:
            if self._obstacles.pop(topic, None) is None:
                self._events.positioned(topic, False)  # noqa: FBT003  # the protocol's signature
        for topic in topics - self._wanted:
            self._obstacles[topic] = NOT_YET
            self._events.positioned(topic, False)  # noqa: FBT003  # as above
        self._wanted = topics
        self._changed.set()

    def obstacle(self, topic: str) -> str | None:
        """Return why replies on `topic` could be missed, None when they cannot."""
        return self._obstacles.get(topic) if topic in self._wanted else NOT_WANTED

    def obstacles(self) -> dict[str, str]:
        """Return the obstacles of all wanted topics that have one."""
        return dict(self._obstacles)

    async def close(self) -> None:
        """Stop reading; never hangs."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            while not self._wanted:
                self._changed.clear()
                await self._changed.wait()
            consumer = await self._connect()
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._keep(consumer), name="kafka-replies-keep")
                    group.create_task(self._read(consumer), name="kafka-replies-read")
            except* KafkaError as errors:
                log.warning("Reading replies starts again: %s", errors.exceptions)
                self._report(self._wanted, dict.fromkeys(self._wanted, AWAY))
            except* Exception:
                log.exception("Reading replies failed and starts again")
                self._report(self._wanted, dict.fromkeys(self._wanted, AWAY))
            finally:
                await abandon_consumer(consumer)
            await asyncio.sleep(FIRST_BACKOFF)

    async def _connect(self) -> AIOKafkaConsumer:
        backoff = FIRST_BACKOFF
        while True:
            consumer = self._consumer()
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    await consumer.start()
            except asyncio.CancelledError:
                await abandon_consumer(consumer)
                raise
            except Exception as error:  # noqa: BLE001  # whatever answers there, try again
                log.warning("Replies cannot be read: %s", str(error) or type(error).__name__)
                await abandon_consumer(consumer)
                self._report(self._wanted, dict.fromkeys(self._wanted, AWAY))
            else:
                return consumer
            await asyncio.sleep(backoff * random.uniform(0.5, 1.0))  # noqa: S311  # spreads retries
            backoff = min(backoff * 2, LONGEST_BACKOFF)

    def _consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **self._client_arguments,
            client_id="gateway-replies",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="latest",  # gives a partition that is new to us its end as position
            isolation_level="read_committed",  # a reply that was taken back is no reply
            request_timeout_ms=int(REQUEST_TIMEOUT * 1000),
            retry_backoff_ms=250,
            metadata_max_age_ms=60_000,
            fetch_max_wait_ms=250,  # how long a broker holds a question while there is nothing
        )

    async def _keep(self, consumer: AIOKafkaConsumer) -> None:
        """Keep the assignment what it has to be; raise when the consumer is of no more use."""
        client = consumer_client(consumer)
        looked = patience = 0.0
        away_since: float | None = None
        while True:
            now = self._loop.time()
            due = now - looked >= patience or not has_live_connection(client)
            if due or self._changed.is_set():
                self._changed.clear()
                looked = now
                before = self._obstacles.copy()
                up = await self._refresh(consumer)
                patience = self._patience(patience, before) if up else TICK
                away_since = None if up else away_since or now
            if away_since is not None and now - away_since > OUTAGE_GRACE:
                raise KafkaConnectionError(AWAY)
            if fetch_task(consumer).done():
                self._give_up_positions()
                raise KafkaConnectionError("the consumer has ended")
            await self._rest()

    def _patience(self, last: float, before: dict[str, str]) -> float:
        """Return how many seconds the next look at the topics can wait."""
        if not self._obstacles:
            return self._quiet
        return TICK if self._obstacles != before else min(2 * last, self._quiet)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(TICK):
                await self._changed.wait()
        except TimeoutError:
            pass

    async def _refresh(self, consumer: AIOKafkaConsumer) -> bool:
        """Look at the topics and assign what is there; false when no broker answers."""
        wanted = self._wanted
        client = consumer_client(consumer)
        if not wanted:
            consumer.unsubscribe()
            return True
        client.set_topics(wanted)
        if not await any_broker_answers(client):
            self._report(wanted, dict.fromkeys(wanted, AWAY))
            return False
        missing = MISSING if await _fresh_metadata(client) else NOT_YET
        self._assign(consumer, self._partitions(consumer, wanted))
        await self._position(consumer)
        whys = {topic: self._why(consumer, topic, missing) for topic in wanted}
        self._report(wanted, {topic: why for topic, why in whys.items() if why is not None})
        return True

    def _partitions(
        self, consumer: AIOKafkaConsumer, wanted: frozenset[str]
    ) -> set[TopicPartition]:
        """Return what there is to read; a topic that is out of sight keeps its place."""
        now = self._loop.time()
        self._denied = {topic: end for topic, end in self._denied.items() if end > now}
        topics = wanted - self._denied.keys()
        self._next = {tp: offset for tp, offset in self._next.items() if tp.topic in topics}
        return {
            TopicPartition(topic, number)
            for topic in topics
            for number in consumer.partitions_for_topic(topic) or ()
        }

    def _assign(self, consumer: AIOKafkaConsumer, partitions: set[TopicPartition]) -> None:
        if partitions == consumer.assignment():
            return
        known = {partition.topic for partition in self._next}
        for partition in partitions:
            if partition.topic in known:
                # A partition added to a topic that is being read: all in it is new.
                self._next.setdefault(partition, 0)
        if not partitions:
            consumer.unsubscribe()
            return
        consumer.assign(list(partitions))
        self._seek(consumer)

    def _seek(self, consumer: AIOKafkaConsumer) -> None:
        """Go on where the last record was taken."""
        for partition in consumer.assignment() & self._next.keys():
            consumer.seek(partition, self._next[partition])

    async def _position(self, consumer: AIOKafkaConsumer) -> None:
        """Wait for the positions that the new partitions still lack."""
        missing = [tp for tp in consumer.assignment() if tp not in self._next]
        if not missing:
            return
        try:
            async with asyncio.timeout(POSITION_TIMEOUT), asyncio.TaskGroup() as group:
                for partition in missing:
                    group.create_task(self._note_position(consumer, partition))
        except TimeoutError:
            pass

    async def _note_position(self, consumer: AIOKafkaConsumer, partition: TopicPartition) -> None:
        position: int = await consumer.position(partition)
        self._next.setdefault(partition, position)

    def _why(self, consumer: AIOKafkaConsumer, topic: str, missing: str) -> str | None:
        if topic in self._denied:
            return DENIED
        numbers = consumer.partitions_for_topic(topic)
        if not numbers:
            return missing
        placed = all(TopicPartition(topic, number) in self._next for number in numbers)
        return None if placed else NO_POSITION

    def _report(self, looked: frozenset[str], obstacles: dict[str, str]) -> None:
        """Take over what a look at the topics `looked` found; others may be wanted by now."""
        for topic in looked & self._wanted:
            why = obstacles.get(topic)
            if (topic in self._obstacles) != (why is not None):
                log.log(
                    logging.INFO if why is None else logging.WARNING,
                    "Replies on %s: %s",
                    topic,
                    why or "positioned",
                )
                self._events.positioned(topic, why is None)
            if why is None:
                self._obstacles.pop(topic, None)
            else:
                self._obstacles[topic] = why

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            try:
                batches = await consumer.getmany(timeout_ms=1000)
            except TopicAuthorizationFailedError as error:
                until = self._loop.time() + DENIED_PAUSE
                self._denied.update((str(topic), until) for topic in error.args)
                self._changed.set()
                await asyncio.sleep(TICK)
            except Exception as error:  # noqa: BLE001  # aiokafka decodes here, so anything
                # The error's own text shows bytes of the record, which may be about a person.
                log.warning("A reply record cannot be read (%s)", type(error).__name__)
                await self._find_poison(consumer)
            else:
                self._take_all(batches)

    async def _find_poison(self, consumer: AIOKafkaConsumer) -> None:
        """Read one partition after the other until one fails, and skip to the end of that one.

        aiokafka tells neither which record it was nor gives the good ones that it had read.
        """
        self._seek(consumer)
        end = self._loop.time() + POISON_SEARCH
        while self._loop.time() < end:
            for partition in consumer.assignment():
                try:
                    self._take_all(await consumer.getmany(partition, timeout_ms=0))
                except Exception:  # noqa: BLE001  # as above
                    await self._skip(consumer, partition)
                    return
            await asyncio.sleep(FIRST_BACKOFF / 5)

    async def _skip(self, consumer: AIOKafkaConsumer, partition: TopicPartition) -> None:
        log.warning("Skipping to the end of %s, partition %d", *partition)
        self._events.replied("-", ReplyFate.MALFORMED)
        self._next.pop(partition, None)
        self._changed.set()
        await consumer.seek_to_end(partition)

    def _take_all(self, batches: dict[TopicPartition, list[ConsumerRecord]]) -> None:
        for partition, records in batches.items():
            for record in records:
                self._take(_incoming(record))
            self._next[partition] = records[-1].offset + 1

    def _give_up_positions(self) -> None:
        now = self._loop.time()
        if now - self._failed_at < FAILURE_WINDOW:
            self._next.clear()
        self._failed_at = now


async def _fresh_metadata(client: AIOKafkaClient) -> bool:
    try:
        async with asyncio.timeout(METADATA_TIMEOUT):
            return bool(await client.force_metadata_update())
    except TimeoutError:
        return False


def _incoming(record: ConsumerRecord) -> IncomingRecord:
    return IncomingRecord(
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.value,
        tuple((name, value or b"") for name, value in record.headers),
    )
