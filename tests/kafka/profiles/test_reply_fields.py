from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import REPLY_MALFORMED, Fault
from gateway.kafka.profiles import PROFILES
from gateway.kafka.profiles.reply_fields import answer, only_id, status, typed
from tests.kafka.profiles.records import ID, reply

if TYPE_CHECKING:
    from gateway.kafka.profiles import Profile


def test_a_reply_is_200_unless_it_says_otherwise() -> None:
    assert status(()) == 200
    assert status((), default=500) == 500
    made = answer((), 200, b"body")
    assert (made.status, made.fields, made.body, made.dated) == (200, b"", b"body", False)


@pytest.mark.parametrize("name", ["ce_httpstatus", "CE_HttpStatus", ":status"])
@pytest.mark.parametrize("code", [200, 201, 404, 500, 599])
def test_a_reply_chooses_its_status(name: str, code: int) -> None:
    assert status(((name, b"%d" % code),), ":status") == code


@pytest.mark.parametrize(
    "value",
    [
        *(b"", b"100", b"199", b"600", b"0200", b"+200", b"20", b" 200", b"2e2", b"abc"),
        *("２００".encode(), b"200\n", b"-200", b"99999999999999999999"),
    ],
)
def test_a_status_that_is_none_makes_a_reply_malformed(value: bytes) -> None:
    with pytest.raises(Fault) as caught:
        status((("ce_httpstatus", value),))
    assert (caught.value.cause, caught.value.may_have_been_sent) == (REPLY_MALFORMED, True)


def test_two_names_for_a_status_make_a_reply_malformed() -> None:
    with pytest.raises(Fault) as caught:
        status((("ce_httpstatus", b"200"), ("status", b"404")), "status")
    assert caught.value.detail is not None
    assert "ce_httpstatus / status" in caught.value.detail.en


@pytest.mark.parametrize(
    "content_type", [b"", b" ", b"a\r\nSet-Cookie: x=1", b"a\nb", b"a\x00", b"\x7f", b"text/\xff"]
)
def test_a_header_that_is_no_field_value_makes_a_reply_malformed(content_type: bytes) -> None:
    with pytest.raises(Fault) as caught:
        answer((("content-type", content_type),), 200, b"")
    assert caught.value.cause is REPLY_MALFORMED


@pytest.mark.parametrize("name", ["content-type", "location"])
def test_a_header_that_is_there_twice_makes_a_reply_malformed(name: str) -> None:
    with pytest.raises(Fault) as caught:
        answer(((name, b"a/b"), (name.upper(), b"a/b")), 200, b"")
    assert caught.value.detail is not None
    assert name in caught.value.detail.en


def test_a_reply_brings_headers_about_its_content_and_no_others() -> None:
    headers = (
        ("__TypeId__", b"com.example.Reply"),
        ("Set-Cookie", b"a=b"),
        ("ETag", b'"1"'),
        ("Content-Type", b" text/plain\t"),
    )
    assert answer(headers, 200, b"").fields == b'content-type: text/plain\r\netag: "1"\r\n'


@pytest.mark.parametrize("code", [204, 205, 304])
def test_an_answer_without_content_has_none_whatever_the_value_is(code: int) -> None:
    made = answer((("content-type", b"a/b"), ("etag", b'"1"')), code, b"body")
    assert (made.fields, made.body) == (b'etag: "1"\r\n', b"")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"a": 1}', b"application/json"),
        (b"[]", b"application/json"),
        (b'"text"', b"application/json"),
        (b"{name}", b"text/plain; charset=utf-8"),
        (b"200", b"text/plain; charset=utf-8"),
        ("已受理".encode(), b"text/plain; charset=utf-8"),
        (b"<script>", b"text/plain; charset=utf-8"),
        (b"\xff\x00", b"application/octet-stream"),
        (b'{"a": "\xff"}', b"application/octet-stream"),
    ],
)
def test_a_type_that_is_not_named_is_the_one_the_body_looks_like(
    body: bytes, content_type: bytes
) -> None:
    assert typed((), body) == (("content-type", content_type),)
    assert typed((("content-type", b""),), body) == (("content-type", content_type),)


def test_a_type_that_is_named_stays() -> None:
    assert typed((("Content-Type", b"a/b"),), b"{}") == (("Content-Type", b"a/b"),)


def test_nothing_and_encoded_content_look_like_nothing() -> None:
    assert typed((("content-type", b""),), b"") == ()
    encoded = (("content-encoding", b"gzip"),)
    assert typed(encoded, gzip.compress(b"{}")) == encoded


def test_an_id_is_printable_and_the_only_one() -> None:
    named = ("kafka_correlationId", ID.encode())
    assert only_id((named,), "kafka_correlationId") == ID
    assert only_id((named, named), "kafka_correlationId") == ID
    assert only_id((named, ("kafka_correlationId", b"other")), "kafka_correlationId") is None
    assert only_id((), "kafka_correlationId") is None


@pytest.mark.parametrize("value", [b"", b"a" * 129, b"\x00" * 16, b"a b", "号".encode(), b"a\n"])
def test_what_is_no_id_is_none(value: bytes) -> None:
    assert only_id((("c", value),), "c") is None


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    *("ce_httpstatus", "status", ":status", "content-type", "kafka_nest-err", "x"),
                    *("kafka_correlationId", "ce_correlationid", "content-encoding"),
                ]
            ),
            st.binary(),
        )
    ),
    st.none() | st.binary(),
)
def test_whatever_a_department_writes_is_an_answer_or_a_fault(
    profile: Profile, headers: list[tuple[str, bytes]], value: bytes | None
) -> None:
    profile.correlation_id(reply(*headers))
    assert not profile.is_request(reply(*headers))
    try:
        made = profile.reply_of(reply(*headers, value=value))
    except Fault:
        return
    assert 200 <= made.status <= 599
    assert b"\n" not in made.fields.replace(b"\r\n", b"")
