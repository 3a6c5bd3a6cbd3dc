"""The seam to the parser: llhttp, strict, through httptools; limits and faults are ours.

Room rule: nobody else in `http/` names httptools, so that the parser can be changed here. llhttp
refuses smuggling (RFC 9112 §6.3, §11.2): CL with TE, repeated or signed lengths, bare LF, obs-fold,
a blank before the colon, control characters. What it lets pass and must not is refused here:
versions other than 1.0 and 1.1, a transfer coding in 1.0, an upgrade with a body. What concerns
single headers is refused in `headers.py`.

A message is handed over when it is complete, or at the end of the bytes at hand if its head is:
most bodies are then whole and need no reader.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import httptools

from gateway import errors
from gateway.errors import Cause, Fault
from gateway.http.bodies import ANSWER_BODY, REQUEST_BODY, BodyCauses, WireBody
from gateway.message import WholeBody

if TYPE_CHECKING:
    from gateway.http.connection import Connection
    from gateway.message import RawHeaders
    from gateway.sweep import Sweep

__all__ = ["MAX_HEAD", "UNREAD", "AnswerHead", "AnswerParser", "RequestHead", "RequestParser"]

MAX_LINE: Final = 8190
MAX_FIELD: Final = 8190
MAX_FIELDS: Final = 128
MAX_HEAD: Final = 64 << 10
"""Bytes of a whole head, request line included."""

NO_BODY: Final = WholeBody(b"")


class RequestHead(NamedTuple):
    """A request's head and its body, whole or on its way; `old` is HTTP/1.0."""

    method: str
    target: str
    headers: RawHeaders
    body: WholeBody | WireBody
    keep_alive: bool
    old: bool


UNREAD: Final = RequestHead("-", "", (), NO_BODY, keep_alive=False, old=False)
"""Stands for a request whose head could not be read."""


class AnswerHead(NamedTuple):
    """An answer's head and its body, whole (bytes) or on its way.

    `length` is what its headers announce, which for an answer to HEAD is all there is.
    """

    status: int
    headers: RawHeaders
    body: bytes | WireBody
    length: int | None
    keep_alive: bool


class _MessageParser:
    """What parsing requests and answers has in common: fields, pieces of a body, sizes."""

    def __init__(self, connection: Connection, sweep: Sweep, causes: BodyCauses) -> None:
        self._connection = connection
        self._sweep = sweep
        self._causes = causes
        self._headers: list[tuple[bytes, bytes]] | None = None  # while a head arrives
        self._pieces: list[bytes] = []
        self._size = 0
        self._fault: Fault | None = None
        self.body: WireBody | None = None
        """The body that is arriving."""

    def on_message_begin(self) -> None:
        self._headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._headers is not None:  # a trailer is dropped (RFC 9110 §6.5.1)
            self._headers.append((name, value))

    def on_body(self, data: bytes) -> None:
        if self.body is not None:
            self.body.feed(data)
        else:
            self._pieces.append(data)

    def _complete_headers(self, too_large: Cause, *, may_have_been_sent: bool) -> RawHeaders:
        headers, self._headers = tuple(self._headers or ()), None
        if len(headers) > MAX_FIELDS or (self._size > MAX_FIELD and _too_long(headers)):
            self._give_up(Fault(too_large, may_have_been_sent=may_have_been_sent))
        return headers

    def _open_body(self, length: int | None) -> WireBody:
        """The message is handed over before its body is complete."""
        body = WireBody(self._connection, length, self._sweep, self._causes)
        for piece in self._take_pieces():
            body.feed(piece)
        self.body = body
        return body

    def _take_pieces(self) -> list[bytes]:
        pieces, self._pieces = self._pieces, []
        return pieces

    def _give_up(self, fault: Fault) -> None:
        self._fault = fault
        raise fault


class RequestParser(_MessageParser):
    """Parses one caller's requests. `ready` collects them; the connection empties it."""

    def __init__(self, connection: Connection, sweep: Sweep) -> None:
        super().__init__(connection, sweep, REQUEST_BODY)
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._head: RequestHead | None = None
        self.ready: list[RequestHead] = []

    @property
    def in_head(self) -> bool:
        """Part of a head has arrived."""
        return self._headers is not None

    def feed(self, data: bytes) -> None:
        """Take bytes; raises `Fault` when the connection cannot be read any further."""
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Nobody upgrades here: the request is answered as if it had not asked, and what
            # follows it cannot be told apart from another protocol.
            return
        except httptools.HttpParserError:
            raise self._fault or Fault(errors.MALFORMED_REQUEST) from None
        if self._head is not None:
            head, self._head = self._head, None
            self.ready.append(head._replace(body=self._open_body(announced_length(head.headers))))
        if self._headers is None:
            self._size = 0
        elif self._size > MAX_HEAD:
            raise Fault(errors.HEADERS_TOO_LARGE)

    # --- called by the parser, in this order ------------------------------------------------

    def on_message_begin(self) -> None:
        self._headers = []
        self._target = b""

    def on_url(self, url: bytes) -> None:
        self._target += url
        if len(self._target) > MAX_LINE:
            self._give_up(Fault(errors.TARGET_TOO_LONG))

    def on_headers_complete(self) -> None:
        parser = self._parser
        headers = self._complete_headers(errors.HEADERS_TOO_LARGE, may_have_been_sent=False)
        version = parser.get_http_version()
        keep_alive = parser.should_keep_alive()
        if version != "1.1" and (version != "1.0" or _is_coded(headers)):
            # RFC 9112 §6.1: a message in 1.0 with a transfer coding has faulty framing.
            self._give_up(Fault(errors.MALFORMED_REQUEST))
        if parser.should_upgrade():
            if _is_coded(headers) or announced_length(headers):
                self._give_up(Fault(errors.HEADER_REFUSED, detail=_UPGRADE))
            keep_alive = False
        self._head = RequestHead(
            parser.get_method().decode("ascii"),
            self._target.decode("latin-1"),
            headers,
            NO_BODY,
            keep_alive,
            version == "1.0",
        )

    def on_message_complete(self) -> None:
        if self.body is not None:
            self.body.finish()
            self.body = None
        elif self._head is not None:
            head, self._head = self._head, None
            if self._pieces:
                head = head._replace(body=WholeBody(b"".join(self._take_pieces())))
            self.ready.append(head)


class AnswerParser(_MessageParser):
    """Parses one department's answers. `answer` is the one that is ready and not yet fetched."""

    def __init__(self, connection: Connection, sweep: Sweep) -> None:
        super().__init__(connection, sweep, ANSWER_BODY)
        self._parser = httptools.HttpResponseParser(self)
        self._head: AnswerHead | None = None
        self._until_end = False
        self.bodiless = False
        """The answer that is due is one to HEAD."""
        self.answer: AnswerHead | None = None

    def feed(self, data: bytes) -> None:
        """Take bytes; raises `Fault` when the connection cannot be read any further."""
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            raise self._fault or Fault(errors.ANSWER_MALFORMED, may_have_been_sent=True) from None
        if self._head is not None:
            head, self._head = self._head, None
            length = announced_length(head.headers)
            self._until_end = length is None and not _is_coded(head.headers)
            self.answer = head._replace(body=self._open_body(length), length=length)
        if self._headers is None:
            self._size = 0
        elif self._size > MAX_HEAD:
            raise Fault(errors.ANSWER_HEADERS_TOO_LARGE, may_have_been_sent=True)

    def end(self) -> None:
        """The department sends no more: a body that only the end tells is complete."""
        body, self.body = self.body, None
        if body is None:
            return
        if self._until_end:
            body.finish()
        else:
            body.break_off()

    # --- called by the parser, in this order ------------------------------------------------

    def on_headers_complete(self) -> None:
        headers = self._complete_headers(errors.ANSWER_HEADERS_TOO_LARGE, may_have_been_sent=True)
        status = self._parser.get_status_code()
        if status < 200 and status != 101:
            return  # an interim answer; the final one follows (RFC 9110 §15.2)
        if self.answer is not None:  # an answer to nothing: it must not reach the next request
            self._give_up(Fault(errors.ANSWER_MALFORMED, may_have_been_sent=True))
        keep_alive = self._parser.should_keep_alive()
        if self.bodiless:
            # The parser cannot be told that no body follows. This connection ends here, so that
            # bytes of a body sent in error are never taken for the next answer.
            self.answer = AnswerHead(
                status, headers, b"", announced_length(headers), keep_alive=False
            )
        else:
            self._head = AnswerHead(status, headers, b"", None, keep_alive)

    def on_message_complete(self) -> None:
        if self.body is not None:
            self.body.finish()
            self.body = None
        elif self._head is not None:
            head, self._head = self._head, None
            pieces = self._take_pieces()
            self.answer = head._replace(body=pieces[0] if len(pieces) == 1 else b"".join(pieces))


def announced_length(headers: RawHeaders) -> int | None:
    """Return the `Content-Length`, None when there is none; the parser has checked its form."""
    for name, value in headers:
        if len(name) == 14 and name.lower() == b"content-length":
            return int(value)
    return None


_UPGRADE: Final = errors.Text(
    "A request that asks for an upgrade must not have a body.",
    "要求协议升级的请求不得带有请求体。",
)


def _is_coded(headers: RawHeaders) -> bool:
    return any(name.lower() == b"transfer-encoding" for name, _ in headers)


def _too_long(headers: RawHeaders) -> bool:
    sizes = [len(name) + len(value) for name, value in headers]
    return max(sizes, default=0) > MAX_FIELD or sum(sizes) > MAX_HEAD
