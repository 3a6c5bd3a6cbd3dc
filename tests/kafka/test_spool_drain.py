"""The drain: order through outages, crashes of the gateway, refusals; live traffic beside it."""

from __future__ import annotations

import asyncio
import math
import random
import subprocess
import sys
from collections import defaultdict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import pytest

from gateway.demo.broker import EmbeddedBroker
from gateway.errors import RECORD_TOO_LARGE, Fault
from gateway.kafka.outbox import Spooled
from gateway.kafka.record import Acknowledged
from tests.doubles.kafka_topic import create, records, topic_name
from tests.kafka.outbox_desk import desk, outgoing
from tests.kafka.producing import silence, wake

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from gateway.kafka.record import IncomingRecord
    from tests.kafka.broker.apache_kafka import ApacheKafka
    from tests.kafka.outbox_desk import Desk

REPLAYED: Final = ("ce_replayed", b"true")
OUTAGE: Final = {"late", "away"}
"""What a record is spooled for when the brokers do not confirm it."""
FELT: Final = 0.1
"""Seconds without a confirmation that a broker which is there does not take."""


def assert_in_order(found: list[IncomingRecord], sent: list[tuple[str, str]]) -> None:
    """Each record is there, first copies in order of arrival per key, all copies but one marked."""
    copies: dict[bytes, list[IncomingRecord]] = defaultdict(list)
    for record in found:
        copies[record.value or b""].append(record)
    firsts: dict[bytes, list[str]] = defaultdict(list)
    for value, of_value in copies.items():
        firsts[of_value[0].key or b""].append(value.decode())
        assert len([record for record in of_value if REPLAYED not in record.headers]) <= 1
        assert {dict(record.headers)["ce_id"] for record in of_value} == {value}
    for key in {key for key, _ in sent}:
        assert firsts[key.encode()] == [value for of_key, value in sent if of_key == key]


async def traffic(
    at: Desk, topic: str, chance: random.Random, count: int
) -> tuple[list[tuple[str, str]], list[str]]:
    """Send `count` records of three keys; return those that were answered, and the failures."""
    arrived: list[tuple[str, str]] = []
    answers: list[asyncio.Task[Acknowledged | Spooled]] = []
    for number in range(count):
        key, value = chance.choice("abc"), f"{number:05}"
        sending = at.send(
            outgoing(topic, value, key),
            spill_after=chance.choice((0.02, 0.2, 1.0)),
            journal=chance.random() < 0.3,
        )
        arrived.append((key, value))
        answers.append(asyncio.create_task(sending))
        await asyncio.sleep(chance.choice((0, 0, 0, 0.01, 0.05)))
    ends = await asyncio.gather(*answers, return_exceptions=True)
    failures = [repr(end) for end in ends if isinstance(end, BaseException)]
    answered = [a for a, end in zip(arrived, ends, strict=True) if not isinstance(end, Fault)]
    return answered, failures


@asynccontextmanager
async def outages(
    chance: random.Random, at: Desk, away: Callable[[], None], back: Callable[[], None]
) -> AsyncIterator[list[float]]:
    """Let the broker go and come back at random moments; it is there at the end.

    Yields how many seconds a record had waited for it each time, at the end.
    """
    over = asyncio.Event()
    waits: list[float] = []

    async def trouble() -> None:
        while not over.is_set():
            await asyncio.sleep(chance.uniform(0.1, 1.0))
            await asyncio.to_thread(away)
            await asyncio.sleep(chance.uniform(0.1, 2.0))
            life = at.producer.life
            waits.append(math.inf if life is None else life.oldest_wait())
            await asyncio.to_thread(back)

    async with asyncio.TaskGroup() as group:
        group.create_task(trouble())
        yield waits
        over.set()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_order_per_key_holds_while_the_broker_falls_silent_again_and_again(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311  # repeats the same test
    topic = topic_name("silences")

    async with EmbeddedBroker() as broker, desk(tmp_path / "spool.db", broker.bootstrap) as at:
        async with outages(chance, at, lambda: silence(broker), lambda: wake(broker)) as waits:
            sent, failures = await traffic(at, topic, chance, 400)
        await at.until_empty()
        assert failures == []
        assert OUTAGE & set(at.events.spools)
        assert max(waits) > FELT
        assert_in_order(await records(broker.bootstrap, topic), sent)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1, 2])
async def test_order_per_key_holds_while_the_broker_is_killed_again_and_again(
    tmp_path: Path, own_apache: ApacheKafka, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311  # repeats the same test
    topic = topic_name("kills")
    await create(own_apache.bootstrap, topic, {})
    async with desk(tmp_path / "spool.db", own_apache.bootstrap) as at:
        async with outages(chance, at, own_apache.kill, own_apache.start) as waits:
            sent, failures = await traffic(at, topic, chance, 600)
        await at.until_empty(60)
        assert failures == []
        assert OUTAGE & set(at.events.spools)
        assert max(waits) > FELT
        assert_in_order(await records(own_apache.bootstrap, topic), sent)


CRASHING: Final = """
import asyncio, sys, time
from pathlib import Path
from gateway.kafka.connection import KafkaConnection
from gateway.kafka.outbox import Outbox
from gateway.kafka.producer import SupervisedProducer
from gateway.kafka.record import OutgoingRecord
from gateway.kafka.spool import Spool
from tests.doubles.kafka_events import RecordedEvents
from tests.doubles.spool_events import RecordedSpoolEvents

async def main(path, bootstrap, topic):
    async def take(fate):
        if fate.event_id == "050":
            print("settled", flush=True)
            await asyncio.Event().wait()

    producer = SupervisedProducer(KafkaConnection(bootstrap), RecordedEvents())
    events = RecordedSpoolEvents()
    spool = Spool(Path(path), now=time.time, committed=events.committed)
    outbox = Outbox(producer, spool, events, take)
    await outbox.start()
    for number in range(100):
        value = f"{number:03}".encode()
        headers = (("ce_id", value),)
        record = OutgoingRecord(value.decode(), "svc", topic, b"key", value, headers)
        await outbox.send(record, spill_after=1.0, journal=False, about=b"")
    producer.start()
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""
"""A gateway that is killed when the brokers have its records and its spool still does, too."""


async def test_a_gateway_that_is_killed_before_it_could_forget_sends_again_with_marks(
    tmp_path: Path, bootstrap: str
) -> None:
    topic = topic_name("crash")
    path = tmp_path / "spool.db"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CRASHING, str(path), bootstrap, topic, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"settled\n"
    process.kill()
    await process.communicate()
    async with desk(path, bootstrap) as at:
        await at.until_empty()
        assert {fate.replayed for fate in at.fates.taken} == {True}
        assert at.events.duplicates == len(at.fates.taken) >= 1
    found = await records(bootstrap, topic)
    assert_in_order(found, [("key", f"{number:03}") for number in range(100)])
    again = [record for record in found if REPLAYED in record.headers]
    assert len(found) == 100 + len(again)


async def test_a_refusal_after_the_receipt_is_told_and_the_rest_goes_on(
    tmp_path: Path, apache: str
) -> None:
    topic = topic_name("refused")
    await create(apache, topic, {"max.message.bytes": "2000"})
    path = tmp_path / "spool.db"
    async with desk(path, apache, connect=False) as at:
        for value in ("a", "b" * 5000, "c"):
            await at.send(outgoing(topic, value))
    async with desk(path, apache) as at:
        await at.until_empty()
        faults = {fate.event_id[0]: fate.fault for fate in at.fates.taken}
        assert [faults["a"], faults["c"]] == [None, None]
        assert faults["b"] is not None
        assert faults["b"].cause is RECORD_TOO_LARGE
        assert [f.record.value for f in at.fates.taken if f.fault] == [b"b" * 5000]
        assert at.events.drains.count("refused") == 1
    found = await records(apache, topic)
    assert [record.value for record in found] == [b"a", b"c"]


async def test_small_records_are_not_refused_for_the_size_of_their_batch(
    tmp_path: Path, apache: str
) -> None:
    topic = topic_name("batch")
    await create(apache, topic, {"max.message.bytes": "3000"})
    path = tmp_path / "spool.db"
    async with desk(path, apache, connect=False) as at:
        for number in range(10):
            await at.send(outgoing(topic, f"{number}" + "x" * 1000))
    async with desk(path, apache) as at:
        await at.until_empty(60)
        assert [fate.fault for fate in at.fates.taken] == [None] * 10
    found = await records(apache, topic)
    assert_in_order(found, [("key", f"{number}" + "x" * 1000) for number in range(10)])


async def test_a_record_that_the_brokers_never_take_does_not_stop_the_others(
    tmp_path: Path, apache: str
) -> None:
    """A compacted topic takes no record without a key (INVALID_RECORD)."""
    topic, other = topic_name("compacted"), topic_name("other")
    await create(apache, topic, {"cleanup.policy": "compact"})
    path = tmp_path / "spool.db"
    async with desk(path, apache, connect=False) as at:
        await at.send(outgoing(topic, "keyless", None))
        await at.send(outgoing(topic, "keyed"))
        await at.send(outgoing(other, "other"))
    async with desk(path, apache) as at:
        await at.until_empty(60)
        faults = {fate.event_id: fate.fault for fate in at.fates.taken}
        assert faults["keyed"] is None
        assert faults["other"] is None
        assert faults["keyless"] is not None
    assert [record.value for record in await records(apache, topic)] == [b"keyed"]


async def test_live_traffic_is_answered_while_a_backlog_is_sent(
    tmp_path: Path, bootstrap: str
) -> None:
    topic, live = topic_name("backlog"), topic_name("live")
    path = tmp_path / "spool.db"
    async with desk(path, bootstrap, connect=False) as at:
        for start in range(0, 6000, 500):
            numbers = range(start, start + 500)
            await asyncio.gather(
                *(at.send(outgoing(topic, f"{n:05}", f"{n % 7}")) for n in numbers)
            )
    async with desk(path, bootstrap) as at:
        beside = 0
        while at.spool.records:
            sent = await at.send(outgoing(live, f"{beside}", "live"), spill_after=1.0)
            assert isinstance(sent, Acknowledged)
            beside += 1
        assert beside > 10
        assert at.events.duplicates == 0
    found = await records(bootstrap, topic)
    assert_in_order(found, [(f"{n % 7}", f"{n:05}") for n in range(6000)])


async def test_it_ends_in_bounded_time_while_the_broker_is_silent(tmp_path: Path) -> None:
    topic = topic_name("stuck")
    path = tmp_path / "spool.db"
    async with EmbeddedBroker() as broker:
        async with desk(path, broker.bootstrap, connect=False) as at:
            await at.send(outgoing(topic, "one"))
        async with desk(path, broker.bootstrap, outage_grace=60.0) as at:
            await at.until_empty()
            silence(broker)
            assert isinstance(await at.send(outgoing(topic, "two"), spill_after=0.05), Spooled)
            async with asyncio.timeout(5):
                await at.outbox.close(0.2)
        wake(broker)
