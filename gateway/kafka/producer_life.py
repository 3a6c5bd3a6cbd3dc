"""One life of a producer: an aiokafka producer from its connection to its end, never used again.

Room rule: a life delivers and judges itself; when it has to be replaced is the supervisor's
decision in `producer.py`.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError, UnknownTopicOrPartitionError
from aiokafka.partitioner import DefaultPartitioner

from gateway.kafka.aiokafka_internals import (
    abandon_producer,
    cut_producer,
    has_live_connection,
    oldest_wait,
    sender_task,
)
from gateway.kafka.broker_probe import any_broker_answers
from gateway.kafka.record import Acknowledged
from gateway.kafka.rejections import refused_before_sending, verdict
from gateway.kafka.topic_limits import ask_limits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiokafka.structs import RecordMetadata

    from gateway.errors import Fault
    from gateway.kafka.record import OutgoingRecord
    from gateway.kafka.rejections import Verdict

__all__ = [
    "MAX_REQUEST_SIZE",
    "BatchRefused",
    "Delivery",
    "OutOfSequence",
    "ProducerLife",
    "known_offset",
]

MAX_REQUEST_SIZE: Final = 16 * 1024 * 1024
"""Bytes of the largest record, whatever its topic takes (`topic_limits.py`)."""

MAX_BATCH_SIZE: Final = 512 * 1024
"""Bytes that wait for one partition. aiokafka's 16 KiB wakes all waiting senders for each batch
(aiokafka#528): 4000 concurrent sends of 500 bytes measured 3.42 s of CPU at 16 KiB and 0.10 s at
1 MiB. For a topic whose `max.message.bytes` is smaller each record is a batch of its own."""

TOPIC_WAIT: Final = 3.0
"""Seconds that a topic which nobody knows yet has to appear, as one that is created on demand."""

CONNECT_TIMEOUT: Final = 5.0
"""Seconds to find a broker and get a producer id. Less than one request may take: the addresses are
tried in random order, so that another try soon finds a broker that does not hang."""


class OutOfSequence(Exception):  # noqa: N818  # the word of the protocol; never leaves this room
    """The brokers did not keep the record: this producer's sequence has a gap before it."""


class BatchRefused(Exception):  # noqa: N818  # what happened; never leaves this room
    """The brokers refused a batch, whichever of its records is to blame; `fault` if this one is."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.cause.code)
        self.fault = fault


class Delivery(NamedTuple):
    """A record that `life` has taken; `future` ends with its acknowledgement or its failure."""

    life: ProducerLife
    future: asyncio.Future[RecordMetadata]

    def outcome(self) -> Acknowledged:
        """Return what `future` ended with.

        Raises `Fault`, `BatchRefused`, or `OutOfSequence` when a successor may send it again.
        """
        error = self.future.exception()
        if error is None:
            metadata = self.future.result()
            return Acknowledged(metadata.topic, metadata.partition, known_offset(metadata))
        judged = self.life.judged(verdict(error))
        if judged.again:
            raise OutOfSequence from error
        if judged.of_a_batch:
            raise BatchRefused(judged.fault()) from error
        raise judged.fault() from error


def _read(delivery: asyncio.Future[RecordMetadata]) -> None:
    """Whoever waited for it has gone; a failure that nobody reads is reported as a bug."""
    if not delivery.cancelled():
        delivery.exception()


class ProducerLife:
    """One aiokafka producer: acks of all in-sync replicas, idempotent, no compression.

    `unfit` is set when it must not go on: its sequence has a gap, or its sender has ended.
    `over` is set when sends have to look for its successor.
    """

    def __init__(self, client_arguments: dict[str, Any], *, request_timeout: float) -> None:
        self._producer = AIOKafkaProducer(
            **client_arguments,
            client_id="gateway",
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=int(request_timeout * 1000),
            retry_backoff_ms=250,
            metadata_max_age_ms=60_000,
            max_batch_size=MAX_BATCH_SIZE,
            max_request_size=MAX_REQUEST_SIZE,
            linger_ms=0,
        )
        self._client = self._producer.client
        self._cluster = self._client.cluster
        self.unfit = asyncio.Event()
        self.over = asyncio.Event()
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def start(self) -> None:
        """Connect and get a producer id. Raises `TimeoutError` or aiokafka's errors."""
        async with asyncio.timeout(CONNECT_TIMEOUT):
            await self._producer.start()
        task = sender_task(self._producer)
        if task is not None:
            task.add_done_callback(self._sender_ended)

    async def hand_over(self, record: OutgoingRecord, *, alone: bool = False) -> Delivery:
        """Give `record` a place in a batch; cancelled before that, it is certainly not sent.

        `alone`: in a batch of its own, for a topic that would refuse a larger one.

        Records of one key handed over one after the other stay in order, whatever happens: when one
        is not kept, the brokers refuse all that this life sends to its partition after it. Raises
        `Fault`.
        """
        try:
            return Delivery(self, await self._hand_over(record, alone=alone))
        except KafkaError as error:
            raise self.judged(refused_before_sending(error)).fault() from error

    async def deliver(self, record: OutgoingRecord, *, alone: bool = False) -> Acknowledged:
        """Hand `record` over and wait until all in-sync replicas have it.

        Raises `Fault`, or `OutOfSequence` when a successor may send the same record; after either
        this life sends it no more. A record whose delivery is cancelled may still be sent as long
        as this life lasts.
        """
        delivery = await self.hand_over(record, alone=alone)
        try:
            await asyncio.wait([delivery.future])
        except asyncio.CancelledError:
            delivery.future.add_done_callback(_read)
            raise
        try:
            return delivery.outcome()
        except BatchRefused as refused:
            raise refused.fault from refused.__cause__

    async def limits(self, topics: Iterable[str]) -> dict[str, int] | None:
        """Ask how large a batch each of `topics` takes; None when no broker answers."""
        return await ask_limits(self._client, topics)

    async def reachable(self) -> bool:
        """Ask all brokers; false when none answers in time."""
        return await any_broker_answers(self._client)

    def has_live_connection(self) -> bool:
        """Tell whether a connection to any broker is open; asks nobody."""
        return has_live_connection(self._client)

    def oldest_wait(self) -> float:
        """Return for how many seconds the oldest record waits for its acknowledgement."""
        return oldest_wait(self._producer)

    async def end(self, drain: float) -> None:
        """Wait up to `drain` seconds for acknowledgements, then fail and forget what is left."""
        self.over.set()
        try:
            async with asyncio.timeout(drain):
                await self._producer.flush()
        except TimeoutError:
            pass
        finally:
            await abandon_producer(self._producer, KafkaConnectionError("given up"))

    def _sender_ended(self, _: asyncio.Task[None]) -> None:
        self.unfit.set()
        if not self.over.is_set():
            # Its requests to brokers go on without it, and one may not be on the wire yet. This
            # runs before anybody learns that the records have failed.
            cut_producer(self._producer)

    async def _hand_over(
        self, record: OutgoingRecord, *, alone: bool
    ) -> asyncio.Future[RecordMetadata]:
        if self._cluster.partitions_for_topic(record.topic) is None:
            await self._find_topic(record.topic)
        if alone:
            return await self._hand_over_alone(record)
        delivery: asyncio.Future[RecordMetadata] = await self._producer.send(
            record.topic, record.value, record.key, headers=list(record.headers)
        )
        return delivery

    async def _hand_over_alone(self, record: OutgoingRecord) -> asyncio.Future[RecordMetadata]:
        topic = record.topic
        batch = self._producer.create_batch()
        batch.append(
            timestamp=None, key=record.key, value=record.value, headers=list(record.headers)
        )
        batch.close()
        # Batches that wait for their partition are all woken at once: the lock keeps their order.
        async with self._turns[topic]:
            delivery: asyncio.Future[RecordMetadata] = await self._producer.send_batch(
                batch, topic, partition=self._partition(topic, record.key)
            )
        return delivery

    def _partition(self, topic: str, key: bytes | None) -> int:
        """Choose as the producer itself does for records that are not alone."""
        partitions = list(self._cluster.partitions_for_topic(topic))
        available = list(self._cluster.available_partitions_for_topic(topic))
        partition: int = DefaultPartitioner()(key, partitions, available)
        return partition

    async def _find_topic(self, topic: str) -> None:
        # aiokafka itself looks for as long as a request may take, without telling why.
        try:
            async with asyncio.timeout(TOPIC_WAIT):
                await self._producer.partitions_for(topic)
        except TimeoutError:
            if self.over.is_set() or not await self.reachable():
                raise KafkaConnectionError from None
            raise UnknownTopicOrPartitionError from None

    def judged(self, judged: Verdict) -> Verdict:
        """Note what an error means for this life, and return it."""
        if judged.succeed:
            self.unfit.set()
        return judged


def known_offset(metadata: RecordMetadata) -> int | None:
    """Return the offset that an acknowledgement tells, None when it tells none."""
    # A duplicate is acknowledged with base offset -1, to which aiokafka adds the record's place in
    # its batch; the log start offset, -1 as well then, is what tells such a number from a real one.
    start = metadata.log_start_offset
    if metadata.offset < 0 or (start is not None and start < 0):
        return None
    offset: int = metadata.offset
    return offset
