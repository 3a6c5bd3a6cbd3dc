from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.kafka.profiles.request_fields import asked_reply, passed_on, requested, timestamp
from tests.kafka.profiles.records import ACCEPT, DEADLINE, ID, REPLY, TRACEPARENT, request

if TYPE_CHECKING:
    from gateway.message import RawHeaders

OURS = {"traceparent", "tracestate"}


def passed(headers: RawHeaders) -> dict[str, bytes]:
    return {name: value for name, value in passed_on(request(headers)) if name not in OURS}


def test_a_request_without_query_or_tracestate_has_no_header_for_them() -> None:
    assert [name for name, _ in requested(request())] == ["ce_httpmethod", "ce_httppath"]
    assert passed_on(request()) == [("traceparent", TRACEPARENT)]


def test_bytes_that_are_no_utf_8_arrive_as_they_came() -> None:
    raw = b"/\xff\xe5".decode("utf-8", "surrogateescape")
    assert dict(requested(request(path=raw)))["ce_httppath"] == b"/\xff\xe5"


@pytest.mark.parametrize(
    "name",
    [
        *(b"Ce-Id", b"ce_id", b"CE-Source", b"Cookie", b"Authorization", b"X-Api-Key"),
        *(b"X-Subject", b"kafka_replyTopic", b"REPLY_TOPIC", b"zilla:reply-to", b"reply_to"),
        *(b"ce_replayed", b"kafka_replyPartition", b"__TypeId__", b"spring_json_header_types"),
    ],
)
def test_nothing_else_of_the_caller_is_passed_on(name: bytes) -> None:
    assert passed(((name, b"forged"),)) == {}


def test_a_list_that_came_in_several_fields_is_one_header() -> None:
    assert passed(((b"Accept", b"a/b"), (b"accept", b"c/d"))) == {"accept": b"a/b, c/d"}


def test_the_first_content_type_counts() -> None:
    assert passed(((b"Content-Type", b"a/b"), (b"content-type", b"c/d"))) == {
        "content-type": b"a/b"
    }


@pytest.mark.parametrize(
    ("sent", "recorded"),
    [
        (b"application/cloudevents+json", b"application/json"),
        (b"Application/CloudEvents-batch+JSON; charset=utf-8", b"application/json"),
        (b"application/cloudevents+avro", b"application/octet-stream"),
        (b"application/cloudevent", b"application/cloudevent"),
    ],
)
def test_a_caller_cannot_have_its_own_event_read_in_place_of_ours(
    sent: bytes, recorded: bytes
) -> None:
    assert passed(((b"Content-Type", sent),)) == {"content-type": recorded}


def test_a_reply_is_asked_for_only_where_somebody_waits() -> None:
    names = {"correlation": "c", "reply_to": "r"}
    assert asked_reply(ACCEPT, ID, DEADLINE, **names) == []
    asked = [("c", ID.encode()), ("r", b"hrss.pension.replies")]
    assert asked_reply(REPLY, ID, None, **names) == asked
    assert asked_reply(REPLY, ID, DEADLINE, **names) == [
        *asked,
        ("ce_expirytime", timestamp(DEADLINE)),
    ]


def test_a_time_is_rfc_3339_in_utc() -> None:
    assert timestamp(DEADLINE) == b"2026-03-01T00:30:05.123Z"
