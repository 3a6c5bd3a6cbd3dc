"""The client side of HTTP/1.1: one connection to a department's endpoint.

Room rule: as `gateway.http`. A connection carries one request at a time; it is reused only when
both messages are complete and the department did not ask to close (RFC 9112 §9.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.errors import Cause, Fault
from gateway.http.answers import CHUNK_END, chunk
from gateway.http.bodies import ANSWER_BODY, BodyRules, WireBody
from gateway.http.connection import Connection
from gateway.http.parsing import AnswerHead, AnswerParser

if TYPE_CHECKING:
    import asyncio

    from gateway.message import Body
    from gateway.sweep import Sweep

__all__ = ["DepartmentConnection"]

_JOINED: Final = 64 << 10
"""A body up to this many bytes is written together with its head."""

_LENGTH_EXPECTED: Final = frozenset(("POST", "PUT", "PATCH"))
"""Methods for which an empty body is announced as such (RFC 9110 §8.6)."""


class _FirstByte:
    """The time limit on the beginning of an answer."""

    __slots__ = ("_connection", "deadline", "ticket")

    def __init__(self, connection: DepartmentConnection, deadline: float) -> None:
        self._connection = connection
        self.deadline = deadline
        self.ticket = 0

    def expire(self) -> None:
        self._connection.fail(Fault(errors.ANSWER_TIMEOUT, may_have_been_sent=True))


class DepartmentConnection(Connection):
    """One connection to an endpoint. `deadline` is the end of its time at rest in the pool."""

    __slots__ = ("_answer", "_first_byte", "_parser", "_pump", "_sweep", "_waiter", "busy",
                 "deadline", "ticket")  # fmt: skip

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sweep: Sweep, rules: BodyRules = ANSWER_BODY
    ) -> None:
        super().__init__(loop)
        self._sweep = sweep
        self._parser = AnswerParser(self, sweep, rules)
        self._waiter: asyncio.Future[AnswerHead] | None = None
        self._answer: AnswerHead | None = None
        self._pump: asyncio.Task[None] | None = None
        self._first_byte: _FirstByte | None = None
        self.busy = False
        self.deadline = 0.0
        self.ticket = 0

    # --- one request --------------------------------------------------------------------------

    def send(
        self, head: bytes, body: Body, method: str, first_byte: float | None
    ) -> asyncio.Future[AnswerHead]:
        """Send a request; the future that is returned has the head of the answer.

        `head` is the whole head but for the body's framing and the empty line, which are added.
        `first_byte` is how long the answer may take to begin once the request is out, in seconds;
        None when a shorter limit holds anyway. The future raises `Fault`, whose
        `may_have_been_sent` is true once a byte was written. `release` has to follow.
        """
        waiter: asyncio.Future[AnswerHead] = self._loop.create_future()
        if self.transport is None:
            waiter.set_exception(Fault(errors.CONNECTION_LOST))
            return waiter
        self.busy = True
        self._parser.expect(method)
        self._waiter = waiter
        data = body.read_available()
        if data is None:
            self._write_head(head, body.length)
            self._pump = self._loop.create_task(self._send_body(body, first_byte))
        else:
            self._write_whole(head, data, method)
            if first_byte is not None:
                self._watch(first_byte)
        return waiter

    def release(self) -> bool:
        """The answer has been read or given up; True when another request can be carried."""
        self._unwatch()
        answer, self._answer = self._answer, None
        pump, self._pump = self._pump, None
        sent = pump is None or pump.done()
        if (
            answer is None
            or not answer.keep_alive
            or not sent
            or self._parser.body is not None
            or self._holds
            or self.transport is None
        ):
            if pump is not None:
                pump.cancel()  # the department has answered without wanting the rest
            self.abort()
            return False
        self.busy = False
        return True

    # --- sending ------------------------------------------------------------------------------

    def _write_whole(self, head: bytes, data: bytes, method: str) -> None:
        if not data and method not in _LENGTH_EXPECTED:
            self.put(head + b"\r\n")
        elif len(data) <= _JOINED:
            self.put(b"%bContent-Length: %d\r\n\r\n%b" % (head, len(data), data))
        else:
            self._write_head(head, len(data))
            self.put(data)

    def _write_head(self, head: bytes, length: int | None) -> None:
        if length is None:
            self.put(head + b"Transfer-Encoding: chunked\r\n\r\n")
        else:
            self.put(b"%bContent-Length: %d\r\n\r\n" % (head, length))

    async def _send_body(self, body: Body, first_byte: float | None) -> None:
        chunked = body.length is None
        try:
            while data := await body.read():
                self.put(chunk(data) if chunked else data)
                if self._writing_paused:
                    await self.drained()
        except Fault as fault:
            fault.may_have_been_sent = True
            self.fail(fault)
            return
        if chunked:
            self.put(CHUNK_END)
        if first_byte is not None and self._waiter is not None:
            self._watch(first_byte)

    def _watch(self, first_byte: float) -> None:
        self._first_byte = _FirstByte(self, self._sweep.time() + first_byte)
        self._sweep.watch(self._first_byte)

    def _unwatch(self) -> None:
        self._waiter = None
        if self._first_byte is not None:
            self._sweep.forget(self._first_byte)
            self._first_byte = None

    # --- receiving ----------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if not self.busy:
            self.abort()  # an answer to nothing: it must never reach the next request
            return
        parser = self._parser
        try:
            parser.feed(data)
        except Fault as fault:
            self._deliver()
            self.fail(fault)
            return
        self._deliver()

    def _deliver(self) -> None:
        answer, self._parser.answer = self._parser.answer, None
        waiter = self._waiter
        if answer is not None and waiter is not None and not waiter.done():
            self._answer = answer
            self._unwatch()
            waiter.set_result(answer)

    def fail(self, fault: Fault) -> None:
        """Whoever waits for this connection gets `fault`; the connection is closed."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_exception(fault)
        elif self._answer is not None and isinstance(self._answer.body, WireBody):
            self._answer.body.fail(fault)
        self.abort()

    # --- events of the transport and the sweep ------------------------------------------------

    def eof_received(self) -> bool:
        """The department sends no more: the end of a body that only the end tells."""
        self._parser.end(clean=True)
        return False

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._sweep.forget(self)
        self._parser.end(clean=False)
        cause: Cause = errors.CONNECTION_LOST if self._answer is None else errors.ANSWER_INCOMPLETE
        self.fail(Fault(cause, may_have_been_sent=True))

    def expire(self) -> None:
        """At rest for long enough; while a request is out, the rest has not begun."""
        if self.busy:
            self.deadline = self._sweep.time() + 1.0
            self._sweep.watch(self)
        else:
            self.abort()
