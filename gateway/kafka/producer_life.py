"""One life of a producer: an aiokafka producer from its connection to its end, never used again.

Room rule: a life delivers and judges itself; when it has to be replaced is the supervisor's
decision in `producer.py`.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    OutOfOrderSequenceNumber,
    UnknownTopicOrPartitionError,
)
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.structs import TopicPartition

from gateway.kafka.aiokafka_internals import (
    abandon_producer,
    cut_producer,
    fail_unsent,
    has_live_connection,
    last_batch,
    oldest_wait,
    sender_task,
    tried_before,
)
from gateway.kafka.broker_probe import any_broker_answers
from gateway.kafka.record import Acknowledged
from gateway.kafka.rejections import refused_before_sending, verdict
from gateway.kafka.topic_limits import ask_limits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiokafka.producer.message_accumulator import MessageBatch
    from aiokafka.structs import RecordMetadata

    from gateway.errors import Fault
    from gateway.kafka.record import OutgoingRecord

__all__ = [
    "MAX_REQUEST_SIZE",
    "BatchRefused",
    "Delivery",
    "OutOfSequence",
    "ProducerLife",
    "known_offset",
]

MAX_REQUEST_SIZE: Final = 16 * 1024 * 1024
"""Bytes, chosen, of the largest record, whatever its topic takes (`topic_limits.py`)."""

MAX_BATCH_SIZE: Final = 512 * 1024
"""Bytes that wait for one partition. aiokafka's 16 KiB wakes all waiting senders for each batch
(aiokafka#528): 4000 concurrent sends of 500 bytes measured 3.42 s of CPU at 16 KiB and 0.10 s at
1 MiB. For a topic whose `max.message.bytes` is smaller each record is a batch of its own."""

TOPIC_WAIT: Final = 3.0
"""Seconds, chosen, that a topic which nobody knows yet has to appear, as one that is created on
demand."""

CONNECT_TIMEOUT: Final = 5.0
"""Seconds, chosen, to find a broker and get a producer id. Less than one request may take: the
addresses are tried in random order, so that another try soon finds a broker that does not hang."""


class OutOfSequence(Exception):  # noqa: N818  # the word of the protocol; never leaves this room
    """The brokers did not keep the record: this producer's sequence has a gap before it."""


class BatchRefused(Exception):  # noqa: N818  # what happened; never leaves this room
    """The brokers refused a batch, whichever of its records is to blame; `fault` if this one is."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.cause.code)
        self.fault = fault


class Delivery(NamedTuple):
    """A record that `life` has taken; `future` ends with its acknowledgement or its failure.

    `batch` is the one that holds it, for what its end means.
    """

    life: ProducerLife
    future: asyncio.Future[RecordMetadata]
    batch: MessageBatch

    def outcome(self) -> Acknowledged:
        """Return what `future` ended with.

        Raises `Fault`, `BatchRefused`, or `OutOfSequence` when a successor may send it again.
        """
        error = self.future.exception()
        if error is None:
            metadata = self.future.result()
            return Acknowledged(metadata.topic, metadata.partition, known_offset(metadata))
        judged = verdict(error, tried_before=tried_before(self.batch))
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
        self._partitioner = DefaultPartitioner()
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
        is not kept, this life sends nothing more to its partition. Raises `Fault`; it is
        `broker_unreachable` when this life has to be replaced, or has been.
        """
        try:
            if self.unfit.is_set() or self.over.is_set():
                raise KafkaConnectionError
            if self._cluster.partitions_for_topic(record.topic) is None:
                await self._find_topic(record.topic)
            return await (self._alone(record) if alone else self._among_others(record))
        except KafkaError as error:
            judged = refused_before_sending(error)
            if judged.leaves_gap:
                self.unfit.set()
            raise judged.fault() from error

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

    async def _among_others(self, record: OutgoingRecord) -> Delivery:
        place = self._place(record)
        future = await self._producer.send(
            record.topic,
            record.value,
            record.key,
            partition=place.partition,
            headers=list(record.headers),
        )
        return self._taken(place, future)

    async def _alone(self, record: OutgoingRecord) -> Delivery:
        batch = self._producer.create_batch()
        batch.append(
            timestamp=None, key=record.key, value=record.value, headers=list(record.headers)
        )
        batch.close()
        # Batches that wait for their partition are all woken at once: the lock keeps their order.
        async with self._turns[record.topic]:
            place = self._place(record)
            future = await self._producer.send_batch(batch, record.topic, partition=place.partition)
            return self._taken(place, future)

    def _place(self, record: OutgoingRecord) -> TopicPartition:
        """Choose the partition, by the same rule for records that are alone and those that are not.

        Raises `UnknownTopicOrPartitionError` when the cluster has none for the topic any more.
        """
        partitions = self._cluster.partitions_for_topic(record.topic)
        if not partitions:
            raise UnknownTopicOrPartitionError
        available = self._cluster.available_partitions_for_topic(record.topic)
        chosen: int = self._partitioner(record.key, list(partitions), list(available))
        return TopicPartition(record.topic, chosen)

    def _taken(self, place: TopicPartition, future: asyncio.Future[RecordMetadata]) -> Delivery:
        batch = last_batch(self._producer, place)
        if batch.record_count == 1:  # its first record
            batch.future.add_done_callback(partial(self._batch_ended, batch))
        if self.unfit.is_set():  # it had to wait for its place, and something failed meanwhile
            fail_unsent(self._producer, place, OutOfOrderSequenceNumber())
        return Delivery(self, future, batch)

    def _batch_ended(self, batch: MessageBatch, future: asyncio.Future[RecordMetadata]) -> None:
        """Let nothing follow a batch that was not kept.

        The brokers themselves refuse what comes after a gap, but not in a partition to which this
        life has not written yet: they take any first sequence there. A record would overtake
        another one of its key that is sent again, or is decided later.
        """
        error = None if future.cancelled() else future.exception()
        if error is not None and verdict(error, tried_before=tried_before(batch)).leaves_gap:
            self.unfit.set()
            fail_unsent(self._producer, batch.tp, OutOfOrderSequenceNumber())

    async def _find_topic(self, topic: str) -> None:
        # aiokafka itself looks for as long as a request may take, without telling why.
        try:
            async with asyncio.timeout(TOPIC_WAIT):
                await self._producer.partitions_for(topic)
        except TimeoutError:
            if self.over.is_set() or not await self.reachable():
                raise KafkaConnectionError from None
            raise UnknownTopicOrPartitionError from None


def known_offset(metadata: RecordMetadata) -> int | None:
    """Return the offset that an acknowledgement tells, None when it tells none."""
    # A duplicate is acknowledged with base offset -1, to which aiokafka adds the record's place in
    # its batch; the log start offset, -1 as well then, is what tells such a number from a real one.
    start = metadata.log_start_offset
    if metadata.offset < 0 or (start is not None and start < 0):
        return None
    offset: int = metadata.offset
    return offset
