from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gateway import errors
from gateway.errors import Cause, Fault
from gateway.http.bodies import WireBody
from gateway.http.connection import Connection
from gateway.http.parsing import AnswerParser, RequestHead, RequestParser
from gateway.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

GET = b"GET /a HTTP/1.1\r\nHost: h\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: h\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
LINE, FIELD, FIELDS, HEAD = 8190, 8190, 128, 64 << 10


@pytest.fixture
def requests() -> Iterator[RequestParser]:
    loop = asyncio.new_event_loop()
    yield RequestParser(Connection(loop), Sweep(loop))
    loop.close()


@pytest.fixture
def answers() -> Iterator[AnswerParser]:
    loop = asyncio.new_event_loop()
    parser = AnswerParser(Connection(loop), Sweep(loop))
    parser.expect("GET")
    yield parser
    loop.close()


def whole(data: bytes) -> list[bytes]:
    return [data]


def halves(data: bytes) -> list[bytes]:
    return [data[: len(data) // 2], data[len(data) // 2 :]]


def cause(parser: RequestParser | AnswerParser, pieces: Iterable[bytes]) -> Cause | None:
    try:
        for piece in pieces:
            parser.feed(piece)
    except Fault as fault:
        return fault.cause
    return None


def only(parser: RequestParser) -> RequestHead:
    [head] = parser.ready
    return head


# --- what is handed over -----------------------------------------------------------------------


def test_fields_keep_their_order_and_spelling_and_lose_outer_blanks(
    requests: RequestParser,
) -> None:
    for piece in halves(GET + b"x-B: \t b \t\r\nX-a:\r\nX-A:1\r\n\r\n"):
        requests.feed(piece)
    assert [*only(requests).headers] == [
        (b"Host", b"h"), (b"x-B", b"b"), (b"X-a", b""), (b"X-A", b"1"),
    ]  # fmt: skip


def test_a_body_that_is_here_with_its_head_is_whole(requests: RequestParser) -> None:
    requests.feed(POST + b"Content-Length: 3\r\n\r\nabc")
    body = only(requests).body
    assert (body.length, body.read_available()) == (3, b"abc")


async def test_a_body_that_is_not_here_yet_is_handed_over_on_its_way() -> None:
    loop = asyncio.get_running_loop()
    parser = RequestParser(Connection(loop), Sweep(loop))
    parser.feed(POST + b"Content-Length: 3\r\n\r\na")
    body = only(parser).body
    assert isinstance(body, WireBody)
    assert (body.length, body.complete) == (3, False)
    parser.feed(b"bc")
    assert body.complete
    assert await body.read() == b"abc"


def test_what_looks_like_a_request_inside_a_body_is_none(requests: RequestParser) -> None:
    inside = GET + b"\r\n"
    requests.feed(POST + b"Content-Length: %d\r\n\r\n" % (2 * len(inside)))
    requests.feed(inside)
    requests.feed(inside)
    assert only(requests).body.read_available() == 2 * inside


def test_what_looks_like_a_request_inside_a_chunk_is_none(requests: RequestParser) -> None:
    inside = GET + b"\r\n"
    requests.feed(POST + CHUNKED + b"%x\r\n" % len(inside))
    requests.feed(inside)
    requests.feed(b"\r\n0\r\n\r\n")
    assert only(requests).body.read_available() == inside


def test_what_looks_like_an_answer_inside_an_answer_is_none(answers: AnswerParser) -> None:
    inside = OK + b"Content-Length: 0\r\n\r\n"
    answers.feed(OK + b"Content-Length: %d\r\n\r\n" % len(inside))
    answers.feed(inside)
    assert answers.answer is not None
    assert isinstance(answers.answer.body, WireBody)
    assert answers.answer.body.read_available() == inside


def test_a_request_that_asks_to_upgrade_is_an_ordinary_last_one(requests: RequestParser) -> None:
    requests.feed(GET + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\nPRI")
    assert not only(requests).keep_alive


# --- limits ------------------------------------------------------------------------------------


def target(size: int) -> bytes:
    return b"GET /%b HTTP/1.1\r\nHost: h\r\n\r\n" % (b"a" * (size - 1))


def field(size: int) -> bytes:
    return GET + b"X-A: %b\r\n\r\n" % (b"a" * (size - 3))


def fields(count: int) -> bytes:
    return GET + b"a:b\r\n" * (count - 1) + b"\r\n"


def large(size: int) -> bytes:
    """A head whose fields, names and values, have `size` bytes in all."""
    line = b"X-A: %b\r\n" % (b"a" * 797)
    lines, rest = divmod(size - len(b"Hosth"), 800)
    return GET + line * lines + b"X: %b\r\n\r\n" % (b"a" * (rest - 1))


LIMITS = {
    "target": (target(LINE), target(LINE + 1), errors.TARGET_TOO_LONG),
    "field": (field(FIELD), field(FIELD + 1), errors.HEADERS_TOO_LARGE),
    "number of fields": (fields(FIELDS), fields(FIELDS + 1), errors.HEADERS_TOO_LARGE),
    "head": (large(HEAD - 2000), large(HEAD + 1), errors.HEADERS_TOO_LARGE),
}


@pytest.mark.parametrize("cut", [whole, halves])
@pytest.mark.parametrize("limit", LIMITS)
def test_a_head_at_a_limit_passes_and_one_beyond_it_is_refused(
    requests: RequestParser, limit: str, cut: Callable[[bytes], list[bytes]]
) -> None:
    within, beyond, too_much = LIMITS[limit]
    assert cause(requests, cut(within)) is None
    assert len(requests.ready) == 1
    assert cause(requests, cut(beyond)) is too_much
    assert len(requests.ready) == 1


@pytest.mark.parametrize("end", [b"", b"\r\nX-A: "], ids=["one field", "many fields"])
def test_a_head_without_end_is_refused_before_it_has_much_more_than_a_head(
    requests: RequestParser, end: bytes
) -> None:
    within, beyond = HEAD // 1000 - 1, HEAD // 1000 + 2
    assert cause(requests, [GET, b"X-A: ", *[b"a" * 900 + end] * within]) is None
    more = [b"a" * 1000 + end] * (beyond - within // 2)
    assert cause(requests, more) is errors.HEADERS_TOO_LARGE


def test_a_target_without_end_is_refused_early(requests: RequestParser) -> None:
    assert cause(requests, [b"GET /", *[b"a" * 1000] * 9]) is errors.TARGET_TOO_LONG


def test_pipelined_requests_are_no_large_head(requests: RequestParser) -> None:
    many = (GET + b"\r\n") * 3000
    assert len(many) > HEAD
    assert cause(requests, [many + GET, b"\r\n"]) is None
    assert len(requests.ready) == 3001


def test_a_body_before_a_head_does_not_count_for_it(requests: RequestParser) -> None:
    post = POST + b"Content-Length: %d\r\n\r\n%b" % (HEAD, b"a" * HEAD)
    assert cause(requests, [post + GET, b"X-A: 1\r\n", b"\r\n"]) is None
    assert len(requests.ready) == 2


def test_a_large_head_behind_a_body_is_refused_all_the_same(requests: RequestParser) -> None:
    post = POST + b"Content-Length: 1\r\n\r\na"
    assert cause(requests, [post + field(FIELD + 1)]) is errors.HEADERS_TOO_LARGE


@pytest.mark.parametrize(
    "endless", [b"1;a=" + b"b" * 1000, b"0\r\nX-A: " + b"b" * 1000, b"0\r\n" + b"X-A: a\r\n" * 100]
)
def test_framing_without_end_is_refused(requests: RequestParser, endless: bytes) -> None:
    requests.feed(POST + CHUNKED)
    more = [endless[-8:] * 100] * 100
    assert cause(requests, [endless, *more]) is errors.MALFORMED_REQUEST


def test_any_number_of_small_chunks_is_a_body(requests: RequestParser) -> None:
    requests.feed(POST + CHUNKED)
    assert cause(requests, [b"1\r\na\r\n" * 100] * 500) is None
    requests.feed(b"0\r\n\r\n")
    assert only(requests).body.read_available() == b"a" * 50_000


def test_an_answer_has_the_same_limits(answers: AnswerParser) -> None:
    head = OK + b"X-A: %b\r\nContent-Length: 0\r\n\r\n"
    assert cause(answers, [head % (b"a" * (FIELD - 3))]) is None
    answers.expect("GET")
    assert cause(answers, [head % (b"a" * (FIELD - 2))]) is errors.ANSWER_HEADERS_TOO_LARGE


def test_an_answer_without_end_of_its_head_is_refused(answers: AnswerParser) -> None:
    assert cause(answers, [OK, *[b"X-A: a\r\n" * 100] * 100]) is errors.ANSWER_HEADERS_TOO_LARGE


def test_interim_answers_do_not_add_up(answers: AnswerParser) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: %b\r\n\r\n" % (b"a" * 1000)
    assert cause(answers, [early * 50, *[early] * 50, OK + b"Content-Length: 0\r\n\r\n"]) is None
    assert answers.answer is not None


# --- ends --------------------------------------------------------------------------------------


def body_of(answers: AnswerParser) -> WireBody:
    assert answers.answer is not None
    assert isinstance(answers.answer.body, WireBody)
    return answers.answer.body


def test_a_clean_end_completes_a_body_without_length(answers: AnswerParser) -> None:
    answers.feed(OK + b"\r\nab")
    answers.end(clean=True)
    assert body_of(answers).read_available() == b"ab"


@pytest.mark.parametrize("head", [b"\r\n", b"Content-Length: 3\r\n\r\n"])
async def test_a_broken_connection_completes_nothing(head: bytes) -> None:
    loop = asyncio.get_running_loop()
    parser = AnswerParser(Connection(loop), Sweep(loop))
    parser.expect("GET")
    parser.feed(OK + head + b"ab")
    parser.end(clean=False)
    with pytest.raises(Fault) as caught:
        await body_of(parser).read()
    assert caught.value.cause is errors.ANSWER_INCOMPLETE


def test_an_answer_that_nobody_asked_for_is_a_fault(answers: AnswerParser) -> None:
    answer = OK + b"Content-Length: 0\r\n\r\n"
    assert cause(answers, [answer]) is None
    assert cause(answers, [answer]) is errors.ANSWER_MALFORMED
