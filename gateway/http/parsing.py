"""The seam to the parser: llhttp, strict, through httptools; limits and faults are ours.

Room rule: nobody else in `http/` names httptools, so that the parser can be changed here. llhttp
refuses smuggling (RFC 9112 §6.3, §11.2): CL with TE, repeated or signed lengths, bare LF, obs-fold,
a blank before the colon, control characters. What it lets pass and must not is refused here:
versions other than 1.0 and 1.1, a transfer coding in 1.0, an upgrade with a body, 1.1 without a
Host, statuses outside 100 to 599, framing without end. What concerns single headers is refused in
`headers.py`.

A message is handed over when it is complete, or at the end of the bytes at hand if its head is:
most bodies are then whole and need no reader.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httptools

from gateway import errors
from gateway.errors import Cause, Fault
from gateway.http.bodies import ANSWER_BODY, REQUEST_BODY, BodyRules, WireBody
from gateway.http.whole_messages import WholeAnswer, WholeRequest
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


class RequestHead:
    """A request's head and its body, whole or on its way; `old` is HTTP/1.0."""

    __slots__ = ("body", "headers", "keep_alive", "method", "old", "target")

    def __init__(
        self, method: str, target: str, headers: RawHeaders, *, keep_alive: bool, old: bool
    ) -> None:
        self.method: Final = method
        self.target: Final = target
        self.headers: Final = headers
        self.keep_alive: Final = keep_alive
        self.old: Final = old
        self.body: WholeBody | WireBody = NO_BODY


UNREAD: Final = RequestHead("-", "", (), keep_alive=False, old=False)
"""Stands for a request whose head could not be read."""


class AnswerHead:
    """An answer's head and its body, whole (bytes) or on its way.

    `length` is what its headers announce, which for an answer to HEAD is all there is.
    """

    __slots__ = ("body", "headers", "keep_alive", "length", "status")

    def __init__(self, status: int, headers: RawHeaders, body: bytes, *, keep_alive: bool) -> None:
        self.status: Final = status
        self.headers: Final = headers
        self.keep_alive: Final = keep_alive
        self.body: bytes | WireBody = body
        self.length: int | None = None


class _MessageParser:
    """What parsing requests and answers has in common: fields, pieces of a body, sizes."""

    def __init__(self, connection: Connection, sweep: Sweep, rules: BodyRules) -> None:
        self._connection = connection
        self._sweep = sweep
        self._rules = rules
        self._headers: list[tuple[bytes, bytes]] | None = None  # while a head arrives
        self._pieces: list[bytes] = []
        self._size = 0  # bytes since the message began, or since the last piece of its body
        self._not_its_own = 0  # of those, what came before the head that is arriving
        self._payload = False  # part of a body was among the bytes at hand
        self._other = False  # and so was the end of another message
        self._fault: Fault | None = None
        self.body: WireBody | None = None
        """The body that is arriving."""

    @property
    def in_head(self) -> bool:
        """Part of a head has arrived."""
        return self._headers is not None

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._headers is not None:  # a trailer is dropped (RFC 9110 §6.5.1)
            self._headers.append((name, value.rstrip(b" \t")))

    def on_body(self, data: bytes) -> None:
        self._payload = True
        if self.body is not None:
            self.body.feed(data)
        else:
            self._pieces.append(data)

    def _complete_headers(self, too_large: Cause, *, may_have_been_sent: bool) -> RawHeaders:
        headers, self._headers = tuple(self._headers or ()), None
        if len(headers) > MAX_FIELDS or (self._size > MAX_FIELD and _too_long(headers)):
            self._give_up(Fault(too_large, may_have_been_sent=may_have_been_sent))
        return headers

    def _is_too_large(self, before: list[tuple[bytes, bytes]] | None) -> bool:
        """Whether a head, or the framing between two pieces of a body, is larger than it may be.

        `before` is `_headers` as it was before the bytes at hand. A head that begins behind another
        message counts with its complete fields only: where it begins is not known.
        """
        if self._headers is None:
            if self._payload or self.body is None:
                self._payload = False
                self._size = 0
            return self._size > MAX_HEAD
        if self._headers is not before:
            self._not_its_own = self._size - _total(self._headers) if self._other else 0
        return self._size - self._not_its_own > MAX_HEAD

    def _open_body(self, length: int | None) -> WireBody:
        """The message is handed over before its body is complete."""
        body = WireBody(self._connection, length, self._sweep, self._rules)
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

    def __init__(
        self, connection: Connection, sweep: Sweep, rules: BodyRules = REQUEST_BODY
    ) -> None:
        super().__init__(connection, sweep, rules)
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._head: RequestHead | None = None
        self._whole = WholeRequest()
        self.ready: list[RequestHead] = []

    def feed(self, data: bytes) -> None:
        """Take bytes; raises `Fault` when the connection cannot be read any further."""
        whole = self._whole
        if self.body is None and not self._size and whole.read(data):
            self.ready.append(
                RequestHead(
                    "GET", whole.target, whole.headers, keep_alive=whole.keep_alive, old=False
                )
            )
            return
        self._size += len(data)
        self._other = False
        before = self._headers
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
            head.body = self._open_body(announced_length(head.headers))
            self.ready.append(head)
        if self._is_too_large(before):
            in_head = self._headers is not None
            raise Fault(errors.HEADERS_TOO_LARGE if in_head else errors.MALFORMED_REQUEST)

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
        if not _has_host(headers) if version == "1.1" else _is_faulty(version, headers):
            self._give_up(Fault(errors.MALFORMED_REQUEST))
        if parser.should_upgrade():
            if _is_coded(headers) or announced_length(headers):
                self._give_up(Fault(errors.HEADER_REFUSED, detail=_UPGRADE))
            keep_alive = False
        self._head = RequestHead(
            parser.get_method().decode("ascii"),
            self._target.decode("latin-1"),
            headers,
            keep_alive=keep_alive,
            old=version == "1.0",
        )

    def on_message_complete(self) -> None:
        self._other = True
        if self.body is not None:
            self.body.finish()
            self.body = None
        elif self._head is not None:
            head, self._head = self._head, None
            if self._pieces:
                head.body = WholeBody(b"".join(self._take_pieces()))
            self.ready.append(head)


class AnswerParser(_MessageParser):
    """Parses one department's answers. `answer` is the one that is ready and not yet fetched."""

    def __init__(
        self, connection: Connection, sweep: Sweep, rules: BodyRules = ANSWER_BODY
    ) -> None:
        super().__init__(connection, sweep, rules)
        self._parser = httptools.HttpResponseParser(self)
        self._head: AnswerHead | None = None
        self._until_end = False
        self._due = False
        self._bodiless = False
        self._whole = WholeAnswer()
        self.answer: AnswerHead | None = None

    def expect(self, method: str) -> None:
        """A request with this method goes out; whatever arrives without one is a fault."""
        self._due = True
        self._bodiless = method == "HEAD"

    def feed(self, data: bytes) -> None:
        """Take bytes; raises `Fault` when the connection cannot be read any further."""
        whole = self._whole
        if self._due and not self._size and not self._bodiless and whole.read(data):
            self._due = False
            self.answer = AnswerHead(
                whole.status, whole.headers, whole.body, keep_alive=whole.keep_alive
            )
            return
        self._size += len(data)
        self._other = False
        before = self._headers
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            raise self._fault or Fault(errors.ANSWER_MALFORMED, may_have_been_sent=True) from None
        if self._head is not None:
            head, self._head = self._head, None
            length = announced_length(head.headers)
            self._until_end = length is None and not _is_coded(head.headers)
            head.body = self._open_body(length)
            head.length = length
            self.answer = head
        if self._is_too_large(before):
            in_head = self._headers is not None
            cause = errors.ANSWER_HEADERS_TOO_LARGE if in_head else errors.ANSWER_MALFORMED
            raise Fault(cause, may_have_been_sent=True)

    def end(self, *, clean: bool) -> None:
        """The department sends no more: a body that only a clean end tells is complete."""
        body, self.body = self.body, None
        if body is None:
            return
        if self._until_end and clean:
            body.finish()
        else:
            body.break_off()

    # --- called by the parser, in this order ------------------------------------------------

    def on_message_begin(self) -> None:
        if not self._due:  # an answer to nothing: it must not reach the next request
            self._give_up(Fault(errors.ANSWER_MALFORMED, may_have_been_sent=True))
        self._headers = []

    def on_headers_complete(self) -> None:
        headers = self._complete_headers(errors.ANSWER_HEADERS_TOO_LARGE, may_have_been_sent=True)
        status = self._parser.get_status_code()
        version = self._parser.get_http_version()
        if not 100 <= status < 600 or (version != "1.1" and _is_faulty(version, headers)):
            self._give_up(Fault(errors.ANSWER_MALFORMED, may_have_been_sent=True))
        if status < 200:
            return  # an interim answer; a final one follows (RFC 9110 §15.2), but never after 101
        self._due = False
        keep_alive = self._parser.should_keep_alive()
        if self._bodiless:
            # The parser cannot be told that no body follows. This connection ends here, so that
            # bytes of a body sent in error are never taken for the next answer.
            self.answer = AnswerHead(status, headers, b"", keep_alive=False)
            self.answer.length = announced_length(headers)
        else:
            self._head = AnswerHead(status, headers, b"", keep_alive=keep_alive)

    def on_message_complete(self) -> None:
        self._other = True
        if self.body is not None:
            self.body.finish()
            self.body = None
        elif self._head is not None:
            head, self._head = self._head, None
            pieces = self._take_pieces()
            head.body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            self.answer = head


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


def _is_faulty(version: str, headers: RawHeaders) -> bool:
    """Whether a version other than 1.1 is refused.

    RFC 9112 §6.1: a message in 1.0 with a transfer coding has faulty framing.
    """
    return version != "1.0" or _is_coded(headers)


def _is_coded(headers: RawHeaders) -> bool:
    return any(name.lower() == b"transfer-encoding" for name, _ in headers)


def _has_host(headers: RawHeaders) -> bool:
    for name, _ in headers:  # noqa: SIM110  # it is nearly always the first: no generator for it
        if name in _HOST or name.lower() == b"host":
            return True
    return False


_HOST: Final = (b"Host", b"host")


def _total(headers: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)


def _too_long(headers: RawHeaders) -> bool:
    sizes = [len(name) + len(value) for name, value in headers]
    return max(sizes, default=0) > MAX_FIELD or sum(sizes) > MAX_HEAD
