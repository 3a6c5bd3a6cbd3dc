from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import REPLY_MALFORMED, Fault
from gateway.kafka.cloudevents import correlation_id, is_request, reply_of, request_record
from gateway.kafka.record import IncomingRecord, OutgoingRecord
from gateway.message import RawHeaders, ServiceRequest, WholeBody
from gateway.routing.model import KafkaBackend, KafkaMode

ACCEPT = KafkaBackend("hrss.card.requests", KafkaMode.ACCEPT)
REPLY = KafkaBackend("hrss.pension.requests", KafkaMode.REPLY, reply_topic="hrss.pension.replies")
NOW = datetime(2026, 3, 1, 8, 30, 0, 123456, tzinfo=timezone(timedelta(hours=8)))
ID = "00112233445566778899aabbccddeeff"
TRACEPARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def request(
    headers: RawHeaders = (), query: str = "", tracestate: bytes | None = None
) -> ServiceRequest:
    return ServiceRequest(
        service_id="hrss.card-replacement",
        method="POST",
        path="/v1/cards/%E5%8D%A1",
        query=query,
        headers=headers,
        fields=b"",
        body=WholeBody(b""),
        arrived=0.0,
        api_key=b"secret-key",
        request_id="r1",
        trace_id="t1",
        traceparent=TRACEPARENT,
        tracestate=tracestate,
    )


def record(
    backend: KafkaBackend = ACCEPT, headers: RawHeaders = (), query: str = ""
) -> OutgoingRecord:
    return request_record(
        backend, request(headers, query), b"{}", key=b"case-1", event_id=ID, now=NOW
    )


def passed_on(headers: RawHeaders) -> dict[str, bytes]:
    ours = {"traceparent", "tracestate"}
    return {
        name: value
        for name, value in record(headers=headers).headers
        if not name.startswith("ce_") and name not in ours
    }


def reply(*headers: tuple[str, bytes], value: bytes | None = b"body") -> IncomingRecord:
    return IncomingRecord("replies", 0, 0, None, value, headers)


def test_an_accepted_request_is_this_record_byte_by_byte() -> None:
    sent = request(
        headers=(
            (b"Host", b"gateway"),
            (b"Content-Type", b"application/json; charset=utf-8"),
            (b"Accept-Language", b"zh-CN"),
            (b"Accept", b"application/json"),
        ),
        query="a=1&b=%20",
        tracestate=b"vendor=1",
    )
    assert request_record(
        ACCEPT, sent, b'{"a":1}', key=b"case-1", event_id=ID, now=NOW, deadline=NOW
    ) == OutgoingRecord(
        service_id="hrss.card-replacement",
        topic="hrss.card.requests",
        key=b"case-1",
        value=b'{"a":1}',
        headers=(
            ("ce_specversion", b"1.0"),
            ("ce_id", b"00112233445566778899aabbccddeeff"),
            ("ce_source", b"/gateway/services/hrss.card-replacement"),
            ("ce_type", b"hrss.card-replacement.request"),
            ("ce_time", b"2026-03-01T00:30:00.123Z"),
            ("ce_httpmethod", b"POST"),
            ("ce_httppath", b"/v1/cards/%E5%8D%A1"),
            ("ce_httpquery", b"a=1&b=%20"),
            ("content-type", b"application/json; charset=utf-8"),
            ("accept-language", b"zh-CN"),
            ("accept", b"application/json"),
            ("traceparent", TRACEPARENT),
            ("tracestate", b"vendor=1"),
        ),
    )


def test_a_request_for_a_reply_says_where_to_and_until_when() -> None:
    made = request_record(
        REPLY,
        request(),
        b"",
        key=None,
        event_id=ID,
        now=NOW,
        deadline=NOW + timedelta(seconds=5),
    )
    headers = dict(made.headers)
    assert made.topic == "hrss.pension.requests"
    assert headers["ce_correlationid"] == headers["ce_id"] == ID.encode()
    assert headers["ce_replyto"] == b"hrss.pension.replies"
    assert headers["ce_expirytime"] == b"2026-03-01T00:30:05.123Z"


def test_a_request_without_query_or_tracestate_has_no_header_for_them() -> None:
    names = [name for name, _ in record().headers]
    assert "ce_httpquery" not in names
    assert "tracestate" not in names


def test_attribute_names_are_lower_case_letters_and_digits() -> None:
    names = [name for name, _ in record(REPLY, query="a=1").headers if name.startswith("ce_")]
    assert len(names) == len(set(names))
    assert all(name.removeprefix("ce_").isalnum() and name.islower() for name in names)


@pytest.mark.parametrize(
    "name",
    [b"Ce-Id", b"ce_id", b"CE-Source", b"Cookie", b"Authorization", b"X-Api-Key", b"X-Subject"],
)
def test_nothing_else_of_the_caller_is_passed_on(name: bytes) -> None:
    assert passed_on(((name, b"forged"),)) == {}


def test_a_list_that_came_in_several_fields_is_one_header() -> None:
    assert passed_on(((b"Accept", b"a/b"), (b"accept", b"c/d"))) == {"accept": b"a/b, c/d"}


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
    assert passed_on(((b"Content-Type", sent),)) == {"content-type": recorded}


def test_a_reply_is_200_unless_it_says_otherwise() -> None:
    answer = reply_of(reply())
    assert (answer.status, answer.fields, answer.body) == (200, b"", b"body")
    assert not answer.dated


@pytest.mark.parametrize("status", [200, 201, 404, 500, 599])
def test_a_reply_chooses_its_status(status: int) -> None:
    assert reply_of(reply(("ce_httpstatus", b"%d" % status))).status == status


@pytest.mark.parametrize(
    "status",
    [
        *(b"", b"100", b"199", b"600", b"0200", b"+200", b"20", b" 200", b"2e2", b"abc"),
        *("２００".encode(), b"200\n", b"-200", b"99999999999999999999"),
    ],
)
def test_a_status_that_is_none_makes_a_reply_malformed(status: bytes) -> None:
    with pytest.raises(Fault) as caught:
        reply_of(reply(("ce_httpstatus", status)))
    assert (caught.value.cause, caught.value.may_have_been_sent) == (REPLY_MALFORMED, True)


@pytest.mark.parametrize(
    "content_type", [b"", b" ", b"a\r\nSet-Cookie: x=1", b"a\nb", b"a\x00", b"\x7f", b"text/\xff"]
)
def test_a_content_type_that_is_no_header_value_makes_a_reply_malformed(
    content_type: bytes,
) -> None:
    with pytest.raises(Fault) as caught:
        reply_of(reply(("content-type", content_type)))
    assert caught.value.cause is REPLY_MALFORMED


@pytest.mark.parametrize("name", ["content-type", "ce_httpstatus", "location"])
def test_a_header_that_is_there_twice_makes_a_reply_malformed(name: str) -> None:
    with pytest.raises(Fault) as caught:
        reply_of(reply((name, b"200"), (name.upper(), b"200")))
    assert caught.value.detail is not None
    assert name in caught.value.detail.en


def test_a_reply_brings_headers_about_its_content_and_no_others() -> None:
    answer = reply_of(
        reply(
            ("__TypeId__", b"com.example.Reply"),
            ("Set-Cookie", b"a=b"),
            ("ETag", b'"1"'),
            ("Content-Type", b" text/plain\t"),
        )
    )
    assert answer.fields == b'content-type: text/plain\r\netag: "1"\r\n'


@pytest.mark.parametrize("status", [204, 205, 304])
def test_an_answer_without_content_has_none_whatever_the_value_is(status: int) -> None:
    headers = [("ce_httpstatus", b"%d" % status), ("content-type", b"a/b"), ("etag", b'"1"')]
    answer = reply_of(reply(*headers))
    assert (answer.fields, answer.body) == (b'etag: "1"\r\n', b"")


def test_a_null_value_is_an_empty_body() -> None:
    assert reply_of(reply(value=None)).body == b""


def test_a_reply_names_its_request_once() -> None:
    assert correlation_id(reply(("ce_correlationid", ID.encode()))) == ID
    assert correlation_id(reply()) is None
    assert correlation_id(reply(("ce_correlationid", b"a"), ("ce_correlationid", b"a"))) is None


def test_a_record_that_asks_for_a_reply_is_a_request() -> None:
    assert is_request(reply(("ce_replyto", b"somewhere")))
    assert not is_request(reply(("ce_correlationid", b"1")))


@given(st.lists(st.tuples(st.sampled_from(["ce_httpstatus", "content-type", "x"]), st.binary())))
def test_whatever_a_department_writes_is_an_answer_or_a_fault(
    headers: list[tuple[str, bytes]],
) -> None:
    try:
        answer = reply_of(reply(*headers))
    except Fault:
        return
    assert 200 <= answer.status <= 599
    assert b"\n" not in answer.fields.replace(b"\r\n", b"")


def test_times_are_utc_whatever_the_zone_is() -> None:
    in_utc = request_record(ACCEPT, request(), b"", key=None, event_id=ID, now=NOW.astimezone(UTC))
    assert dict(in_utc.headers)["ce_time"] == dict(record().headers)["ce_time"]
