"""Byte by byte, with what Zilla's `http-kafka` binding reads and writes."""

from __future__ import annotations

import pytest

from gateway.errors import REPLY_MALFORMED, Fault
from gateway.kafka.profiles.zilla import ZILLA
from tests.kafka.profiles.records import ID, TRACEPARENT, reply, request, sent


def test_a_request_has_these_headers_byte_by_byte() -> None:
    assert sent("zilla") == [
        ("ce_id", b"00112233445566778899aabbccddeeff0123456789abcdef"),
        ("idempotency-key", b"00112233445566778899aabbccddeeff0123456789abcdef"),
        (":method", b"POST"),
        (":path", b"/v1/cards/%E5%8D%A1?a=1&b=%20"),
        ("zilla:correlation-id", b"00112233445566778899aabbccddeeff0123456789abcdef"),
        ("zilla:reply-to", b"hrss.pension.replies"),
        ("ce_expirytime", b"2026-03-01T00:30:05.123Z"),
        ("content-type", b"application/json; charset=utf-8"),
        ("accept-language", b"zh-CN"),
        ("accept", b"application/json"),
        ("traceparent", TRACEPARENT),
        ("tracestate", b"vendor=1"),
    ]


@pytest.mark.parametrize(
    ("path", "query", "target"),
    [("", "", b"/"), ("", "a=1", b"/?a=1"), ("/x", "", b"/x"), ("/x", "?", b"/x??")],
)
def test_a_path_is_never_empty(path: str, query: str, target: bytes) -> None:
    assert dict(sent("zilla", what=request(path=path, query=query)))[":path"] == target


def test_a_reply_is_this_answer() -> None:
    record = reply(
        (":status", b"404"), ("content-type", b"a/b"), ("zilla:correlation-id", ID.encode())
    )
    assert ZILLA.correlation_id(record) == ID
    assert not ZILLA.is_request(record)
    answer = ZILLA.reply_of(record)
    assert (answer.status, answer.fields, answer.body) == (
        404,
        b"content-type: a/b\r\n",
        b"body",
    )


def test_a_reply_without_a_status_is_200() -> None:
    assert ZILLA.reply_of(reply(("zilla:correlation-id", ID.encode()))).status == 200


def test_a_status_that_is_no_number_makes_a_reply_malformed() -> None:
    with pytest.raises(Fault) as caught:
        ZILLA.reply_of(reply((":status", b"OK")))
    assert caught.value.cause is REPLY_MALFORMED


def test_a_record_that_asks_for_a_reply_is_a_request() -> None:
    assert ZILLA.is_request(reply(("zilla:reply-to", b"somewhere")))
