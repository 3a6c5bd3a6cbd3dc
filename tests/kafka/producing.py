"""A supervised producer, what it sends and what becomes of that, and a broker that falls silent."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.errors import BROKER_REFUSED, BROKER_UNREACHABLE, Fault
from gateway.kafka.connection import KafkaConnection
from gateway.kafka.producer import SupervisedProducer
from gateway.kafka.producer_life import BatchRefused, OutOfSequence, ProducerLife
from gateway.kafka.record import OutgoingRecord

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.demo.broker import EmbeddedBroker
    from gateway.errors import Cause
    from gateway.kafka.record import Acknowledged
    from tests.doubles.kafka_events import RecordedEvents

__all__ = ["begun", "outgoing", "publish", "questions", "refused", "silence", "through", "wake"]


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


@asynccontextmanager
async def begun(bootstrap: str, *, request_timeout: float = 15.0) -> AsyncIterator[ProducerLife]:
    """One life of a producer that has connected."""
    life = ProducerLife(
        KafkaConnection(bootstrap).client_arguments(), request_timeout=request_timeout
    )
    try:
        await life.start()
        yield life
    finally:
        await life.end(0.0)


async def publish(supervised: SupervisedProducer, record: OutgoingRecord) -> Acknowledged:
    """Hand `record` over and wait for its acknowledgement.

    As the outbox does, a life with a gap is waited out, and what it did not keep goes to its
    successor. Raises `Fault`.
    """
    for _ in range(2):
        life = supervised.life
        if life is not None and life.unfit.is_set():
            await life.over.wait()
            life = supervised.life
        if life is None:
            raise Fault(BROKER_UNREACHABLE)
        began = asyncio.get_running_loop().time()
        delivery = await supervised.hand_over(record, life)
        await asyncio.wait([delivery.future])
        try:
            outcome = delivery.outcome()
        except OutOfSequence:
            await life.over.wait()
        except BatchRefused as one_of_them:
            raise one_of_them.fault from one_of_them
        else:
            supervised.acknowledged(record.service_id, asyncio.get_running_loop().time() - began)
            return outcome
    raise Fault(BROKER_REFUSED)


async def refused(supervised: SupervisedProducer, record: OutgoingRecord) -> tuple[Cause, bool]:
    """Send what is not acknowledged; return why, and whether it may have been sent."""
    with pytest.raises(Fault) as caught:
        await publish(supervised, record)
    return caught.value.cause, caught.value.may_have_been_sent


def questions(name: str) -> int:
    """How many tasks of this name are under way."""
    return sum(task.get_name() == name for task in asyncio.all_tasks())


def silence(broker: EmbeddedBroker) -> None:
    """Stop the broker's process: its connections stay open and it answers nothing."""
    os.kill(broker.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, broker.pid, os.WSTOPPED)
    threads = Path("/proc", f"{broker.pid}", "task")
    while not all(_stopped(thread) for thread in threads.iterdir()):
        os.sched_yield()  # a thread of it may answer once more


def _stopped(thread: Path) -> bool:
    """Tell whether it is in state T: proc(5), the field behind the name in parentheses."""
    return (thread / "stat").read_text().rpartition(")")[2].split()[0] == "T"


def wake(broker: EmbeddedBroker) -> None:
    """Let the broker's process go on."""
    os.kill(broker.pid, signal.SIGCONT)
