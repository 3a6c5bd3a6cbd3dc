"""Closing while the brokers are silent and the disk takes nothing: every caller has an answer."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from gateway.demo.broker import EmbeddedBroker
from gateway.errors import BROKER_TIMEOUT, Fault
from gateway.kafka.record import Acknowledged
from tests.doubles.kafka_topic import topic_name
from tests.kafka.outbox_desk import desk, outgoing
from tests.kafka.producing import silence, wake

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gateway.kafka.outbox import Spooled
    from tests.kafka.outbox_desk import Desk


@asynccontextmanager
async def closed_too_early(
    folder: Path,
) -> AsyncIterator[tuple[EmbeddedBroker, Desk, asyncio.Task[Acknowledged | Spooled]]]:
    """The outbox is closed while its silent broker holds a record and the disk has no room."""
    topic = topic_name("closing")
    async with (
        EmbeddedBroker() as broker,
        desk(folder / "spool.db", broker.bootstrap, limit_bytes=0, outage_grace=60.0) as at,
    ):
        await at.send(outgoing(topic, "before"))
        silence(broker)
        sending = asyncio.create_task(at.send(outgoing(topic, "held"), spill_after=60.0))
        await at.until_unconfirmed()
        await at.outbox.close(0.1)
        yield broker, at, sending


async def test_a_record_that_neither_disk_nor_brokers_took_is_answered_when_the_producer_ends(
    tmp_path: Path,
) -> None:
    async with closed_too_early(tmp_path) as (broker, at, sending):
        await at.producer.close(0.0)
        with pytest.raises(Fault) as caught:
            async with asyncio.timeout(5):
                await sending
        assert (caught.value.cause, caught.value.may_have_been_sent) == (BROKER_TIMEOUT, True)
        wake(broker)


async def test_a_record_that_the_brokers_confirm_after_the_spool_was_closed_is_acknowledged(
    tmp_path: Path,
) -> None:
    async with closed_too_early(tmp_path) as (broker, _, sending):
        wake(broker)
        async with asyncio.timeout(5):
            assert isinstance(await sending, Acknowledged)
