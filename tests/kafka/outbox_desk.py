"""An outbox with all that belongs to it, for the tests of the spool."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.kafka.connection import KafkaConnection
from gateway.kafka.outbox import Outbox, Spooled
from gateway.kafka.producer import REQUEST_TIMEOUT, SupervisedProducer
from gateway.kafka.record import Acknowledged, OutgoingRecord
from gateway.kafka.spool import LIMIT_BYTES, Spool
from tests.doubles.kafka_events import RecordedEvents
from tests.doubles.spool_events import RecordedFates, RecordedSpoolEvents

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

__all__ = ["Desk", "desk", "outgoing", "uncounted", "until", "wall_clock"]


def wall_clock() -> float:
    return time.time()  # noqa: TID251  # tests hand the clock in, as the process does


def uncounted(operations: int, seconds: float) -> None:
    """A spool whose commits nobody counts."""


def outgoing(topic: str, value: str, key: str | None = "key") -> OutgoingRecord:
    """A record whose `ce_id` is its value."""
    headers = (("ce_id", value.encode()),)
    encoded = None if key is None else key.encode()
    return OutgoingRecord(value, "svc", topic, encoded, value.encode(), headers)


async def until(happened: Callable[[], bool], limit: float = 30.0) -> None:
    """Look every few milliseconds until `happened`."""
    async with asyncio.timeout(limit):
        while not happened():  # noqa: ASYNC110  # what is waited for tells nobody
            await asyncio.sleep(0.01)


@dataclass
class Desk:
    """An outbox, what it stands on, and what it told."""

    outbox: Outbox
    spool: Spool
    producer: SupervisedProducer
    kafka: RecordedEvents
    events: RecordedSpoolEvents
    fates: RecordedFates

    async def send(
        self, record: OutgoingRecord, *, spill_after: float = 10.0, journal: bool = False
    ) -> Acknowledged | Spooled:
        about = b"about " + record.event_id.encode()
        return await self.outbox.send(record, spill_after=spill_after, journal=journal, about=about)

    async def until_unconfirmed(self) -> None:
        """Wait until the producer has a record that the brokers have not confirmed."""
        life = self.producer.life
        assert life is not None
        await until(lambda: life.oldest_wait() > 0)

    async def until_empty(self, limit: float = 30.0) -> None:
        await until(lambda: self.spool.records == 0, limit)


@asynccontextmanager
async def desk(
    path: Path,
    bootstrap: str,
    *,
    connect: bool = True,
    outage_grace: float = 0.5,
    limit_bytes: int = LIMIT_BYTES,
    orphans_after: float = 60.0,
    request_timeout: float = REQUEST_TIMEOUT,
) -> AsyncIterator[Desk]:
    """A desk whose producer is connected, unless `connect` is false: then it was never started."""
    kafka, events, fates = RecordedEvents(), RecordedSpoolEvents(), RecordedFates()
    producer = SupervisedProducer(
        KafkaConnection(bootstrap),
        kafka,
        request_timeout=request_timeout,
        outage_grace=outage_grace,
    )
    spool = Spool(path, now=wall_clock, committed=events.committed, limit_bytes=limit_bytes)
    outbox = Outbox(producer, spool, events, fates.take, orphans_after=orphans_after)
    if connect:
        producer.start()
        await kafka.until_connected()
    await outbox.start()
    try:
        yield Desk(outbox, spool, producer, kafka, events, fates)
    finally:
        await outbox.close(1.0)
        await producer.close(1.0)
