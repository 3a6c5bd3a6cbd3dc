from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.errors import RECORD_KEY_MISSING, Fault
from gateway.kafka.record_key import record_key
from gateway.routing.model import KeyRule, KeySource

if TYPE_CHECKING:
    from gateway.message import RawHeaders

BY_HEADER = KeyRule(KeySource.HEADER, "X-Subject")
BY_QUERY = KeyRule(KeySource.QUERY, "subject")


def refusal(rule: KeyRule, headers: RawHeaders = (), query: str = "") -> Fault:
    with pytest.raises(Fault) as caught:
        record_key(rule, headers, query)
    assert caught.value.cause is RECORD_KEY_MISSING
    assert not caught.value.may_have_been_sent
    assert caught.value.detail is not None
    return caught.value


def test_without_a_rule_there_is_no_key() -> None:
    assert record_key(None, ((b"X-Subject", b"1"),), "subject=1") is None


@pytest.mark.parametrize("name", [b"X-Subject", b"x-subject", b"X-SUBJECT"])
def test_a_header_is_found_whatever_its_case(name: bytes) -> None:
    assert record_key(BY_HEADER, ((b"A", b"b"), (name, b"case-1")), "") == b"case-1"


def test_a_header_value_is_taken_byte_by_byte() -> None:
    assert record_key(BY_HEADER, ((b"X-Subject", b"a%20+\xe4"),), "") == b"a%20+\xe4"


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ("subject=1", b"1"),
        ("a=b&subject=case-1&c", b"case-1"),
        ("subject=a%20b+c", b"a b c"),
        ("subject=%E6%97%A0%E9%94%A1", "无锡".encode()),
        ("sub%6Aect=1", b"1"),
        ("subject=a=b", b"a=b"),
        ("Subject=no&subject=yes", b"yes"),
        ("subject=100%", b"100%"),
    ],
)
def test_a_query_parameter_is_decoded(query: str, key: bytes) -> None:
    assert record_key(BY_QUERY, (), query) == key


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ((b"X-Subjects", b"1"),),
        ((b"X-Subject", b""),),
        ((b"X-Subject", b" \t"),),
        ((b"X-Subject", b"1"), (b"x-subject", b"1")),
    ],
)
def test_a_header_that_is_missing_empty_or_there_twice_is_refused(headers: RawHeaders) -> None:
    refusal(BY_HEADER, headers)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "subject",
        "subject=",
        "other=1",
        "subject=1&subject=2",
        "subject=%FF",
        "subject=%ED%A0%80",
    ],
)
def test_a_parameter_that_is_missing_empty_unreadable_or_there_twice_is_refused(query: str) -> None:
    refusal(BY_QUERY, query=query)


@pytest.mark.parametrize(
    ("query", "how"), [("", "missing"), ("subject=1&subject=2", "more than once")]
)
def test_the_refusal_names_the_parameter_in_both_languages(query: str, how: str) -> None:
    detail = refusal(BY_QUERY, query=query).detail
    assert detail is not None
    assert "query parameter subject" in detail.en
    assert how in detail.en
    assert "查询参数 subject" in detail.zh


def test_the_refusal_never_shows_a_value() -> None:
    fault = refusal(BY_QUERY, query="subject=made-up-person&subject=other")
    assert "made-up-person" not in f"{fault} {fault.detail}"
