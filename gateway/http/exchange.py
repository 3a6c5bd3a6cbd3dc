"""One request on a caller's connection and the answer to it.

Room rule: as `gateway.http`. An exchange frames the answer and nothing more: what the headers say
is decided by whoever calls it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.http.answers import CHUNK_END, CONTINUE, chunk, is_bodiless, status_line

if TYPE_CHECKING:
    from gateway.http.parsing import RequestHead
    from gateway.http.server import CallerConnection

__all__ = ["Exchange"]


class Exchange:
    """What a handler gets: the request's head and body, and the way back.

    `target` is as sent, percent-encoding untouched (RFC 9112 §3.2); `peer` is the address at the
    other end of the connection without its port; `arrived` is the clock when the head was complete.

    The answer is either `send` (whole) or `begin`, `write`…, `end`. `fields` are complete header
    lines without those of framing and connection, which are added here. An exchange whose handler
    returns without a complete answer closes the connection, so that a caller never takes a part
    for the whole.
    """

    __slots__ = ("_bodiless", "_chunked", "_connection", "_old", "_until_end",
                 "_waits_for_continue", "answered", "arrived", "begun", "body", "bytes_out",
                 "headers", "keep_alive", "method", "peer", "target")  # fmt: skip

    def __init__(self, connection: CallerConnection, head: RequestHead, arrived: float) -> None:
        self._connection = connection
        self.method = head.method
        self.target = head.target
        self.headers = head.headers
        self.body = head.body
        self.keep_alive = head.keep_alive
        self._old = head.old
        self.peer = connection.peer
        self.arrived = arrived
        self.begun = False
        self.answered = False
        self.bytes_out = 0
        self._chunked = False
        self._bodiless = False
        self._until_end = False
        self._waits_for_continue = False

    def allow_continue(self) -> None:
        """Send `100 Continue` when the body is first waited for (RFC 9110 §10.1.1)."""
        if not self._old and not self.body.complete:
            self._waits_for_continue = True
            self.body.awaited = self._send_continue

    def send(self, status: int, fields: bytes, body: bytes) -> None:
        """Send the whole answer at once."""
        if not self.body.complete:
            self.keep_alive = False
        self.begun = self.answered = True
        if is_bodiless(self.method, status):
            if body and status != 204:
                fields += b"Content-Length: %d\r\n" % len(body)
            data = b"%b%b%b\r\n" % (status_line(status), fields, self._connection_field())
        else:
            data = b"%b%bContent-Length: %d\r\n%b\r\n%b" % (
                status_line(status),
                fields,
                len(body),
                self._connection_field(),
                body,
            )
        self._put(data)

    def begin(self, status: int, fields: bytes, length: int | None) -> None:
        """Send the head; `length` bytes will follow, or an unknown number (None)."""
        self.begun = True
        head = status_line(status) + fields
        self._bodiless = is_bodiless(self.method, status)
        if length is not None:
            if status != 204:
                head += b"Content-Length: %d\r\n" % length
        elif not self._bodiless:
            if self._old:
                self._until_end = True
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
        if self._until_end:
            self._connection.reset()  # an ordinary end would make the part a whole
        else:
            self._connection.abort()

    def _put(self, data: bytes) -> None:
        self.bytes_out += len(data)
        self._connection.put(data)

    def _connection_field(self) -> bytes:
        if self._connection.closing or self._waits_for_continue:
            # A caller that still waits for 100 Continue may or may not send its body: what follows
            # on this connection cannot be told.
            self.keep_alive = False
        if not self.keep_alive:
            return b"Connection: close\r\n"
        return b"Connection: keep-alive\r\n" if self._old else b""

    def _send_continue(self) -> None:
        self._waits_for_continue = False
        if not self.begun:
            self._connection.put(CONTINUE)
