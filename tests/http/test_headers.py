"""What ends here and what goes on (RFC 9110, section 7.6)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import errors
from gateway.errors import Cause, Fault
from gateway.http.headers import HeaderRules, answer_fields, request_head
from gateway.message import HeaderLines

RULES = HeaderRules((b"x-key", b"host", b"x-service"), (b"x-gateway-", b"x-forwarded-"))
HOP_BY_HOP = (
    b"Connection", b"Keep-Alive", b"Proxy-Connection", b"Proxy-Authenticate",
    b"Proxy-Authorization", b"TE", b"Trailer", b"Transfer-Encoding", b"Upgrade",
    b"HTTP2-Settings", b"Content-Length",
)  # fmt: skip
Fields = tuple[tuple[bytes, bytes], ...]


def lines(*fields: tuple[bytes, bytes]) -> bytes:
    return b"".join(b"%b: %b\r\n" % field for field in fields)


def refused(*fields: tuple[bytes, bytes]) -> Cause:
    with pytest.raises(Fault) as caught:
        RULES.sort(fields)
    return caught.value.cause


def test_ordinary_fields_pass_in_their_order_and_spelling() -> None:
    fields = ((b"Accept", b"*/*"), (b"x-ODD", b"1"), (b"Cookie", b"a=b"), (b"cookie", b"c=d"))
    assert RULES.sort(fields).passed == lines(*fields)
    assert answer_fields(fields) == (lines(*fields), False)


def test_lines_pass_as_they_came() -> None:
    came = HeaderLines([b"X-A:1", b"X-B: \t2 ", b"Host: h"])
    assert RULES.sort(came).passed == b"X-A:1\r\nX-B: \t2 \r\n"
    assert RULES.sort(came).consumed == {b"host": b"h"}


@pytest.mark.parametrize("name", HOP_BY_HOP)
@pytest.mark.parametrize("spelling", [bytes, bytes.lower, bytes.upper, bytes.title])
def test_what_is_hop_by_hop_ends_here_in_every_spelling(name: bytes, spelling: type[bytes]) -> None:
    value = b"chunked" if name == b"Transfer-Encoding" else b"a"
    fields = ((spelling(name), value), (b"X-A", b"1"))
    assert RULES.sort(fields).passed == b"X-A: 1\r\n"
    assert answer_fields(fields)[0] == b"X-A: 1\r\n"


@given(
    st.lists(st.sampled_from([*HOP_BY_HOP, b"X-A", b"X-B", b"Cookie", b"Accept"])),
    st.lists(st.sampled_from([b"x-a", b"X-B", b"cookie", b"close", b"content-length", b""])),
    st.sampled_from([b",", b" , ", b",\t"]),
)
def test_nothing_that_is_hop_by_hop_or_named_in_connection_survives(
    names: list[bytes], named: list[bytes], comma: bytes
) -> None:
    fields = tuple((name, b"1") for name in names if name != b"Transfer-Encoding")
    fields += ((b"Connection", comma.join(named)),)
    ends = {name.lower() for name in (*HOP_BY_HOP, *named)}
    left = tuple(field for field in fields if field[0].lower() not in ends)
    assert RULES.sort(fields).passed == lines(*left)
    assert answer_fields(fields)[0] == lines(*left)


def test_every_connection_field_counts() -> None:
    fields = ((b"Connection", b"X-A"), (b"X-A", b"1"), (b"X-B", b"2"), (b"connection", b"x-b"))
    assert RULES.sort(fields).passed == b""


def test_what_is_consumed_is_told_and_not_passed() -> None:
    sorted_ = RULES.sort(((b"X-Key", b"secret"), (b"HOST", b"h"), (b"X-A", b"1")))
    assert sorted_.passed == b"X-A: 1\r\n"
    assert sorted_.consumed == {b"x-key": b"secret", b"host": b"h"}
    assert sorted_.repeated == frozenset()


def test_what_is_consumed_twice_is_joined_and_told() -> None:
    sorted_ = RULES.sort(((b"X-Key", b"a"), (b"x-KEY", b"b")))
    assert sorted_.consumed == {b"x-key": b"a, b"}
    assert sorted_.repeated == {b"x-key"}


def test_connection_cannot_take_away_what_is_consumed() -> None:
    fields = ((b"Connection", b"X-Key, Host"), (b"X-Key", b"a"), (b"Host", b"h"))
    assert RULES.sort(fields).consumed == {b"x-key": b"a", b"host": b"h"}


@pytest.mark.parametrize("name", [b"X-Gateway-Channel", b"x-GATEWAY-attempt", b"X-Forwarded-User"])
def test_nobody_outside_speaks_in_the_gateways_name(name: bytes) -> None:
    assert RULES.sort(((name, b"a"),)).passed == b""


@pytest.mark.parametrize("name", [b"X_Key", b"_", b"content_length"])
def test_a_name_with_an_underscore_is_refused(name: bytes) -> None:
    assert refused((name, b"a")) is errors.HEADER_REFUSED


@pytest.mark.parametrize("values", [(b"gzip",), (b"gzip, chunked",), (b"chunked", b"chunked")])
def test_every_other_coding_is_refused_both_ways(values: tuple[bytes, ...]) -> None:
    fields = tuple((b"Transfer-Encoding", value) for value in values)
    assert refused(*fields) is errors.MALFORMED_REQUEST
    with pytest.raises(Fault) as caught:
        answer_fields(fields)
    assert caught.value.cause is errors.ANSWER_MALFORMED


@pytest.mark.parametrize("name", [b"Date", b"date", b"DATE"])
def test_an_answer_says_whether_it_has_a_date(name: bytes) -> None:
    assert answer_fields(((name, b"now"),)) == (b"%b: now\r\n" % name, True)


def test_a_head_is_a_line_and_blocks_of_lines() -> None:
    head = request_head("GET", "/a?b", b"Host: h\r\n", b"X-A: 1\r\n", b"X-B: 2\r\n")
    assert head == b"GET /a?b HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nX-B: 2\r\n"


def test_the_request_id_of_an_answer_is_the_gateways_and_not_the_departments() -> None:
    fields = ((b"X-Request-ID", b"theirs"), (b"x-request-id", b"theirs"), (b"X-A", b"1"))
    assert answer_fields(fields)[0] == b"X-A: 1\r\n"
