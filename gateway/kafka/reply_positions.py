"""Where each partition of the reply topics is read next, and up to which time all of it was read.

Room rule: a place is found once, before anything of the partition is read, and is kept as long as
the process lives: while the brokers are away, while the topic may not be read, while no route wants
it. Reading goes on there, and nothing that was written meanwhile is missed.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

__all__ = ["Positions"]

FIND_TIMEOUT: Final = 2.0
"""Seconds that the brokers have to say where the partitions of a topic begin and end."""


class _Floor(NamedTuple):
    """Records before `end` are passed over when they are older than `at` (ms since 1970)."""

    at: int
    end: int


class _Found(NamedTuple):
    starts: dict[TopicPartition, int]
    floors: dict[TopicPartition, _Floor]


class Positions:
    """The places of all partitions that were ever read."""

    def __init__(self) -> None:
        self._next: dict[TopicPartition, int] = {}
        self._read_until: dict[TopicPartition, datetime] = {}
        self._floors: dict[TopicPartition, _Floor] = {}

    def __contains__(self, partition: TopicPartition) -> bool:
        return partition in self._next

    def knows(self, topic: str) -> bool:
        """True when a place on `topic` was found before."""
        return any(partition.topic == topic for partition in self._next)

    def forget(self) -> None:
        """Give up all places: each partition is read from its end again."""
        self._next.clear()
        self._floors.clear()

    def go_on(self, partition: TopicPartition, offset: int) -> None:
        """Read `partition` from `offset` next."""
        self._next[partition] = offset
        floor = self._floors.get(partition)
        if floor is not None and offset >= floor.end:
            del self._floors[partition]

    def next(self, partition: TopicPartition) -> int:
        """Return the offset that is read next."""
        return self._next[partition]

    def seek(self, consumer: AIOKafkaConsumer) -> None:
        """Send `consumer` to the places of all that is assigned to it."""
        for partition in consumer.assignment() & self._next.keys():
            consumer.seek(partition, self._next[partition])

    def asked_for(
        self, partition: TopicPartition, records: list[ConsumerRecord]
    ) -> list[ConsumerRecord]:
        """Return those of `records` that are not older than what is asked for."""
        floor = self._floors.get(partition)
        if floor is None:
            return records
        # A record without a time has -1; it may be from any.
        return [r for r in records if r.offset >= floor.end or not 0 <= r.timestamp < floor.at]

    async def note_progress(self, consumer: AIOKafkaConsumer) -> None:
        """Note for each partition that is read to its end when that was."""
        for partition in consumer.assignment() & self._next.keys():
            end = consumer.last_stable_offset(partition)
            asked = consumer.last_poll_timestamp(partition)
            # The consumer's own position, as it is behind the marks of transactions, too.
            if end is not None and asked is not None and await consumer.position(partition) >= end:
                self._read_until[partition] = datetime.fromtimestamp(asked / 1000, UTC)

    def read_until(self, topics: Iterable[str]) -> datetime | None:
        """Return the time before which nothing on `topics` is unread; None when that is unknown."""
        wanted = frozenset(topics)
        places = [partition for partition in self._next if partition.topic in wanted]
        if not places or any(partition not in self._read_until for partition in places):
            return None
        return min(self._read_until[partition] for partition in places)

    async def find(
        self,
        consumer: AIOKafkaConsumer,
        partitions: set[TopicPartition],
        since: Mapping[str, datetime],
    ) -> set[str]:
        """Find the places that `partitions` lack; return the topics that may not be read.

        A topic in `since` is read from that time on, any other from its end, and a partition that
        was added to a topic which is read already from its beginning. What cannot be found now has
        no place yet.
        """
        known = {partition.topic for partition in self._next}
        lacking: dict[str, list[TopicPartition]] = {}
        for partition in partitions - self._next.keys():
            if partition.topic in known:
                self._next[partition] = 0
            else:
                lacking.setdefault(partition.topic, []).append(partition)
        denied: set[str] = set()
        async with asyncio.TaskGroup() as group:
            for topic, of_topic in lacking.items():
                finding = self._find(consumer, of_topic, since.get(topic), denied)
                group.create_task(finding, name="kafka-replies-find")
        return denied

    async def _find(
        self,
        consumer: AIOKafkaConsumer,
        partitions: list[TopicPartition],
        since: datetime | None,
        denied: set[str],
    ) -> None:
        try:
            async with asyncio.timeout(FIND_TIMEOUT):
                asked = datetime.now(UTC)
                ends = await consumer.end_offsets(partitions)
                found = _Found(ends, {}) if since is None else await _found(consumer, ends, since)
        except TopicAuthorizationFailedError:
            denied.add(partitions[0].topic)
        except (KafkaError, TimeoutError):
            pass
        else:
            self._next.update(found.starts)
            self._floors.update(found.floors)
            self._read_until.update(dict.fromkeys(partitions, since or asked))


async def _found(
    consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int], since: datetime
) -> _Found:
    """Return where the records since `since` begin, in partitions that end at `ends`.

    A broker that cannot tell (the embedded one, or one whose records are older than Kafka 0.10)
    says "nothing since" for every time, even for one before all records; there the partition is
    read from its beginning, and what is older is passed over.
    """
    at = max(0, int(since.timestamp() * 1000))
    found = await consumer.offsets_for_times(dict.fromkeys(ends, at))
    starts = {tp: ends[tp] if place is None else place.offset for tp, place in found.items()}
    nothing = [partition for partition, place in found.items() if place is None]
    if not nothing:
        return _Found(starts, {})
    begins = await consumer.beginning_offsets(nothing)
    firsts = await consumer.offsets_for_times(dict.fromkeys(nothing, 0))
    silent = {tp for tp in nothing if firsts[tp] is None and begins[tp] < ends[tp]}
    starts.update({partition: begins[partition] for partition in silent})
    return _Found(starts, {partition: _Floor(at, ends[partition]) for partition in silent})
