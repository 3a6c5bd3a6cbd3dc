"""The way of dead letters to their topics; time is virtual where a test waits."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

import pytest

from gateway.errors import RECORD_TOO_LARGE, SPOOL_FULL, TOPIC_UNKNOWN, Fault
from gateway.kafka.dead_letter_form import kept_letter
from gateway.kafka.dead_letters import LOST, MOST, DeadLetter, DeadLetters, Reason
from gateway.kafka.record import IncomingRecord, OutgoingRecord
from tests.doubles.kafka_topic import records, topic_name
from tests.doubles.owned import end
from tests.kafka.producing import publish

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.errors import Cause
    from gateway.kafka.producer import SupervisedProducer

NOW: Final = datetime(2024, 1, 31, tzinfo=UTC)
PERSON: Final = b"made-up-citizen"


def letter(topic: str = "replies", value: bytes = PERSON, offset: int = 0) -> DeadLetter:
    record = IncomingRecord(topic, 0, offset, PERSON, value, ())
    return DeadLetter(Reason.REPLY_MALFORMED, "edu.pay", record, NOW)


class Sink:
    """Takes records; `refusals` are faults by topic, `gate` holds everything up while closed."""

    def __init__(self) -> None:
        self.taken: list[OutgoingRecord] = []
        self.tries = 0
        self.refusals: dict[str, Cause] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.counts: list[tuple[str, str]] = []
        self.news = asyncio.Event()

    async def send(self, record: OutgoingRecord) -> None:
        self.tries += 1
        self.news.set()
        await self.gate.wait()
        if record.topic in self.refusals:
            raise Fault(self.refusals[record.topic])
        self.taken.append(record)

    def dead_letter(self, service: str, reason: str) -> None:
        self.counts.append((service, str(reason)))
        self.news.set()

    async def counted(self, number: int) -> None:
        async with asyncio.timeout(1000):
            while len(self.counts) < number:
                self.news.clear()
                await self.news.wait()

    async def tried(self, number: int) -> None:
        async with asyncio.timeout(1000):
            while self.tries < number:
                self.news.clear()
                await self.news.wait()


@pytest.fixture
async def sink() -> Sink:
    return Sink()


@asynccontextmanager
async def writing(sink: Sink) -> AsyncIterator[DeadLetters]:
    letters = DeadLetters(sink.send, sink, pause=1.0, patience=10.0)
    task = asyncio.get_running_loop().create_task(letters.run())
    try:
        yield letters
    finally:
        await end(task)


async def test_a_letter_goes_to_the_sink_and_is_counted_by_reason(sink: Sink) -> None:
    async with writing(sink) as letters:
        letters.put(letter())
        await sink.counted(1)
    assert sink.counts == [("edu.pay", "reply_malformed")]
    assert [record.topic for record in sink.taken] == ["replies.dlq"]


async def test_letters_keep_their_order(sink: Sink) -> None:
    async with writing(sink) as letters:
        for number in range(200):
            letters.put(letter(offset=number))
        await sink.counted(200)
    places = [dict(record.headers)["kafka_dlt-original-offset"] for record in sink.taken]
    assert places == sorted(places)


@pytest.mark.looptime
async def test_a_refused_letter_is_tried_again_and_holds_up_no_other(sink: Sink) -> None:
    sink.refusals["missing.dlq"] = TOPIC_UNKNOWN
    async with writing(sink) as letters:
        letters.put(letter("missing"))
        letters.put(letter("replies"))
        await sink.counted(1)
        assert sink.taken[0].topic == "replies.dlq"
        del sink.refusals["missing.dlq"]
        await sink.counted(2)
    assert sink.taken[1].topic == "missing.dlq"
    assert LOST not in dict(sink.counts).values()


@pytest.mark.looptime
async def test_a_letter_that_is_refused_for_too_long_is_lost_aloud(
    sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    sink.refusals["missing.dlq"] = TOPIC_UNKNOWN
    async with writing(sink) as letters:
        letters.put(letter("missing", offset=42))
        await sink.counted(1)
        assert letters.waiting == 0
    assert sink.counts == [("edu.pay", LOST)]
    assert sink.tries > 5
    assert "0:42 of missing" in caplog.text
    assert "topic_unknown" in caplog.text
    assert PERSON.decode() not in caplog.text


async def test_a_letter_that_is_too_large_goes_without_its_value(sink: Sink) -> None:
    async def send(record: OutgoingRecord) -> None:
        if record.value:
            raise Fault(RECORD_TOO_LARGE)
        await sink.send(record)

    letters = DeadLetters(send, sink)
    letters.put(letter())
    await letters.drain(10)
    (record,) = sink.taken
    assert ("gateway_dlt-value", b"left out") in record.headers
    assert record.key == PERSON


@pytest.mark.parametrize(
    ("value", "header"),
    [(b"", b""), (b"x" * ((2 << 20) - 10_000), b""), (b"", b"x" * ((2 << 20) - 10_000))],
    ids=["many", "large", "large headers"],
)
async def test_what_waits_is_bounded_and_one_too_many_is_lost_aloud(
    sink: Sink, value: bytes, header: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    letters = DeadLetters(sink.send, sink)

    def large() -> DeadLetter:
        made = letter(value=value)
        record = made.record._replace(headers=(("made-up", header),))
        return replace(made, record=record)

    for _ in range(MOST + 1):
        letters.put(large())
    assert letters.waiting == (8 if value or header else MOST)
    assert sink.counts == [("edu.pay", LOST)] * (MOST + 1 - letters.waiting)
    await letters.drain(10)
    letters.put(large())
    assert letters.waiting == 1
    await letters.drain(10)


async def test_a_dead_letter_is_not_wrapped_again(sink: Sink) -> None:
    letters = DeadLetters(sink.send, sink)
    letters.put(letter("replies.dlq"))
    assert letters.waiting == 0
    assert sink.counts == [("edu.pay", LOST)]


async def test_what_is_under_way_when_the_writer_ends_is_drained(sink: Sink) -> None:
    sink.gate.clear()
    async with writing(sink) as letters:
        letters.put(letter())
        await sink.tried(1)
    assert (letters.waiting, sink.counts) == (1, [])
    sink.gate.set()
    await letters.drain(10)
    assert sink.counts == [("edu.pay", "reply_malformed")]


@pytest.mark.looptime
@pytest.mark.parametrize("hangs", [True, False])
async def test_draining_ends_and_what_is_left_is_lost_aloud(sink: Sink, hangs: bool) -> None:  # noqa: FBT001  # a parameter
    if hangs:
        sink.gate.clear()
    sink.refusals["replies.dlq"] = SPOOL_FULL
    letters = DeadLetters(sink.send, sink)
    letters.put(letter())
    await letters.drain(2)
    assert (letters.waiting, sink.counts) == (0, [("edu.pay", LOST)])


async def test_a_letter_stands_in_its_topic_as_it_was(
    producer: SupervisedProducer, bootstrap: str, sink: Sink
) -> None:
    topic = topic_name("replies")
    letters = DeadLetters(partial(publish, producer), sink)
    original = letter(topic)
    letters.put(original)
    await letters.drain(30)
    (record,) = await records(bootstrap, f"{topic}.dlq")
    assert (record.key, record.value) == (PERSON, PERSON)
    kept = kept_letter(record)
    assert (kept.reason, kept.topic, kept.offset) == ("reply_malformed", topic, 0)
