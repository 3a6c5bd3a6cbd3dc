"""Byte by byte, with what FastStream's Kafka parser and producer read and write."""

from __future__ import annotations

import pytest

from gateway.errors import Fault
from gateway.kafka.profiles.plain import PLAIN
from tests.kafka.profiles.records import ID, echoed, reply, sent


def test_a_request_has_these_headers_byte_by_byte() -> None:
    assert sent("plain") == echoed("correlation_id", "reply_to")


@pytest.mark.parametrize(
    ("content_type", "value", "fields"),
    [
        (b"application/json", b"{}", b"content-type: application/json\r\n"),
        (b"", b"\xff", b"content-type: application/octet-stream\r\n"),
        (b"", b"", b""),
    ],
)
def test_a_faststream_reply_is_this_answer(
    content_type: bytes, value: bytes, fields: bytes
) -> None:
    record = reply(("content-type", content_type), ("correlation_id", ID.encode()), value=value)
    assert PLAIN.correlation_id(record) == ID
    assert not PLAIN.is_request(record)
    answer = PLAIN.reply_of(record)
    assert (answer.status, answer.fields, answer.body) == (200, fields, value)


def test_a_reply_may_name_its_status() -> None:
    assert PLAIN.reply_of(reply(("status", b"404"))).status == 404
    with pytest.raises(Fault):
        PLAIN.reply_of(reply(("status", b"done")))


def test_a_record_that_asks_for_a_reply_is_a_request() -> None:
    assert PLAIN.is_request(reply(("reply_to", b"somewhere")))
