from __future__ import annotations

import asyncio
import tracemalloc
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, TypeVar

import pytest

from gateway.errors import REPLIES_NOT_READY, REPLY_MALFORMED, Fault
from gateway.kafka.connection import KafkaConnection
from gateway.kafka.profiles import PROFILES
from gateway.kafka.record import IncomingRecord
from gateway.kafka.replies import NAMES_NO_REQUEST, LateReply, ReplyInbox, Subscription
from tests.doubles.kafka_topic import partitions, topic_name, write
from tests.doubles.ports import refusing_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.kafka.replies import Expected
    from gateway.kafka.status_events import StatusEvent
    from tests.doubles.kafka_events import RecordedEvents

CLOUD_EVENTS, SPRING, NESTJS = (PROFILES[name] for name in ("cloudevents", "spring", "nestjs"))
REPLIES = Subscription((CLOUD_EVENTS,), status=False)
STATUS = Subscription((), status=True)

Kept = TypeVar("Kept")
_numbers = count()


def new_id() -> str:
    """An id that counts as genuine here."""
    return f"genuine-{next(_numbers)}"


def genuine(identity: str) -> bool:
    return identity.startswith("genuine-")


class Handed:
    """What an inbox handed on: late replies, status events, poison with its reason."""

    def __init__(self) -> None:
        self.late: list[LateReply] = []
        self.progress: list[StatusEvent] = []
        self.poison: list[tuple[IncomingRecord, str]] = []
        self._more = asyncio.Event()

    def inbox(self, bootstrap: str, events: RecordedEvents, remembered: int = 10) -> ReplyInbox:
        return ReplyInbox(
            KafkaConnection(bootstrap),
            events,
            genuine=genuine,
            late=lambda reply: self._note(self.late, reply),
            progress=lambda event: self._note(self.progress, event),
            poison=lambda record, reason: self._note(self.poison, (record, reason)),
            remembered=remembered,
        )

    async def until(self, *, late: int = 0, progress: int = 0, poison: int = 0) -> None:
        """Wait until as many of each were handed on."""
        goals = ((self.late, late), (self.progress, progress), (self.poison, poison))
        async with asyncio.timeout(30):
            while any(len(kept) < goal for kept, goal in goals):
                self._more.clear()
                await self._more.wait()

    def _note(self, kept: list[Kept], handed: Kept) -> None:
        kept.append(handed)
        self._more.set()


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
async def handed() -> Handed:
    return Handed()


@pytest.fixture
async def inbox(
    bootstrap: str, department: Department, events: RecordedEvents, handed: Handed
) -> AsyncIterator[ReplyInbox]:
    """An inbox that is positioned on the department's topic."""
    opened = handed.inbox(bootstrap, events)
    opened.want({department.topic: REPLIES})
    opened.start()
    await events.until(lambda happened: happened.positions[department.topic])
    yield opened
    await opened.close()


async def fates(events: RecordedEvents, number: int) -> list[tuple[str, str]]:
    await events.until(lambda happened: len(happened.fates) >= number)
    return events.fates


def expect(inbox: ReplyInbox, department: Department, service: str = "svc") -> Expected:
    return inbox.expect(department.topic, service, new_id())


def incoming(
    topic: str, *headers: tuple[str, bytes], value: bytes | None = b"{}"
) -> IncomingRecord:
    return IncomingRecord(topic, 0, 0, None, value, headers)


# --- answers that are waited for ------------------------------------------------------------


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


async def test_the_first_reply_counts_and_a_second_is_a_duplicate(
    inbox: ReplyInbox, department: Department, events: RecordedEvents, handed: Handed
) -> None:
    with expect(inbox, department) as expected:
        await department.answer(expected.id, b"first", partition=0)
        await department.answer(expected.id, b"second", partition=0)
        assert await fates(events, 2) == [("svc", "answered"), ("svc", "duplicate")]
        assert (await expected.reply()).body == b"first"
    assert handed.late == []


async def test_one_department_cannot_answer_for_another(
    bootstrap: str, inbox: ReplyInbox, department: Department, events: RecordedEvents
) -> None:
    other = Department(bootstrap, topic_name("other"))
    await partitions(bootstrap, other.topic)
    inbox.want({department.topic: REPLIES, other.topic: REPLIES})
    await events.until(lambda happened: happened.positions.get(other.topic, False))
    with expect(inbox, department) as expected:
        await other.answer(expected.id, b"forged")
        assert await fates(events, 1) == [("-", "foreign")]
        await department.answer(expected.id, b"of its own")
        assert (await expected.reply()).body == b"of its own"


async def test_a_reply_that_cannot_be_read_is_a_fault_of_the_department_and_a_dead_letter(
    inbox: ReplyInbox, department: Department, events: RecordedEvents, handed: Handed
) -> None:
    with expect(inbox, department) as expected:
        await department.answer(expected.id, b"", ("ce_httpstatus", b"700"))
        with pytest.raises(Fault) as caught:
            await expected.reply()
    assert caught.value.cause is REPLY_MALFORMED
    assert events.fates == [("svc", "malformed")]
    ((record, reason),) = handed.poison
    assert record.headers[-1] == ("ce_httpstatus", b"700")
    assert "ce_httpstatus" in reason
    assert handed.late == []


# --- answers that nobody waits for any more ---------------------------------------------------


async def test_a_reply_after_the_wait_is_over_is_handed_on_as_late(
    inbox: ReplyInbox, department: Department, events: RecordedEvents, handed: Handed
) -> None:
    with expect(inbox, department) as expected, pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await expected.reply()
    await department.answer(expected.id, b"late")
    await handed.until(late=1)
    (late,) = handed.late
    assert (late.event_id, late.topic, late.fault) == (expected.id, department.topic, None)
    assert late.reply is not None
    assert late.reply.body == b"late"
    assert late.record.value == b"late"
    assert events.fates == []  # the case store knows whether it is late, and says so


async def test_a_late_reply_that_cannot_be_read_is_handed_on_with_its_fault(
    inbox: ReplyInbox, department: Department, handed: Handed
) -> None:
    await department.answer(new_id(), b"", ("ce_httpstatus", b"700"))
    await handed.until(late=1, poison=1)
    (late,) = handed.late
    assert late.reply is None
    assert late.fault is not None
    assert late.fault.cause is REPLY_MALFORMED


async def test_an_answer_that_comes_as_the_wait_ends_is_late_and_not_lost(
    inbox: ReplyInbox, department: Department, handed: Handed
) -> None:
    expected = expect(inbox, department)
    with expected:
        waiting = asyncio.create_task(expected.reply())
        await asyncio.sleep(0)
        inbox.take(incoming(department.topic, ("ce_correlationid", expected.id.encode())))
        waiting.cancel()  # in the same turn of the loop: the wait ends without having seen it
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert [late.event_id for late in handed.late] == [expected.id]
    expected.forget()
    assert len(handed.late) == 1


async def test_an_answer_that_comes_between_the_end_of_the_wait_and_leaving_is_late(
    inbox: ReplyInbox, department: Department, events: RecordedEvents, handed: Handed
) -> None:
    with expect(inbox, department) as expected:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await expected.reply()
        inbox.take(incoming(department.topic, ("ce_correlationid", expected.id.encode())))
    assert [late.event_id for late in handed.late] == [expected.id]
    assert events.fates == []


async def test_a_reply_to_an_id_that_is_not_genuine_is_foreign(
    inbox: ReplyInbox, department: Department, events: RecordedEvents, handed: Handed
) -> None:
    await department.answer("0" * 48)
    assert await fates(events, 1) == [("-", "foreign")]
    assert handed.late == []


async def test_only_so_many_answered_ids_are_remembered_and_the_store_knows_the_rest(
    inbox: ReplyInbox, department: Department, events: RecordedEvents, handed: Handed
) -> None:
    ids = [new_id() for _ in range(11)]
    for identity in ids:
        inbox.expect(department.topic, "svc", identity)
        inbox.take(incoming(department.topic, ("ce_correlationid", identity.encode())))
    for identity in (ids[0], ids[10]):
        inbox.take(incoming(department.topic, ("ce_correlationid", identity.encode())))
    assert [late.event_id for late in handed.late] == [ids[0]]
    assert events.fates == [("svc", "answered")] * 11 + [("svc", "duplicate")]


# --- what else stands on a topic ---------------------------------------------------------------


async def test_nothing_that_is_written_to_the_topic_stops_the_reader(
    bootstrap: str,
    inbox: ReplyInbox,
    department: Department,
    events: RecordedEvents,
    handed: Handed,
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
    assert [reason for _, reason in handed.poison] == [NAMES_NO_REQUEST] * len(poison)


async def test_requests_on_a_shared_topic_are_not_taken_for_replies(
    inbox: ReplyInbox, department: Department, events: RecordedEvents
) -> None:
    with expect(inbox, department) as expected:
        await department.answer(expected.id, b"q", ("ce_replyto", b"there"), partition=0)
        await department.answer(expected.id, b"a", partition=0)
        assert (await expected.reply()).body == b"a"
    assert events.fates == [("svc", "answered")]


async def test_one_topic_may_carry_replies_of_several_profiles(
    inbox: ReplyInbox, department: Department
) -> None:
    inbox.want({department.topic: Subscription((SPRING, CLOUD_EVENTS), status=False)})
    for header in ("kafka_correlationId", "ce_correlationid"):
        with expect(inbox, department) as expected:
            inbox.take(incoming(department.topic, (header, expected.id.encode()), value=b"1"))
            assert (await expected.reply()).body == b"1"


async def test_an_answer_is_read_in_the_profile_of_its_request(
    inbox: ReplyInbox, department: Department
) -> None:
    inbox.want({department.topic: Subscription((SPRING, NESTJS), status=False)})
    with inbox.expect(department.topic, "svc", new_id(), NESTJS) as expected:
        failed = (("kafka_correlationId", expected.id.encode()), ("kafka_nest-err", b"no"))
        inbox.take(incoming(department.topic, *failed))
        assert (await expected.reply()).status == 500


async def test_a_status_event_is_handed_on(
    bootstrap: str, inbox: ReplyInbox, events: RecordedEvents, handed: Handed
) -> None:
    status = Department(bootstrap, topic_name("status"))
    await partitions(bootstrap, status.topic)
    inbox.want({status.topic: STATUS})
    await events.until(lambda happened: happened.positions.get(status.topic, False))
    identity = new_id()
    await status.answer(identity, b'{"state": 2, "version": 7}')
    await handed.until(progress=1)
    (event,) = handed.progress
    assert (event.event_id, event.topic) == (identity, status.topic)
    assert (event.state, event.version) == ("2", 7)
    assert events.fates == []


async def test_a_status_event_may_name_its_case_as_the_profile_does(
    inbox: ReplyInbox, handed: Handed
) -> None:
    inbox.want({"status": Subscription((), status=True, status_profiles=(SPRING,))})
    identity = new_id()
    inbox.take(incoming("status", ("kafka_correlationId", identity.encode()), ("ce_state", b"2")))
    assert [event.event_id for event in handed.progress] == [identity]


async def test_a_topic_may_carry_replies_and_status_events(
    inbox: ReplyInbox, department: Department, handed: Handed
) -> None:
    inbox.want({department.topic: Subscription((CLOUD_EVENTS,), status=True)})
    with expect(inbox, department) as expected:
        correlation = ("ce_correlationid", expected.id.encode())
        inbox.take(incoming(department.topic, correlation, ("ce_state", b"accepted")))
        inbox.take(incoming(department.topic, correlation, value=b'{"state": "of the answer"}'))
        assert (await expected.reply()).body == b'{"state": "of the answer"}'
    assert [event.state for event in handed.progress] == ["accepted"]


async def test_a_status_record_that_is_malformed_is_counted_and_a_dead_letter(
    inbox: ReplyInbox, events: RecordedEvents, handed: Handed
) -> None:
    inbox.want({"status": STATUS})
    inbox.take(incoming("status", ("ce_correlationid", new_id().encode())))
    inbox.take(incoming("status", ("ce_state", b"2")))
    inbox.take(incoming("status", ("ce_correlationid", b"made-up"), ("ce_state", b"2")))
    assert events.fates == [("-", "malformed"), ("-", "malformed"), ("-", "foreign")]
    assert ["state" in handed.poison[0][1], handed.poison[1][1]] == [True, NAMES_NO_REQUEST]
    assert handed.progress == []


# --- when reading begins -----------------------------------------------------------------------


async def test_what_was_written_before_it_was_positioned_is_not_read(
    bootstrap: str, department: Department, events: RecordedEvents, handed: Handed
) -> None:
    await department.answer("before")
    inbox = handed.inbox(bootstrap, events)
    inbox.want({department.topic: REPLIES})
    inbox.start()
    await events.until(lambda happened: happened.positions[department.topic])
    await department.answer("after")
    assert await fates(events, 1) == [("-", "foreign")]
    await inbox.close()


async def test_what_came_while_the_gateway_was_down_is_handed_on_as_late(
    bootstrap: str, department: Department, events: RecordedEvents, handed: Handed
) -> None:
    down_at, identity = datetime.now(UTC), new_id()
    await department.answer(identity, b"meanwhile")
    inbox = handed.inbox(bootstrap, events)
    inbox.want({department.topic: REPLIES})
    inbox.start(since=down_at)
    await handed.until(late=1)
    assert [late.event_id for late in handed.late] == [identity]
    await inbox.close()


async def test_nothing_is_expected_on_a_topic_that_is_not_positioned(
    events: RecordedEvents, handed: Handed
) -> None:
    with refusing_port() as port:
        inbox = handed.inbox(f"127.0.0.1:{port}", events)
        inbox.want({"replies": REPLIES})
        inbox.start()
        assert not inbox.positioned("replies")
        assert inbox.read_until() is None
        for topic in ("replies", "never.wanted"):
            with pytest.raises(Fault) as caught:
                inbox.expect(topic, "svc", new_id())
            assert (caught.value.cause, caught.value.may_have_been_sent) == (
                REPLIES_NOT_READY,
                False,
            )
        await inbox.close()
    assert list(inbox.obstacles()) == ["replies"]


async def test_ten_thousand_requests_wait_at_once_and_each_gets_its_own_answer(
    inbox: ReplyInbox, department: Department, handed: Handed
) -> None:
    ids = [new_id() for _ in range(10_000)]
    asyncio.get_running_loop().set_debug(False)  # it keeps a traceback with every future
    tracemalloc.start()
    try:
        waiting = [inbox.expect(department.topic, "svc", identity) for identity in ids]
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < 10_000 * 1024
    for identity in reversed(ids):
        named = ("ce_correlationid", identity.encode())
        inbox.take(incoming(department.topic, named, value=identity.encode()))
    for expected in waiting:
        assert (await expected.reply()).body == expected.id.encode()
        expected.forget()
    assert handed.late == []
