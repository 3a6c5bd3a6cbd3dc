"""Byte by byte, with what SmallRye Reactive Messaging reads and writes: `KafkaRequestReply`,
`KafkaSink`, `KafkaRecordHelper`."""

from __future__ import annotations

from gateway.kafka.profiles.smallrye import SMALLRYE
from tests.kafka.profiles.records import ID, echoed, reply, sent

EVENT = {"ce_specversion", "ce_id", "ce_source", "ce_type"}
"""Attributes that together make a record an event for SmallRye."""


def test_a_request_has_these_headers_byte_by_byte() -> None:
    assert sent("smallrye") == echoed("REPLY_CORRELATION_ID", "REPLY_TOPIC")


def test_a_request_is_no_event_in_itself() -> None:
    assert not EVENT.issubset(name for name, _ in sent("smallrye"))


def test_a_repliers_record_is_this_answer() -> None:
    record = reply(("REPLY_CORRELATION_ID", ID.encode()), value=b"214")
    assert SMALLRYE.correlation_id(record) == ID
    answer = SMALLRYE.reply_of(record)
    assert (answer.status, answer.fields, answer.body) == (
        200,
        b"content-type: text/plain; charset=utf-8\r\n",
        b"214",
    )


def test_an_id_that_was_propagated_twice_is_one_id() -> None:
    twice = [("REPLY_CORRELATION_ID", ID.encode())] * 2
    assert SMALLRYE.correlation_id(reply(*twice)) == ID


def test_a_record_that_still_has_the_reply_topic_is_a_request() -> None:
    headers = [("REPLY_CORRELATION_ID", ID.encode()), ("REPLY_TOPIC", b"hrss.pension.replies")]
    assert SMALLRYE.is_request(reply(*headers))
