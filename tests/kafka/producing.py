"""A supervised producer, what it sends and what becomes of that, and a broker that falls silent."""

from __future__ import annotations

import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from gateway.errors import Fault
from gateway.kafka.connection import KafkaConnection
from gateway.kafka.producer import SupervisedProducer
from gateway.kafka.record import OutgoingRecord

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.demo.broker import EmbeddedBroker
    from gateway.errors import Cause
    from tests.doubles.kafka_events import RecordedEvents

__all__ = ["outgoing", "refused", "silence", "through", "wake"]


def outgoing(topic: str, value: bytes, key: bytes | None = b"key") -> OutgoingRecord:
    return OutgoingRecord("e", "svc", topic, key, value, ())


@asynccontextmanager
async def through(
    bootstrap: str, events: RecordedEvents, **times: float
) -> AsyncIterator[SupervisedProducer]:
    """A producer that has connected; `times` are its own, in seconds."""
    supervised = SupervisedProducer(KafkaConnection(bootstrap), events, **times)
    supervised.start()
    try:
        await events.until_connected()
        yield supervised
    finally:
        await supervised.close(1.0)


async def refused(supervised: SupervisedProducer, record: OutgoingRecord) -> tuple[Cause, bool]:
    """Send what is not acknowledged; return why, and whether it may have been sent."""
    with pytest.raises(Fault) as caught:
        await supervised.send(record)
    return caught.value.cause, caught.value.may_have_been_sent


def silence(broker: EmbeddedBroker) -> None:
    """Stop the broker's process: its connections stay open and it answers nothing."""
    os.kill(broker.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, broker.pid, os.WSTOPPED)


def wake(broker: EmbeddedBroker) -> None:
    """Let the broker's process go on."""
    os.kill(broker.pid, signal.SIGCONT)
