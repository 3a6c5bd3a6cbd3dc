"""A Kafka department that answers at once, as cheaply as Python can.

Rule: a process of its own (`python -m tests.bench.replying BOOTSTRAP TOPIC`), which prints `READY`
when it reads; the topic is new, and is read from its beginning; no acknowledgement is waited for.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

__all__ = ["READY"]

READY: Final = "ready"
FETCH_WAIT: Final = 5
"""Milliseconds. The embedded broker lets a fetch wait to its end, also when a record comes."""

ANSWER: Final = b'{"months_paid": 214, "note": "' + b"x" * 992 + b'"}'


async def _main(bootstrap: str, topic: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks=1, max_batch_size=1 << 19)
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        metadata_max_age_ms=5000,
        fetch_max_wait_ms=FETCH_WAIT,
    )
    async with producer, consumer:
        sys.stdout.write(f"{READY}\n")
        sys.stdout.flush()
        while True:
            batches = await consumer.getmany(timeout_ms=1000)
            for record in (record for batch in batches.values() for record in batch):
                await _answer(record, producer)


async def _answer(record: Any, producer: Any) -> None:
    asked = dict(record.headers)
    headers = [
        ("ce_correlationid", asked["ce_correlationid"]),
        ("ce_httpstatus", b"200"),
        ("content-type", b"application/json"),
    ]
    await producer.send(asked["ce_replyto"].decode(), ANSWER, headers=headers)


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
