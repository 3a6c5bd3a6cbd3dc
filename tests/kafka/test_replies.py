from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gateway.errors import REPLIES_NOT_READY, REPLY_MALFORMED, Fault
from gateway.kafka.connection import KafkaConnection
from gateway.kafka.replies import ReplyInbox
from tests.doubles.kafka_topic import partitions, topic_name, write
from tests.doubles.ports import refusing_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.kafka.replies import Expected
    from tests.doubles.kafka_events import RecordedEvents


class Department:
    """Answers on one reply topic."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.bootstrap = bootstrap
        self.topic = topic

    async def answer(
        self, identity: str, value: bytes | None = b"{}", *headers: tuple[str, bytes], **place: int
    ) -> None:
        correlation = ("ce_correlationid", identity.encode())
        await write(self.bootstrap, self.topic, value, [correlation, *headers], **place)


@pytest.fixture
async def department(bootstrap: str) -> Department:
    topic = topic_name("replies")
    await partitions(bootstrap, topic)
    return Department(bootstrap, topic)


@pytest.fixture
async def inbox(
    bootstrap: str, department: Department, events: RecordedEvents
) -> AsyncIterator[ReplyInbox]:
    """An inbox that is positioned on the department's topic."""
    opened = ReplyInbox(KafkaConnection(bootstrap), events, remembered=10)
    opened.want(frozenset({department.topic}))
    opened.start()
    await events.until(lambda happened: happened.positions[department.topic])
    yield opened
    await opened.close()


async def fates(events: RecordedEvents, count: int) -> list[tuple[str, str]]:
    await events.until(lambda happened: len(happened.fates) >= count)
    return events.fates


def expect(inbox: ReplyInbox, department: Department, service: str = "svc") -> Expected:
    return inbox.expect(department.topic, service)


async def test_a_reply_becomes_the_answer_of_the_request_that_waits_for_it(
    inbox: ReplyInbox, department: Department, events: RecordedEvents
) -> None:
    with expect(inbox, department) as expected:
        type_and_status = [("content-type", b"application/json"), ("ce_httpstatus", b"201")]
        await department.answer(expected.id, b'{"a": 1}', *type_and_status)
        reply = await expected.reply()
    assert (reply.status, reply.body) == (201, b'{"a": 1}')
    assert reply.fields == b"content-type: application/json\r\n"
    assert events.fates == [("svc", "answered")]


async def test_replies_are_read_from_every_partition(
    bootstrap: str, inbox: ReplyInbox, department: Department
) -> None:
    numbers = await partitions(bootstrap, department.topic)
    assert len(numbers) > 1
    for number in numbers:
        with expect(inbox, department) as expected:
            await department.answer(expected.id, b"%d" % number, partition=number)
            assert (await expected.reply()).body == b"%d" % number


async def test_a_reply_after_the_wait_is_over_is_late(
    inbox: ReplyInbox, department: Department, events: RecordedEvents
) -> None:
    with expect(inbox, department) as expected, pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await expected.reply()
    await department.answer(expected.id)
    assert await fates(events, 1) == [("svc", "late")]


async def test_the_first_reply_counts_and_a_second_is_a_duplicate(
    inbox: ReplyInbox, department: Department, events: RecordedEvents
) -> None:
    with expect(inbox, department) as expected:
        await department.answer(expected.id, b"first", partition=0)
        await department.answer(expected.id, b"second", partition=0)
        assert await fates(events, 2) == [("svc", "answered"), ("svc", "duplicate")]
        assert (await expected.reply()).body == b"first"


async def test_a_reply_that_nobody_asked_for_is_foreign(
    inbox: ReplyInbox, department: Department, events: RecordedEvents
) -> None:
    await department.answer("0" * 32)
    assert await fates(events, 1) == [("-", "foreign")]


async def test_one_department_cannot_answer_for_another(
    bootstrap: str, inbox: ReplyInbox, department: Department, events: RecordedEvents
) -> None:
    other = Department(bootstrap, topic_name("other"))
    await partitions(bootstrap, other.topic)
    inbox.want(frozenset({department.topic, other.topic}))
    await events.until(lambda happened: happened.positions.get(other.topic, False))
    with expect(inbox, department) as expected:
        await other.answer(expected.id, b"forged")
        assert await fates(events, 1) == [("-", "foreign")]
        await department.answer(expected.id, b"genuine")
        assert (await expected.reply()).body == b"genuine"


async def test_a_reply_that_cannot_be_read_is_a_fault_of_the_department(
    inbox: ReplyInbox, department: Department, events: RecordedEvents
) -> None:
    with expect(inbox, department) as expected:
        await department.answer(expected.id, b"", ("ce_httpstatus", b"700"))
        with pytest.raises(Fault) as caught:
            await expected.reply()
    assert caught.value.cause is REPLY_MALFORMED
    assert events.fates == [("svc", "malformed")]


async def test_nothing_that_is_written_to_the_topic_stops_the_reader(
    bootstrap: str, inbox: ReplyInbox, department: Department, events: RecordedEvents
) -> None:
    poison: list[list[tuple[str, bytes]]] = [
        [],
        [("ce_correlationid", b"")],
        [("ce_correlationid", b"\xff\xfe")],
        [("ce_correlationid", b"x" * 100_000)],
        [("ce_correlationid", b"1"), ("ce_correlationid", b"2")],
    ]
    for headers in poison:
        await write(bootstrap, department.topic, None, headers, 0)
    with expect(inbox, department) as expected:
        await department.answer(expected.id, None, partition=0)
        assert (await expected.reply()).body == b""
    assert events.fates == [("-", "malformed")] * len(poison) + [("svc", "answered")]


async def test_requests_on_a_shared_topic_are_not_taken_for_replies(
    inbox: ReplyInbox, department: Department, events: RecordedEvents
) -> None:
    with expect(inbox, department) as expected:
        await department.answer(expected.id, b"q", ("ce_replyto", b"there"), partition=0)
        await department.answer(expected.id, b"a", partition=0)
        assert (await expected.reply()).body == b"a"
    assert events.fates == [("svc", "answered")]


async def test_what_was_written_before_it_was_positioned_is_not_read(
    bootstrap: str, department: Department, events: RecordedEvents
) -> None:
    await department.answer("before")
    inbox = ReplyInbox(KafkaConnection(bootstrap), events)
    inbox.want(frozenset({department.topic}))
    inbox.start()
    await events.until(lambda happened: happened.positions[department.topic])
    await department.answer("after")
    assert await fates(events, 1) == [("-", "foreign")]
    await inbox.close()


async def test_nothing_is_expected_on_a_topic_that_is_not_positioned(
    events: RecordedEvents,
) -> None:
    with refusing_port() as port:
        inbox = ReplyInbox(KafkaConnection(f"127.0.0.1:{port}"), events)
        inbox.want(frozenset({"replies"}))
        inbox.start()
        assert not inbox.positioned("replies")
        for topic in ("replies", "never.wanted"):
            with pytest.raises(Fault) as caught:
                inbox.expect(topic, "svc")
            assert (caught.value.cause, caught.value.may_have_been_sent) == (
                REPLIES_NOT_READY,
                False,
            )
        await inbox.close()
    assert list(inbox.obstacles()) == ["replies"]


async def test_ids_are_128_random_bits(inbox: ReplyInbox, department: Department) -> None:
    ids = {expect(inbox, department).id for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(bytes.fromhex(identity)) == 16 for identity in ids)


async def test_only_so_many_of_the_past_are_remembered(
    inbox: ReplyInbox, department: Department, events: RecordedEvents
) -> None:
    first = expect(inbox, department)
    first.forget()
    for _ in range(10):
        expect(inbox, department).forget()
    await department.answer(first.id)
    assert await fates(events, 1) == [("-", "foreign")]
