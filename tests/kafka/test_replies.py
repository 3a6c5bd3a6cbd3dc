"""Answers of departments: to those who wait, to those who wait no more, to ten thousand at once."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from gateway.errors import REPLY_MALFORMED, Fault
from tests.doubles.kafka_topic import partitions, topic_name
from tests.kafka.reply_desk import REPLIES, Department, expect, fates, incoming, new_id

if TYPE_CHECKING:
    from gateway.kafka.replies import ReplyInbox
    from tests.doubles.kafka_events import RecordedEvents
    from tests.kafka.reply_desk import Handed


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


# --- ten thousand at once -----------------------------------------------------------------------


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
