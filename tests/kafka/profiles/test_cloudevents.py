from __future__ import annotations

from datetime import UTC

import pytest

from gateway.errors import REPLY_MALFORMED, Fault
from gateway.kafka.profiles.cloudevents import CloudEvents
from tests.kafka.profiles.records import ACCEPT, CALLER, ID, NOW, TRACEPARENT, reply, request, sent

PROFILE = CloudEvents()


def test_an_accepted_request_has_these_headers_byte_by_byte() -> None:
    assert sent("cloudevents", ACCEPT) == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"00112233445566778899aabbccddeeff0123456789abcdef"),
        ("ce_source", b"/gateway/services/hrss.pension"),
        ("ce_type", b"hrss.pension.request"),
        ("ce_time", b"2026-03-01T00:30:00.123Z"),
        ("ce_httpmethod", b"POST"),
        ("ce_httppath", b"/v1/cards/%E5%8D%A1"),
        ("ce_httpquery", b"a=1&b=%20"),
        ("content-type", b"application/json; charset=utf-8"),
        ("accept-language", b"zh-CN"),
        ("accept", b"application/json"),
        ("traceparent", TRACEPARENT),
        ("tracestate", b"vendor=1"),
    ]


def test_a_request_for_a_reply_says_where_to_and_until_when() -> None:
    accepted = sent("cloudevents", ACCEPT)
    assert sent("cloudevents") == [
        *accepted[:8],
        ("ce_correlationid", ID.encode()),
        ("ce_replyto", b"hrss.pension.replies"),
        ("ce_expirytime", b"2026-03-01T00:30:05.123Z"),
        *accepted[8:],
    ]


def test_attribute_names_are_lower_case_letters_and_digits() -> None:
    names = [name for name, _ in sent("cloudevents") if name.startswith("ce_")]
    assert len(names) == len(set(names))
    assert all(name.removeprefix("ce_").isalnum() and name.islower() for name in names)


def test_times_are_utc_whatever_the_zone_is() -> None:
    headers = PROFILE.request_headers(
        ACCEPT, request(CALLER), event_id=ID, now=NOW.astimezone(UTC), deadline=None
    )
    assert dict(headers)["ce_time"] == b"2026-03-01T00:30:00.123Z"


def test_a_reply_names_its_request() -> None:
    assert PROFILE.correlation_id(reply(("ce_correlationid", ID.encode()))) == ID
    assert PROFILE.correlation_id(reply(("ce_id", ID.encode()))) is None


def test_a_record_that_asks_for_a_reply_is_a_request() -> None:
    assert PROFILE.is_request(reply(("ce_replyto", b"somewhere")))
    assert not PROFILE.is_request(reply(("ce_correlationid", b"1")))


def test_a_reply_is_this_answer() -> None:
    headers = [("ce_httpstatus", b"201"), ("content-type", b"a/b"), ("ETag", b'"1"')]
    answer = PROFILE.reply_of(reply(*headers))
    assert (answer.status, answer.fields, answer.body) == (
        201,
        b'content-type: a/b\r\netag: "1"\r\n',
        b"body",
    )


def test_a_type_that_is_not_named_is_not_guessed() -> None:
    answer = PROFILE.reply_of(reply(value=b"{}"))
    assert (answer.status, answer.fields) == (200, b"")


def test_an_empty_content_type_makes_a_reply_malformed() -> None:
    with pytest.raises(Fault) as caught:
        PROFILE.reply_of(reply(("content-type", b"")))
    assert caught.value.cause is REPLY_MALFORMED
