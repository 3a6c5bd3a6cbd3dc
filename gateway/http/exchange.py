"""One request on a caller's connection and the answer to it.

Room rule: as `gateway.http`. An exchange frames the answer and nothing more: what the headers say
is decided by whoever calls it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.http.answers import CHUNK_END, CONTINUE, chunk, is_bodiless, status_line
from gateway.http.bodies import REQUEST_BODY, WireBody
from gateway.http.parsing import HttpVersion10

if TYPE_CHECKING:
    from gateway.http.parsing import RawRequestMessage, StreamReader
    from gateway.http.server import CallerConnection
    from gateway.message import RawHeaders

__all__ = ["Exchange"]


class Exchange:
    """What a handler gets: the request's head and body, and the way back.

    The answer is either `send` (whole) or `begin`, `write`…, `end`. `fields` are complete header
    lines without those of framing and connection, which are added here. `arrived` is the loop's
    clock when the head was complete. An exchange whose handler returns without a complete answer
    closes the connection, so that a caller never takes a part for the whole.
    """

    __slots__ = ("_bodiless", "_chunked", "_connection", "_message", "_old", "answered", "arrived",
                 "begun", "body", "bytes_out", "keep_alive")  # fmt: skip

    def __init__(
        self,
        connection: CallerConnection,
        message: RawRequestMessage,
        payload: StreamReader,
        arrived: float,
    ) -> None:
        self._connection = connection
        self._message = message
        self.arrived = arrived
        self.body = WireBody(payload, _length(message), connection.sweep, REQUEST_BODY)
        self._old = message.version == HttpVersion10
        self.keep_alive = not message.should_close
        self.begun = False
        self.answered = False
        self.bytes_out = 0
        self._chunked = False
        self._bodiless = False

    @property
    def method(self) -> str:
        return self._message.method

    @property
    def target(self) -> str:
        """The request target as sent, percent-encoding untouched (RFC 9112 §3.2)."""
        return self._message.path

    @property
    def headers(self) -> RawHeaders:
        return self._message.raw_headers

    @property
    def peer(self) -> str:
        """The address at the other end of the connection, without its port."""
        return self._connection.peer

    def allow_continue(self) -> None:
        """Send `100 Continue` when the body is first waited for (RFC 9110 §10.1.1)."""
        if not self._old:
            self.body.awaited = self._send_continue

    def send(self, status: int, fields: bytes, body: bytes) -> None:
        """Send the whole answer at once."""
        self.begun = True
        if not self.body.complete:
            self.keep_alive = False
        head = status_line(status) + fields
        if is_bodiless(self._message.method, status):
            if status != 204 and body:
                head += b"Content-Length: %d\r\n" % len(body)
            body = b""
        else:
            head += b"Content-Length: %d\r\n" % len(body)
        self._put(head + self._connection_field() + b"\r\n" + body)
        self.answered = True

    def begin(self, status: int, fields: bytes, length: int | None) -> None:
        """Send the head; `length` bytes will follow, or an unknown number (None)."""
        self.begun = True
        head = status_line(status) + fields
        self._bodiless = is_bodiless(self._message.method, status)
        if length is not None:
            if status != 204:
                head += b"Content-Length: %d\r\n" % length
        elif not self._bodiless:
            if self._old:
                self.keep_alive = False
            else:
                self._chunked = True
                head += b"Transfer-Encoding: chunked\r\n"
        self._put(head + self._connection_field() + b"\r\n")

    async def write(self, data: bytes) -> None:
        """Send the next piece; waits while the caller is slower than the department."""
        if not data or self._bodiless:
            return
        self._put(chunk(data) if self._chunked else data)
        if self._connection.writing_paused:
            await self._connection.drained()

    def end(self) -> None:
        """The answer is complete."""
        if self._chunked:
            self._put(CHUNK_END)
        self.answered = True

    def abort(self) -> None:
        """Break the connection: the caller must not take what it has for the whole answer."""
        self._connection.abort()

    def _put(self, data: bytes) -> None:
        self.bytes_out += len(data)
        self._connection.put(data)

    def _connection_field(self) -> bytes:
        if self._connection.closing or (self.body.awaited is not None and not self.body.complete):
            # A caller that waits for 100 Continue may or may not send its body: the framing of
            # what follows is unknown, so the connection cannot be used again.
            self.keep_alive = False
        if not self.keep_alive:
            return b"Connection: close\r\n"
        return b"Connection: keep-alive\r\n" if self._old else b""

    def _send_continue(self) -> None:
        if not self.begun:
            self._connection.put(CONTINUE)


def _length(message: RawRequestMessage) -> int | None:
    if message.chunked:
        return None
    for name, value in message.raw_headers:
        if len(name) == 14 and name.lower() == b"content-length":
            return int(value)
    return 0
