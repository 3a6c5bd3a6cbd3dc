"""The outbox on real brokers that go, fall silent and come back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gateway.demo.broker import EmbeddedBroker
from gateway.errors import (
    BROKER_TIMEOUT,
    DRAINING,
    RECORD_TOO_LARGE,
    SPOOL_FULL,
    TOPIC_UNKNOWN,
    Fault,
)
from gateway.kafka.outbox import Spooled
from gateway.kafka.producer_life import MAX_REQUEST_SIZE
from gateway.kafka.record import Acknowledged
from tests.doubles.kafka_topic import records, topic_name
from tests.kafka.outbox_desk import desk, outgoing
from tests.kafka.producing import silence, wake

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.kafka.record import IncomingRecord

REPLAYED = ("ce_replayed", b"true")


def values(found: list[IncomingRecord]) -> list[str]:
    return [(record.value or b"").decode() for record in found]


async def test_a_record_that_is_confirmed_in_time_never_touches_the_disk(
    tmp_path: Path, bootstrap: str
) -> None:
    topic = topic_name("direct")
    async with desk(tmp_path / "spool.db", bootstrap) as at:
        sent = [await at.send(outgoing(topic, f"{n}")) for n in range(3)]
        assert [type(one) for one in sent] == [Acknowledged] * 3
        assert at.events.spools == []
        assert at.kafka.produces == ["svc"] * 3
    assert values(await records(bootstrap, topic)) == ["0", "1", "2"]
    assert at.fates.taken == []


async def test_without_brokers_records_wait_on_the_disk_and_are_sent_unmarked(
    tmp_path: Path, bootstrap: str
) -> None:
    topic = topic_name("away")
    path = tmp_path / "spool.db"
    async with desk(path, bootstrap, connect=False) as at:
        for n in range(20):
            assert isinstance(await at.send(outgoing(topic, f"{n:02}", f"{n % 3}")), Spooled)
        assert at.events.spools[0] == "away"
        assert at.outbox.depth == 20
    async with desk(path, bootstrap) as at:
        await at.until_empty()
        assert at.events.drains == ["published"] * 20
        assert at.events.duplicates == 0
        assert {fate.event_id for fate in at.fates.taken} == {f"{n:02}" for n in range(20)}
        assert {fate.about for fate in at.fates.taken if fate.event_id == "07"} == {b"about 07"}
    found = await records(bootstrap, topic)
    for key in range(3):
        of_key = [record for record in found if record.key == b"%d" % key]
        assert values(of_key) == [f"{n:02}" for n in range(20) if n % 3 == key]
    assert not [record for record in found if REPLAYED in record.headers]


async def test_a_late_record_is_answered_from_the_disk_and_confirmed_by_its_first_copy(
    tmp_path: Path,
) -> None:
    topic = topic_name("late")
    async with (
        EmbeddedBroker() as broker,
        desk(tmp_path / "spool.db", broker.bootstrap, outage_grace=30.0) as at,
    ):
        await at.send(outgoing(topic, "before"))
        silence(broker)
        late = await at.send(outgoing(topic, "late"), spill_after=0.05)
        behind = await at.send(outgoing(topic, "behind"))
        wake(broker)
        await at.until_empty()
        assert isinstance(late, Spooled)
        assert isinstance(behind, Spooled)
        assert at.events.spools == ["late", "order"]
        assert [(f.event_id, f.replayed) for f in at.fates.taken] == [
            ("late", False),
            ("behind", False),
        ]
        assert isinstance(await at.send(outgoing(topic, "after")), Acknowledged)
        assert values(await records(broker.bootstrap, topic)) == [
            "before",
            "late",
            "behind",
            "after",
        ]


async def test_what_an_abandoned_producer_held_is_sent_again_with_a_mark(tmp_path: Path) -> None:
    topic = topic_name("replayed")
    async with EmbeddedBroker() as broker, desk(tmp_path / "spool.db", broker.bootstrap) as at:
        await at.send(outgoing(topic, "before"))
        silence(broker)
        assert isinstance(await at.send(outgoing(topic, "held")), Spooled)
        await at.kafka.until_connected(up=False)
        wake(broker)
        await at.until_empty()
        [fate] = at.fates.taken
        assert (fate.event_id, fate.replayed, fate.fault) == ("held", True, None)
        assert at.events.duplicates == 1
        found = await records(broker.bootstrap, topic)
    copies = [record for record in found if record.value == b"held"]
    assert copies
    assert sorted(REPLAYED in record.headers for record in copies) == [False, True][-len(copies) :]
    assert {dict(record.headers)["ce_id"] for record in copies} == {b"held"}


async def test_records_without_a_key_do_not_wait_for_each_other(tmp_path: Path) -> None:
    topic = topic_name("keyless")
    async with (
        EmbeddedBroker() as broker,
        desk(tmp_path / "spool.db", broker.bootstrap, outage_grace=30.0) as at,
    ):
        await at.send(outgoing(topic, "before", None))
        silence(broker)
        late = await at.send(outgoing(topic, "late", None), spill_after=0.05)
        wake(broker)
        direct = await at.send(outgoing(topic, "direct", None))
        assert isinstance(late, Spooled)
        assert isinstance(direct, Acknowledged)
        await at.until_empty()


async def test_a_journaled_record_is_on_the_disk_before_it_is_sent(
    tmp_path: Path, bootstrap: str
) -> None:
    topic = topic_name("journal")
    async with desk(tmp_path / "spool.db", bootstrap) as at:
        sent = [await at.send(outgoing(topic, f"{n}"), journal=True) for n in range(3)]
        assert [type(one) for one in sent] == [Acknowledged] * 3
        assert at.events.spools == ["journal"] * 3
        await at.until_empty()
        assert at.fates.taken == []
        assert at.events.drains == []
    assert values(await records(bootstrap, topic)) == ["0", "1", "2"]


async def test_journaled_records_of_one_key_at_the_same_time_stay_in_order(
    tmp_path: Path, bootstrap: str
) -> None:
    topic = topic_name("journal.order")
    async with desk(tmp_path / "spool.db", bootstrap) as at:
        await asyncio.gather(
            *(at.send(outgoing(topic, f"{n:03}"), journal=n % 2 == 0) for n in range(200))
        )
        await at.until_empty()
    assert values(await records(bootstrap, topic)) == [f"{n:03}" for n in range(200)]


async def test_a_refusal_for_good_is_told_to_the_caller_and_not_kept(
    tmp_path: Path, bootstrap: str
) -> None:
    topic = topic_name("large")
    async with desk(tmp_path / "spool.db", bootstrap) as at:
        for journal in (False, True):
            with pytest.raises(Fault) as caught:
                await at.send(outgoing(topic, "x" * MAX_REQUEST_SIZE), journal=journal)
            assert caught.value.cause is RECORD_TOO_LARGE
        await at.until_empty()
        assert isinstance(await at.send(outgoing(topic, "next")), Acknowledged)


async def test_a_topic_that_cannot_exist_is_refused(tmp_path: Path, apache: str) -> None:
    async with desk(tmp_path / "spool.db", apache) as at:
        with pytest.raises(Fault) as caught:
            await at.send(outgoing("not/a topic", "x"))
        assert caught.value.cause is TOPIC_UNKNOWN


async def test_a_full_spool_refuses_and_drops_nothing(tmp_path: Path, embedded: str) -> None:
    topic = topic_name("full")
    path = tmp_path / "spool.db"
    async with desk(path, embedded, connect=False, limit_bytes=1000) as at:
        await at.send(outgoing(topic, "a"))
        await at.send(outgoing(topic, "b"))
        with pytest.raises(Fault) as caught:
            await at.send(outgoing(topic, "c" * 600))
        assert caught.value.cause is SPOOL_FULL
        assert caught.value.retry_after
        assert at.events.refusals == ["full"]
    async with desk(path, embedded) as at:
        await at.until_empty()
        assert isinstance(await at.send(outgoing(topic, "c" * 600)), Acknowledged)
    assert values(await records(embedded, topic)) == ["a", "b", "c" * 600]


async def test_what_the_disk_cannot_take_goes_on_waiting_for_the_brokers(tmp_path: Path) -> None:
    topic = topic_name("no.room")
    async with (
        EmbeddedBroker() as broker,
        desk(tmp_path / "spool.db", broker.bootstrap, limit_bytes=0) as at,
    ):
        await at.send(outgoing(topic, "before"))
        silence(broker)
        with pytest.raises(Fault) as caught:
            await at.send(outgoing(topic, "held"), spill_after=0.05)
        wake(broker)
        assert (caught.value.cause, caught.value.may_have_been_sent) == (BROKER_TIMEOUT, True)
        assert set(at.events.refusals) == {"full"}


async def test_a_record_whose_caller_has_gone_still_holds_its_key(tmp_path: Path) -> None:
    topic = topic_name("gone")
    async with (
        EmbeddedBroker() as broker,
        desk(tmp_path / "spool.db", broker.bootstrap, outage_grace=30.0) as at,
    ):
        await at.send(outgoing(topic, "before"))
        silence(broker)
        sending = asyncio.create_task(at.send(outgoing(topic, "gone")))
        await at.until_unconfirmed()
        sending.cancel()
        await asyncio.wait([sending])
        await at.kafka.until_connected(up=False)
        behind = await at.send(outgoing(topic, "behind"))
        wake(broker)
        await at.until_empty()
        assert isinstance(behind, Spooled)
        await at.fates.until(lambda fates: len(fates.taken) == 2)
        assert [fate.event_id for fate in at.fates.taken] == ["gone", "behind"]
        assert values(await records(broker.bootstrap, topic)) == ["before", "gone", "behind"]


async def test_a_row_stays_until_its_fate_is_taken_and_is_sent_once(
    tmp_path: Path, embedded: str
) -> None:
    topic = topic_name("fate")
    path = tmp_path / "spool.db"
    async with desk(path, embedded, connect=False) as at:
        await at.send(outgoing(topic, "one"))
    async with desk(path, embedded) as at:
        at.fates.away = True
        await at.fates.until(lambda fates: fates.tried >= 2)
        assert at.spool.records == 1
        at.fates.away = False
        await at.until_empty()
        assert [fate.event_id for fate in at.fates.taken] == ["one"]
    assert values(await records(embedded, topic)) == ["one"]


async def test_closing_keeps_what_the_brokers_did_not_confirm(tmp_path: Path) -> None:
    topic = topic_name("closing")
    path = tmp_path / "spool.db"
    async with EmbeddedBroker() as broker:
        async with desk(path, broker.bootstrap, outage_grace=30.0) as at:
            await at.send(outgoing(topic, "before"))
            silence(broker)
            sending = asyncio.create_task(at.send(outgoing(topic, "held")))
            await at.until_unconfirmed()
            async with asyncio.timeout(10):
                await at.outbox.close(0.1)
            assert isinstance(await sending, Spooled)
            with pytest.raises(Fault) as caught:
                await at.send(outgoing(topic, "after"))
            assert caught.value.cause is DRAINING
            await at.producer.close(0.0)
        wake(broker)
        async with desk(path, broker.bootstrap) as at:
            await at.until_empty()
            assert [(f.event_id, f.replayed) for f in at.fates.taken] == [("held", True)]
        assert "held" in values(await records(broker.bootstrap, topic))


async def test_a_caller_that_waits_for_a_full_batch_is_answered_in_time(tmp_path: Path) -> None:
    """What finds no place with the producer was not sent: its row carries no mark."""
    topic = topic_name("batch")
    async with (
        EmbeddedBroker() as broker,
        desk(tmp_path / "spool.db", broker.bootstrap, outage_grace=30.0) as at,
    ):
        for n in range(4):
            await at.send(outgoing(topic, "before", f"{n}"))
        silence(broker)
        large = [outgoing(topic, f"{n}" + "x" * 300_000) for n in range(8)]
        sent = await asyncio.gather(*(at.send(record, spill_after=0.2) for record in large))
        assert [type(one) for one in sent] == [Spooled] * 8
        wake(broker)
        await at.until_empty()
        found = [record for record in await records(broker.bootstrap, topic) if record.value]
    assert [record.value[:1] for record in found if record.value and len(record.value) > 10] == [
        b"%d" % n for n in range(8)
    ]
    assert not [record for record in found if REPLAYED in record.headers]
