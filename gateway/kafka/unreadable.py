"""Where reading goes on behind a record that cannot be decoded.

Room rule: no more is passed over than cannot be read. A broker hands out whole batches, and
aiokafka decodes a batch from its start, so the unreadable record takes its batch with it; how far
that reaches is not told, and has to be found by trying.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, TopicPartition

__all__ = ["first_readable"]

FETCH_WAIT_MS: Final = 1000
"""Milliseconds for a broker to answer one try; without an answer the place counts as readable, and
the next failure there starts another search."""


async def first_readable(consumer: AIOKafkaConsumer, partition: TopicPartition, bad: int) -> int:
    """Return the first offset after `bad`, which cannot be read, from which reading works.

    Steps that double find a readable offset, bisection the first one; a second unreadable batch
    within the last step may hide the readable one before it. Leaves `consumer` anywhere in
    `partition`. Raises aiokafka's errors when the end of the partition cannot be found.
    """
    good = (await consumer.end_offsets([partition]))[partition]
    step = 1
    while bad + step < good:
        if await _is_readable(consumer, partition, bad + step):
            good = bad + step
        else:
            bad += step
            step *= 2
    while good - bad > 1:
        middle = (good + bad) // 2
        if await _is_readable(consumer, partition, middle):
            good = middle
        else:
            bad = middle
    return int(good)


async def _is_readable(consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int) -> bool:
    consumer.seek(partition, offset)
    try:
        await consumer.getmany(partition, timeout_ms=FETCH_WAIT_MS, max_records=1)
    except Exception:  # noqa: BLE001  # aiokafka decodes here, so anything
        return False
    return True
