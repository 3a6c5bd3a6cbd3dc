"""Byte by byte, with what `ServerKafka` of `@nestjs/microservices` reads and writes."""

from __future__ import annotations

import pytest

from gateway.errors import REPLY_MALFORMED, Fault
from gateway.kafka.profiles.nestjs import NESTJS
from tests.kafka.profiles.records import ACCEPT, ID, echoed, reply, sent

CORRELATED = ("kafka_correlationId", ID.encode())
DISPOSED = ("kafka_nest-is-disposed", b"\x00")


def test_a_request_has_these_headers_byte_by_byte() -> None:
    assert sent("nestjs") == echoed("kafka_correlationId", "kafka_replyTopic")


def test_a_request_that_waits_for_nothing_is_an_event() -> None:
    assert not [name for name, _ in sent("nestjs", ACCEPT) if name.startswith("kafka_")]


@pytest.mark.parametrize(
    ("value", "content_type"),
    [
        (b'{"months":214}', b"application/json"),
        (b"[1,2]", b"application/json"),
        (b"accepted", b"text/plain; charset=utf-8"),
        (b"214", b"text/plain; charset=utf-8"),
    ],
)
def test_a_handlers_result_is_this_answer(value: bytes, content_type: bytes) -> None:
    record = reply(CORRELATED, DISPOSED, value=value)
    assert NESTJS.correlation_id(record) == ID
    assert not NESTJS.is_request(record)
    answer = NESTJS.reply_of(record)
    assert (answer.status, answer.body) == (200, value)
    assert answer.fields == b"content-type: %b\r\n" % content_type


def test_a_handler_that_returns_nothing_gives_an_empty_answer() -> None:
    answer = NESTJS.reply_of(reply(CORRELATED, DISPOSED, value=None))
    assert (answer.status, answer.fields, answer.body) == (200, b"", b"")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (b'{"status":"error","message":"Internal server error"}', 500),
        (b'{"statusCode":404,"message":"no such case"}', 404),
        (b'{"status":422,"message":"month missing"}', 422),
        (b'{"statusCode":"404"}', 500),
        (b'{"statusCode":200}', 500),
        (b'{"statusCode":true}', 500),
        (b'{"statusCode":600}', 500),
        (b"[404]", 500),
        (b"{}", 500),
    ],
)
def test_an_error_is_an_answer_that_failed(error: bytes, status: int) -> None:
    answer = NESTJS.reply_of(reply(CORRELATED, ("kafka_nest-err", error), DISPOSED, value=None))
    assert (answer.status, answer.body) == (status, error)
    assert answer.fields == b"content-type: application/json\r\n"


def test_a_topic_without_a_handler_is_an_answer_that_failed() -> None:
    error = b"There is no matching message handler defined in the remote service."
    answer = NESTJS.reply_of(reply(CORRELATED, ("kafka_nest-err", error), value=None))
    assert (answer.status, answer.body) == (500, error)
    assert answer.fields == b"content-type: text/plain; charset=utf-8\r\n"


def test_a_status_of_its_own_goes_before_the_one_in_an_error() -> None:
    error = ("kafka_nest-err", b'{"statusCode":404}')
    assert NESTJS.reply_of(reply(CORRELATED, error, ("ce_httpstatus", b"409"))).status == 409


def test_a_status_that_is_none_makes_an_error_malformed() -> None:
    with pytest.raises(Fault) as caught:
        NESTJS.reply_of(reply(("kafka_nest-err", b"{}"), ("ce_httpstatus", b"bad")))
    assert caught.value.cause is REPLY_MALFORMED
