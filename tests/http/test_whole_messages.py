"""The short way reads what the long way reads, or leaves it to the long way."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Fault
from gateway.http.connection import Connection
from gateway.http.parsing import AnswerHead, AnswerParser, RequestHead, RequestParser
from gateway.http.whole_messages import WholeAnswer, WholeRequest
from gateway.sweep import Sweep
from tests.http import smuggling_answers, smuggling_requests

NAMES = ["Host", "host", "HOST", "X-A", "Connection", "Content-Length", "Transfer-Encoding",
         "Upgrade", "X_A", " X", "X ", ""]  # fmt: skip
VALUES = ["h", "", " a ", "close", "keep-alive", "upgrade", "chunked", "0", "1", "a\x00", "é"]
COLONS = st.sampled_from([":", ": ", " :", ""])
ENDS = st.sampled_from(["\r\n"] * 8 + ["\n", "\r\n "])
LINES = st.tuples(st.sampled_from(NAMES), COLONS, st.sampled_from(VALUES), ENDS)
FIELDS = st.lists(LINES, max_size=5).map(lambda lines: "".join("".join(line) for line in lines))
STARTS = st.sampled_from(["GET /a HTTP/1.1\r\n", "GET  /a HTTP/1.1\r\n", "GET /a?b HTTP/1.0\r\n",
                          "GET /a\r\n", "GET * HTTP/1.1\r\n", "GET /a HTTP/1.1 \r\n"])  # fmt: skip
STATUSES = st.sampled_from(["200 OK", "204 None", "304 Not", "100 Go on", "101 Go", "200", "600 X"])
NEXT = "GET /b HTTP/1.1\r\nHost: h\r\n\r\n"
TAILS = st.sampled_from(["", "a", "1\r\na\r\n0\r\n\r\n", "\r\n", "H", "HTTP/1.1 200 OK\r\n\r\n"])

Read = tuple[object, ...]


def request(head: RequestHead) -> Read:
    body = head.body.read_available()
    return head.method, head.target, [*head.headers], body, head.keep_alive, head.old


def answer(head: AnswerHead | None) -> Read | None:
    if head is None:
        return None
    return head.status, [*head.headers], head.body, head.keep_alive


def by_the_long_way(data: bytes) -> Read | None:
    """What the long way makes of it, byte by byte: the short way knows whole messages only."""
    loop = asyncio.new_event_loop()
    parser = RequestParser(Connection(loop), Sweep(loop))
    loop.close()
    try:
        for byte in data:
            parser.feed(bytes([byte]))
    except Fault:
        return None
    return request(parser.ready[0]) if len(parser.ready) == 1 else None


def check_request(data: bytes) -> None:
    whole = WholeRequest()
    if whole.read(data):
        headers = [*whole.headers]
        assert ("GET", whole.target, headers, b"", whole.keep_alive, False) == by_the_long_way(data)


def check_answer(data: bytes) -> None:
    whole = WholeAnswer()
    if not whole.read(data):
        return
    loop = asyncio.new_event_loop()
    parser = AnswerParser(Connection(loop), Sweep(loop))
    loop.close()
    parser.expect("GET")
    parser.feed(data[:1])
    parser.feed(data[1:])
    read = (whole.status, [*whole.headers], whole.body, whole.keep_alive)
    assert answer(parser.answer) == read


@given(STARTS, FIELDS, st.sampled_from(["", "\r\n", "a", "a\r\n\r\n", NEXT]))
def test_requests_are_read_alike(start: str, fields: str, tail: str) -> None:
    check_request(f"{start}Host: h\r\n{fields}\r\n{tail}".encode("latin-1"))
    check_request(f"{start}{fields}\r\n{tail}".encode("latin-1"))


@given(STATUSES, FIELDS, TAILS)
def test_answers_are_read_alike(status: str, fields: str, tail: str) -> None:
    check_answer(f"HTTP/1.1 {status}\r\n{fields}\r\n{tail}".encode("latin-1"))


@pytest.mark.parametrize("case", smuggling_requests.CASES, ids=lambda case: case.name)
def test_requests_that_smuggle_are_read_alike(case: smuggling_requests.Case) -> None:
    check_request(case.wire)


@pytest.mark.parametrize("case", smuggling_answers.CASES, ids=lambda case: case.name)
def test_answers_that_smuggle_are_read_alike(case: smuggling_answers.Case) -> None:
    check_answer(case.wire)


def test_an_ordinary_request_takes_the_short_way() -> None:
    whole = WholeRequest()
    assert whole.read(b"GET /a?b=c HTTP/1.1\r\nHost: h\r\nX-A:  1 \r\n\r\n")
    assert (whole.target, whole.keep_alive) == ("/a?b=c", True)
    assert [*whole.headers] == [(b"Host", b"h"), (b"X-A", b"1")]


def test_an_ordinary_answer_takes_the_short_way() -> None:
    whole = WholeAnswer()
    assert whole.read(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno")
    assert (whole.status, whole.body, whole.keep_alive) == (404, b"no", True)


@pytest.mark.parametrize(
    "data",
    [
        b"POST /a HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: h\r\n",
        b"GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: h\r\n" + b"a:b\r\n" * 128 + b"\r\n",
        b"GET /a HTTP/1.1\r\nHost: h\r\nX-A: " + b"a" * 9000 + b"\r\n\r\n",
    ],
)
def test_whatever_is_otherwise_takes_the_long_way_and_leaves_no_trace(data: bytes) -> None:
    whole = WholeRequest()
    assert not whole.read(data)
    assert whole.read(b"GET /b HTTP/1.1\r\nHost: h\r\n\r\n")
    assert whole.target == "/b"


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nup to the end",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 200 OK\r\nX-A: ",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
def test_an_answer_that_is_otherwise_leaves_no_trace_either(data: bytes) -> None:
    whole = WholeAnswer()
    assert not whole.read(data)
    assert whole.read(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab")
    assert whole.body == b"ab"
