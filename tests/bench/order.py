"""What a topic holds of numbered records: every one that was taken, each key's in order.

Rule: only the first copy of a record counts for the order; a further one has to carry the mark of
a possible duplicate.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition

from tests.doubles.kafka_topic import partitions

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Order", "read_order"]


class Order:
    """Hears of each record in the order of its partition.

    `records` are first copies, `copies` further ones and `unmarked` those of them without the
    mark; `overtaken` are first copies that came after a later record of their key.
    """

    def __init__(self) -> None:
        self.records = self.copies = self.unmarked = self.overtaken = 0
        self._next: Counter[str] = Counter()
        self._skipped: set[tuple[str, int]] = set()

    def take(self, key: str, number: int, *, replayed: bool) -> None:
        """The topic's next record."""
        expected = self._next[key]
        if number >= expected:
            self.records += 1
            self._skipped.update((key, skipped) for skipped in range(expected, number))
            self._next[key] = number + 1
        elif (key, number) in self._skipped:
            self.records += 1
            self.overtaken += 1
            self._skipped.discard((key, number))
        else:
            self.copies += 1
            self.unmarked += not replayed

    def fault(self, taken: Mapping[str, int]) -> str:
        """What is wrong, with as many receipts of each key as `taken` says; empty if nothing is."""
        missing = sum(taken.values()) - self.records
        said = {
            f"{missing} records with a receipt are missing": missing,
            f"{self.overtaken} came after a later one of their key": self.overtaken,
            f"{self.unmarked} came twice without the mark": self.unmarked,
        }
        return "; ".join(text for text, count in said.items() if count)


async def read_order(bootstrap: str, topic: str) -> Order:
    """Read `topic` from its beginning to its end of now."""
    order = Order()
    places = [TopicPartition(topic, number) for number in await partitions(bootstrap, topic)]
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=None,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    async with consumer:
        ends = await consumer.end_offsets(places)
        consumer.assign(places)
        while [place for place in places if await consumer.position(place) < ends[place]]:
            batches = await consumer.getmany(timeout_ms=500)
            for record in (record for batch in batches.values() for record in batch):
                body = json.loads(record.value)
                replayed = dict(record.headers).get("ce_replayed") == b"true"
                order.take(body["key"], body["number"], replayed=replayed)
    return order
