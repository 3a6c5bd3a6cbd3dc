"""Answers with which a department could mislead the caller or the next one: the table.

Each case is what the department writes, what the caller gets, and whether the connection may
carry another request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tests.doubles import origin as act

if TYPE_CHECKING:
    from tests.doubles.origin import Answer

__all__ = ["CASES", "MALFORMED", "Case"]

OK: Final = b"HTTP/1.1 200 OK\r\n"
CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"
OTHER: Final = OK + b"Content-Length: 5\r\n\r\nother"
MALFORMED: Final = "answer_malformed"
LOST: Final = "connection_lost"
TOO_LARGE: Final = "answer_headers_too_large"


class Case(NamedTuple):
    """`body` is what the caller gets whole with `status`; None: a broken transfer or a problem.

    `cause` is that of the fault, "none" when there is none. `kept`: the connection is used again.
    `seen_late`: what is wrong comes after a head that may have gone to the caller already, who then
    gets a broken transfer instead of a problem.
    """

    name: str
    wire: bytes
    status: int = 502
    body: bytes | None = None
    cause: str = MALFORMED
    method: str = "GET"
    end: Answer | None = None
    kept: bool = False
    seen_late: bool = False


def good(name: str, wire: bytes, body: bytes = b"", **more: object) -> Case:
    case = Case(name, wire, 200, body, "none", kept=True)
    return case._replace(**more)  # type: ignore[arg-type]  # names of the fields, checked there


def cut(name: str, wire: bytes, end: Answer = act.close) -> Case:
    return Case(name, wire, 200, cause="answer_incomplete", end=end)


REFUSED: Final = (
    Case("length before coding", OK + b"Content-Length: 2\r\n" + CHUNKED + b"\r\n0\r\n\r\n"),
    Case("coding before length", OK + CHUNKED + b"Content-Length: 2\r\n\r\n0\r\n\r\n"),
    Case("two lengths", OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
    Case("two equal lengths", OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab"),
    Case("a list of lengths", OK + b"Content-Length: 2, 2\r\n\r\nab"),
    Case("a length with plus", OK + b"Content-Length: +2\r\n\r\nab"),
    Case("an empty length", OK + b"Content-Length:\r\n\r\nab"),
    Case("gzip as the coding", OK + b"Transfer-Encoding: gzip\r\n\r\nab", end=act.close),
    Case("gzip before chunked", OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    Case("a coding after chunked", OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    Case("identity as the coding", OK + b"Transfer-Encoding: identity\r\n\r\nab", end=act.close),
    Case("chunked in two lines", OK + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n"),
    Case("chunked in 1.0", b"HTTP/1.0 200 OK\r\n" + CHUNKED + b"\r\n0\r\n\r\n"),
    Case("a version that does not exist", b"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n"),
    Case("version 2 in a line of version 1", b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
    Case("version 0.9 by name", b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n"),
    Case("no HTTP at all", b"<html>paid</html>\r\n\r\n"),
    Case("another protocol", b"SSH-2.0-made_up\r\n"),
    Case("a status of two digits", b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"),
    Case("a status of four digits", b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"),
    Case("status 000", b"HTTP/1.1 000 Nothing\r\n\r\nab"),
    Case("status 099", b"HTTP/1.1 099 Nothing\r\n\r\nab"),
    Case("status 600", b"HTTP/1.1 600 Much\r\nContent-Length: 0\r\n\r\n"),
    Case("a status that is no number", b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n"),
    Case("NUL in a field", OK + b"X-A: a\x00b\r\nContent-Length: 0\r\n\r\n"),
    Case("a control character in a field", OK + b"X-A: a\x01b\r\nContent-Length: 0\r\n\r\n"),
    Case("a folded field", OK + b"X-A: a\r\n b\r\nContent-Length: 0\r\n\r\n"),
    Case("a bare LF in a field", OK + b"X-A: a\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n"),
    Case("a bare CR in a field", OK + b"X-A: a\rSet-Cookie: b\r\nContent-Length: 0\r\n\r\n"),
    Case("a bare LF after the status line", OK[:-2] + b"\nContent-Length: 0\r\n\r\n"),
    Case("a blank before a colon", OK + b"X-A : a\r\nContent-Length: 0\r\n\r\n"),
    Case("a field without colon", OK + b"X-A\r\nContent-Length: 0\r\n\r\n"),
    Case("101 that says nothing else", b"HTTP/1.1 101 Go\r\n\r\n"),
    Case(
        "101 that nobody asked for", b"HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    ),
    Case("a field that is too large", OK + b"X-A: " + b"a" * 9000 + b"\r\n\r\n", cause=TOO_LARGE),
    Case(
        "too many fields", OK + b"X-A: a\r\n" * 200 + b"Content-Length: 0\r\n\r\n", cause=TOO_LARGE
    ),
    Case("a head without end", OK + b"X-A: " + b"a" * 70_000, cause=TOO_LARGE),
)

BROKEN_OFF: Final = (
    Case("nothing, then the end", b"", cause=LOST, end=act.close),
    Case("nothing, then a reset", b"", cause=LOST, end=act.reset),
    Case("half a status line", b"HTTP/1.1 20", cause=LOST, end=act.close),
    Case("half a head", OK + b"Content-Length: 2\r\n", cause=LOST, end=act.close),
    Case(
        "an interim answer and no other",
        b"HTTP/1.1 103 Early Hints\r\n\r\n",
        cause=LOST,
        end=act.close,
    ),
    cut("the end inside a length", OK + b"Content-Length: 5\r\n\r\nab"),
    cut("a reset inside a length", OK + b"Content-Length: 5\r\n\r\nab", act.reset),
    cut("the end before a chunk", OK + CHUNKED + b"\r\n2\r\nab\r\n"),
    cut("the end inside a chunk", OK + CHUNKED + b"\r\n5\r\nab"),
    cut("the end before the last empty line", OK + CHUNKED + b"\r\n2\r\nab\r\n0\r\n"),
    cut("a reset before the end that counts", OK + b"\r\nab", act.reset),
    Case("a broken chunk size", OK + CHUNKED + b"\r\n2\r\nab\r\nxx\r\n", seen_late=True),
    Case(
        "a chunk longer than its size", OK + CHUNKED + b"\r\n2\r\nabc\r\n0\r\n\r\n", seen_late=True
    ),
)

WHOLE: Final = (
    good("a length", OK + b"Content-Length: 2\r\n\r\nab", b"ab"),
    good("an empty body", OK + b"Content-Length: 0\r\n\r\n"),
    good("chunks", OK + CHUNKED + b"\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n", b"ab"),
    good("chunks in capitals", OK + CHUNKED.upper() + b"\r\n2\r\nab\r\n0\r\n\r\n", b"ab"),
    good("chunks with extensions", OK + CHUNKED + b"\r\n2;a=b\r\nab\r\n0\r\n\r\n", b"ab"),
    good("trailers", OK + CHUNKED + b"\r\n2\r\nab\r\n0\r\nSet-Cookie: a=b\r\n\r\n", b"ab"),
    good("no reason phrase", b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nab", b"ab"),
    good(
        "an answer after 100",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nab",
        b"ab",
    ),
    good(
        "an answer after two interim ones",
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        + OK
        + b"Content-Length: 2\r\n\r\nab",
        b"ab",
    ),
    good("a body up to the end", OK + b"\r\nab", b"ab", end=act.close, kept=False),
    good(
        "a body up to the end in 1.0",
        b"HTTP/1.0 200 OK\r\n\r\nab",
        b"ab",
        end=act.close,
        kept=False,
    ),
    good("a length in 1.0", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab", b"ab", kept=False),
    good(
        "a length in 1.0 that keeps alive",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nab",
        b"ab",
    ),
    good(
        "Connection: close",
        OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nab",
        b"ab",
        kept=False,
    ),
    good("204", b"HTTP/1.1 204 No Content\r\n\r\n", status=204),
    good(
        "304 with a length", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", status=304
    ),
    good("304 with a coding", b"HTTP/1.1 304 Not Modified\r\n" + CHUNKED + b"\r\n", status=304),
    good("HEAD with a length", OK + b"Content-Length: 2\r\n\r\n", method="HEAD", kept=False),
)

TOO_MUCH: Final = (
    good(
        "another answer behind it", OK + b"Content-Length: 2\r\n\r\nab" + OTHER, b"ab", kept=False
    ),
    good(
        "another answer behind chunks",
        OK + CHUNKED + b"\r\n2\r\nab\r\n0\r\n\r\n" + OTHER,
        b"ab",
        kept=False,
    ),
    good(
        "half an answer behind it",
        OK + b"Content-Length: 2\r\n\r\nab" + OK + b"X-A: ",
        b"ab",
        kept=False,
    ),
    good("one byte behind it", OK + b"Content-Length: 2\r\n\r\nabH", b"ab", kept=False),
    good("junk behind it", OK + b"Content-Length: 2\r\n\r\nabjunk", b"ab", kept=False),
    good(
        "another answer behind one that closes",
        OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nab" + OTHER,
        b"ab",
        kept=False,
    ),
    good(
        "204 with a body",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nab",
        status=204,
        kept=False,
    ),
    good(
        "204 with another answer",
        b"HTTP/1.1 204 No Content\r\n\r\n" + OTHER,
        status=204,
        kept=False,
    ),
    good(
        "304 with a body",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nab",
        status=304,
        kept=False,
    ),
    good("HEAD with a body", OK + b"Content-Length: 2\r\n\r\nab", method="HEAD", kept=False),
    good(
        "HEAD with another answer",
        OK + b"Content-Length: 2\r\n\r\n" + OTHER,
        method="HEAD",
        kept=False,
    ),
)

CASES: Final = REFUSED + BROKEN_OFF + WHOLE + TOO_MUCH
