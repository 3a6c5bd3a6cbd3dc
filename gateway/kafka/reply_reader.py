"""Reads all reply and status topics without a consumer group, from a time back or from the ends.

Room rule: every instance of the gateway reads every partition of every topic. A group would move
partitions when an instance comes or goes, and replies with them, to an instance at which nobody
waits. Where it has read to is kept (`reply_positions.py`) and outlives the consumer, so that an
outage in the middle of a wait loses no reply.
"""

from __future__ import annotations

import asyncio
import logging
import random
from datetime import datetime, timedelta
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
from gateway.kafka.incoming import incoming_record
from gateway.kafka.reply_obstacles import (
    AWAY,
    DENIED,
    MISSING,
    NO_POSITION,
    NOT_YET,
    ReplyObstacles,
)
from gateway.kafka.reply_positions import Positions
from gateway.kafka.unreadable import first_readable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiokafka import ConsumerRecord
    from aiokafka.client import AIOKafkaClient

    from gateway.kafka.connection import KafkaConnection
    from gateway.kafka.events import KafkaEvents
    from gateway.kafka.record import IncomingRecord

__all__ = ["ReplyReader", "always_room"]

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
OVERLAP: Final = timedelta(seconds=60)
"""How much further back is read than asked for: records bear the clock of whoever wrote them, and
reach the brokers a moment later. What comes a second time because of it is a duplicate."""
DENIED_PAUSE: Final = 30.0
FAILURE_WINDOW: Final = 60.0
"""A second consumer that ends by itself within these seconds: the next one starts at the ends."""
POISON_SEARCH: Final = 5.0
"""Seconds to find the partition that holds a record which cannot be read."""

log = logging.getLogger(__name__)


async def always_room() -> None:
    """Whoever takes records keeps none of them."""


class ReplyReader:
    """Gives each record of the wanted topics to `take`, in order within a partition.

    `room` is awaited before more is read: whoever takes records may have enough of them.
    `quiet` is after how many seconds it looks for new partitions when all is well. Raises
    `StartError` when a file that `connection` names cannot be used.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        events: KafkaEvents,
        take: Callable[[IncomingRecord], None],
        *,
        room: Callable[[], Awaitable[None]] = always_room,
        quiet: float = QUIET,
    ) -> None:
        self._client_arguments = connection.client_arguments()
        self._events = events
        self._take = take
        self._room = room
        self._quiet = quiet
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._obstacles = ReplyObstacles(events)
        self._positions = Positions()
        self._since: dict[str, datetime] = {}
        self._denied: dict[str, float] = {}
        self._failed_at = -FAILURE_WINDOW
        self._task: asyncio.Task[None] | None = None

    def start(self, since: datetime | None = None) -> None:
        """Begin in the background; what is wanted by now is read from `since` on."""
        if since is not None:
            self._since = dict.fromkeys(self._obstacles.wanted, since - OVERLAP)
        self._task = self._loop.create_task(self._run(), name="kafka-replies")

    def want(self, topics: frozenset[str], since: datetime | None = None) -> None:
        """Read exactly `topics`: those that are new from `since` on, or from their ends."""
        if since is not None:
            self._since.update(dict.fromkeys(topics - self._obstacles.wanted, since - OVERLAP))
        self._obstacles.want(topics)
        self._changed.set()

    def obstacle(self, topic: str) -> str | None:
        """Return why replies on `topic` could be missed, None when they cannot."""
        return self._obstacles.of(topic)

    def obstacles(self) -> dict[str, str]:
        """Return the obstacles of all wanted topics that have one."""
        return self._obstacles.as_dict()

    def lacking(self) -> dict[str, str]:
        """Return the obstacles of the topics that were never positioned.

        Of the others nothing is missed: reading goes on where it was.
        """
        obstacles = self._obstacles.as_dict().items()
        return {topic: why for topic, why in obstacles if not self._positions.knows(topic)}

    def read_until(self) -> datetime | None:
        """Return the time before which all that was written to the wanted topics was taken.

        None when nothing is wanted or not all of it has a place. A topic that may not be read does
        not hold the others up.
        """
        topics = self._obstacles.wanted - self._denied.keys()
        if any(self._obstacles.of(topic) in (NOT_YET, NO_POSITION) for topic in topics):
            return None
        return self._positions.read_until(topics)

    async def close(self) -> None:
        """Stop reading; never hangs."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            while not self._obstacles.wanted:
                self._changed.clear()
                await self._changed.wait()
            consumer = await self._connect()
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._keep(consumer), name="kafka-replies-keep")
                    group.create_task(self._read(consumer), name="kafka-replies-read")
            except* KafkaError as errors:
                log.warning("Reading replies starts again: %s", errors.exceptions)
                self._obstacles.all_have(AWAY)
            except* Exception:
                log.exception("Reading replies failed and starts again")
                self._obstacles.all_have(AWAY)
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
                self._obstacles.all_have(AWAY)
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
            auto_offset_reset="earliest",  # when our place is gone, all that is left is unread
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
                before = self._obstacles.as_dict()
                up = await self._refresh(consumer)
                patience = self._patience(patience, before) if up else TICK
                away_since = None if up else away_since or now
            if away_since is not None and now - away_since > OUTAGE_GRACE:
                raise KafkaConnectionError(AWAY)
            await self._note_progress(consumer)
            if fetch_task(consumer).done():
                self._give_up_positions()
                raise KafkaConnectionError("the consumer has ended")
            await self._rest()

    async def _note_progress(self, consumer: AIOKafkaConsumer) -> None:
        try:
            async with asyncio.timeout(TICK):
                await self._positions.note_progress(consumer)
        except TimeoutError:
            pass

    def _patience(self, last: float, before: dict[str, str]) -> float:
        """Return how many seconds the next look at the topics can wait."""
        obstacles = self._obstacles.as_dict()
        if not obstacles:
            return self._quiet
        return TICK if obstacles != before else min(2 * last, self._quiet)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(TICK):
                await self._changed.wait()
        except TimeoutError:
            pass

    async def _refresh(self, consumer: AIOKafkaConsumer) -> bool:
        """Look at the topics and assign what is there; false when no broker answers."""
        wanted = self._obstacles.wanted
        client = consumer_client(consumer)
        if not wanted:
            consumer.unsubscribe()
            return True
        client.set_topics(wanted)
        if not await any_broker_answers(client):
            self._obstacles.found(wanted, dict.fromkeys(wanted, AWAY))
            return False
        missing = MISSING if await _fresh_metadata(client) else NOT_YET
        partitions = self._partitions(consumer, wanted)
        self._deny(await self._positions.find(consumer, partitions, self._since))
        self._assign(consumer, partitions)
        whys = ((topic, self._why(consumer, topic, missing)) for topic in wanted)
        self._obstacles.found(wanted, {topic: why for topic, why in whys if why is not None})
        return True

    def _partitions(
        self, consumer: AIOKafkaConsumer, wanted: frozenset[str]
    ) -> set[TopicPartition]:
        """Return what there is to read."""
        now = self._loop.time()
        self._denied = {topic: end for topic, end in self._denied.items() if end > now}
        return {
            TopicPartition(topic, number)
            for topic in wanted - self._denied.keys()
            for number in consumer.partitions_for_topic(topic) or ()
        }

    def _deny(self, topics: set[str]) -> None:
        until = self._loop.time() + DENIED_PAUSE
        self._denied.update(dict.fromkeys(topics, until))

    def _assign(self, consumer: AIOKafkaConsumer, partitions: set[TopicPartition]) -> None:
        """Read `partitions`, as far as they have a place."""
        placed = {partition for partition in partitions if partition in self._positions}
        if placed == consumer.assignment():
            return
        if not placed:
            consumer.unsubscribe()
            return
        consumer.assign(list(placed))
        self._positions.seek(consumer)

    def _why(self, consumer: AIOKafkaConsumer, topic: str, missing: str) -> str | None:
        if topic in self._denied:
            return DENIED
        numbers = consumer.partitions_for_topic(topic)
        if not numbers:
            return missing
        placed = all(TopicPartition(topic, number) in self._positions for number in numbers)
        return None if placed else NO_POSITION

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            await self._room()
            try:
                batches = await consumer.getmany(timeout_ms=1000)
            except TopicAuthorizationFailedError as error:
                self._deny({str(topic) for topic in error.args})
                self._changed.set()
                await asyncio.sleep(TICK)
            except Exception as error:  # noqa: BLE001  # aiokafka decodes here, so anything
                # The error's own text shows bytes of the record, which may be about a person.
                log.warning("A reply record cannot be read (%s)", type(error).__name__)
                await self._find_poison(consumer)
            else:
                self._take_all(batches)

    async def _find_poison(self, consumer: AIOKafkaConsumer) -> None:
        """Read one record after the other until one fails, and go on behind it.

        aiokafka tells neither which record it was nor gives the good ones that it had read.
        """
        self._positions.seek(consumer)
        end = self._loop.time() + POISON_SEARCH
        while self._loop.time() < end:
            for partition in consumer.assignment():
                try:
                    self._take_all(await consumer.getmany(partition, timeout_ms=0, max_records=1))
                except Exception:  # noqa: BLE001  # as above
                    await self._pass_over(consumer, partition)
                    return
            await asyncio.sleep(FIRST_BACKOFF / 5)

    async def _pass_over(self, consumer: AIOKafkaConsumer, partition: TopicPartition) -> None:
        bad = self._positions.next(partition)
        good = await first_readable(consumer, partition, bad)
        log.warning("Unreadable in %s, partition %d: offsets %d to %d", *partition, bad, good - 1)
        self._events.replied("-", ReplyFate.MALFORMED)
        self._positions.go_on(partition, good)
        self._positions.seek(consumer)

    def _take_all(self, batches: dict[TopicPartition, list[ConsumerRecord]]) -> None:
        for partition, records in batches.items():
            if partition.topic not in self._obstacles.wanted:
                continue  # wanted no longer; it keeps its place
            for record in self._positions.asked_for(partition, records):
                self._take(incoming_record(record))
            self._positions.go_on(partition, records[-1].offset + 1)

    def _give_up_positions(self) -> None:
        now = self._loop.time()
        if now - self._failed_at < FAILURE_WINDOW:
            topics, until = ", ".join(sorted(self._obstacles.wanted)), self.read_until()
            log.error("Replies on %s are passed over from %s until now", topics, until)
            self._positions.forget()
            self._since.clear()
        self._failed_at = now


async def _fresh_metadata(client: AIOKafkaClient) -> bool:
    try:
        async with asyncio.timeout(METADATA_TIMEOUT):
            return bool(await client.force_metadata_update())
    except TimeoutError:
        return False
