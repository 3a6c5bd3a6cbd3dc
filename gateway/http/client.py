"""The client side of HTTP/1.1: one connection to a department's endpoint.

Room rule: as `gateway.http`. A connection carries one request at a time; it is reused only when
both messages are complete and the department did not ask to close (RFC 9112 §9.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway import errors
from gateway.errors import Cause, Fault
from gateway.http.bodies import ANSWER_BODY, WireBody
from gateway.http.parsing import (
    BaseProtocol,
    HttpProcessingError,
    RawResponseMessage,
    StreamReader,
    response_fault,
    response_parser,
)

if TYPE_CHECKING:
    import asyncio

    from gateway.message import Body, RawHeaders
    from gateway.sweep import Sweep

__all__ = ["AnswerHead", "DepartmentConnection"]


class AnswerHead(NamedTuple):
    """The head of a department's answer and its body, whole or on its way."""

    status: int
    headers: RawHeaders
    body: WireBody


class DepartmentConnection(BaseProtocol):
    """One connection to an endpoint.

    `deadline` is the end of what it waits for now: the first byte of an answer while a request is
    out, the end of its idle time while it rests in the pool.
    """

    __slots__ = ("_answer", "_bodiless", "_close_after", "_head_waiter", "_payload", "_pump",
                 "_responses", "_writable", "deadline", "sweep", "ticket")  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, sweep: Sweep) -> None:
        super().__init__(loop)
        self.sweep = sweep
        self._bodiless = False
        # The base class pauses the parser under this private name; see `CallerConnection`.
        self._parser = self._responses = response_parser(self, loop, bodiless=False)
        self._head_waiter: asyncio.Future[AnswerHead] | None = None
        self._payload: StreamReader | None = None
        self._answer: AnswerHead | None = None
        self._pump: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._close_after = False
        self.deadline = 0.0
        self.ticket = 0

    # --- one request ------------------------------------------------------------------------

    async def ask(self, head: bytes, body: Body, method: str, first_byte: float) -> AnswerHead:
        """Send a request and return the head of the answer.

        `head` is the whole head but for the body's framing and the empty line, which are added.
        `first_byte` is how long the answer may take to begin once the request is out, in seconds.
        Raises `Fault`; `may_have_been_sent` is true once a byte was written.
        """
        if self.transport is None:
            raise Fault(errors.CONNECTION_LOST)
        self._expect_answer(bodiless=method == "HEAD")
        waiter: asyncio.Future[AnswerHead] = self._loop.create_future()
        self._head_waiter = waiter
        data = body.read_available()
        if data is not None:
            self._write_whole(head, data, method)
            self._watch(first_byte)
        else:
            self._write_streamed(head, body, first_byte)
        try:
            return await waiter
        finally:
            self._head_waiter = None
            self.sweep.forget(self)

    def release(self) -> bool:
        """The answer has been read; True when the connection can carry another request."""
        pump, self._pump = self._pump, None
        if pump is not None and not pump.done():
            pump.cancel()  # the department answered without wanting the rest of the body
            self._close_after = True
        answer, self._answer = self._answer, None
        reusable = (
            answer is not None
            and answer.body.complete
            and not self._close_after
            and self.transport is not None
        )
        if not reusable:
            self.close()
        return reusable

    def close(self) -> None:
        """Close now; whatever was on its way is given up."""
        if self._pump is not None:
            self._pump.cancel()
            self._pump = None
        if self.transport is not None:
            self.transport.abort()

    # --- sending ----------------------------------------------------------------------------

    def _write_whole(self, head: bytes, data: bytes, method: str) -> None:
        if data or method in ("POST", "PUT", "PATCH"):
            head += b"Content-Length: %d\r\n\r\n" % len(data)
            self._write(head + data if len(data) < 65536 else head)
            if len(data) >= 65536:
                self._write(data)
        else:
            self._write(head + b"\r\n")

    def _write_streamed(self, head: bytes, body: Body, first_byte: float) -> None:
        length = body.length
        framing = (
            b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length
        )
        self._write(head + framing + b"\r\n\r\n")
        self._pump = self._loop.create_task(self._send_body(body, first_byte))

    async def _send_body(self, body: Body, first_byte: float) -> None:
        chunked = body.length is None
        try:
            while data := await body.read():
                self._write(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
                if self._paused:
                    await self._drained()
            if chunked:
                self._write(b"0\r\n\r\n")
        except Fault as fault:
            fault.may_have_been_sent = True
            self._fail(fault)
            return
        self._watch(first_byte)

    def _write(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)

    async def _drained(self) -> None:
        if self.transport is not None:
            self._writable = self._loop.create_future()
            await self._writable

    def _watch(self, first_byte: float) -> None:
        if self._head_waiter is not None:
            self.deadline = self.sweep.time() + first_byte
            self.sweep.watch(self)

    # --- receiving --------------------------------------------------------------------------

    def _expect_answer(self, *, bodiless: bool) -> None:
        if bodiless is not self._bodiless:
            self._bodiless = bodiless
            self._parser = self._responses = response_parser(self, self._loop, bodiless=bodiless)

    def data_received(self, data: bytes) -> None:
        try:
            messages, _, _ = self._responses.feed_data(data)
        except HttpProcessingError as error:
            self._fail(response_fault(error))
            return
        for message, payload in messages:
            self._head_received(message, payload)

    def _head_received(self, message: RawResponseMessage, payload: StreamReader) -> None:
        if 100 <= message.code < 200:
            if message.code == 101:
                # Nobody asked for an upgrade: what follows is not HTTP.
                self._fail(Fault(errors.ANSWER_MALFORMED, may_have_been_sent=True))
            return
        waiter = self._head_waiter
        if waiter is None or waiter.done() or self._answer is not None:
            self.close()  # an answer to nothing: never hand it to the next request
            return
        self._close_after = message.should_close
        self._payload = payload
        length = None if message.chunked else _length(message.raw_headers)
        answer = AnswerHead(
            message.code,
            message.raw_headers,
            WireBody(payload, length, self.sweep, ANSWER_BODY),
        )
        self._answer = answer
        waiter.set_result(answer)

    def _fail(self, fault: Fault) -> None:
        """Whoever waits for this connection gets `fault`; the connection is closed."""
        self._close_after = True
        waiter = self._head_waiter
        if waiter is not None and not waiter.done():
            waiter.set_exception(fault)
        elif self._answer is not None:
            self._answer.body.fail(fault)
        if self.transport is not None:
            self.transport.abort()

    # --- events of the transport and the sweep ----------------------------------------------

    def eof_received(self) -> bool:
        """The department sends no more: the end of a body that only the end tells."""
        self._close_after = True
        try:
            self._responses.feed_eof()
        except HttpProcessingError:
            self._fail(Fault(errors.ANSWER_INCOMPLETE, may_have_been_sent=True))
        return False

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._close_after = True
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        cause: Cause = errors.CONNECTION_LOST if self._answer is None else errors.ANSWER_INCOMPLETE
        self._fail(Fault(cause, may_have_been_sent=True))

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    def expire(self) -> None:
        """No answer in time, or idle for long enough."""
        if self._head_waiter is not None:
            self._fail(Fault(errors.ANSWER_TIMEOUT, may_have_been_sent=True))
        else:
            self.close()


def _length(headers: RawHeaders) -> int | None:
    for name, value in headers:
        if len(name) == 14 and name.lower() == b"content-length":
            return int(value) if value.isdigit() else None
    return None
