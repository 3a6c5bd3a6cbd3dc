"""What stands on the topics of departments beside plain answers, and when reading begins."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gateway.kafka.profiles import PROFILES
from gateway.kafka.replies import NAMES_NO_REQUEST, Subscription
from tests.doubles.kafka_topic import partitions, topic_name, write
from tests.doubles.ports import refusing_port
from tests.kafka.reply_desk import (
    CLOUD_EVENTS,
    REPLIES,
    STATUS,
    Department,
    expect,
    fates,
    incoming,
    new_id,
)

if TYPE_CHECKING:
    from gateway.kafka.replies import ReplyInbox
    from tests.doubles.kafka_events import RecordedEvents
    from tests.kafka.reply_desk import Handed

SPRING, NESTJS = PROFILES["spring"], PROFILES["nestjs"]


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


async def test_a_topic_is_not_positioned_before_it_was_read(
    events: RecordedEvents, handed: Handed
) -> None:
    with refusing_port() as port:
        inbox = handed.inbox(f"127.0.0.1:{port}", events)
        inbox.want({"replies": REPLIES})
        inbox.start()
        assert not inbox.positioned("replies")
        assert not inbox.positioned("never.wanted")
        assert inbox.read_until() is None
        await inbox.close()
    assert list(inbox.obstacles()) == ["replies"]
