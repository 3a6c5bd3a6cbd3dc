"""The server side of HTTP/1.1: callers' connections and the listener that takes them.

Room rule: as `gateway.http`. A connection is in one phase at a time; what bounds each phase in
time is one row of `Phase`. Requests of one connection are handled one after the other, each in a
task of its own that the connection owns and cancels when the caller goes away.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.errors import Fault, StartError
from gateway.http.answers import Dates
from gateway.http.exchange import Exchange
from gateway.http.parsing import (
    EMPTY_PAYLOAD,
    MAX_HEAD,
    UNREAD,
    BaseProtocol,
    HttpProcessingError,
    HttpVersion10,
    RawRequestMessage,
    StreamReader,
    request_fault,
    request_parser,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gateway.sweep import Sweep

__all__ = ["CallerConnection", "EntryServer", "Phase"]

HEAD_TIME: Final = 10.0
IDLE_TIME: Final = 75.0
LINGER_TIME: Final = 2.0
BACKLOG: Final = 4096


HALF_CLOSE_TIME: Final = 0.05
"""A caller that half-closes does it with the last byte of its request; one that closes later than
this many seconds after its head has given up waiting. TCP tells the two apart in no other way."""


class Phase(IntEnum):
    """What a connection is doing."""

    IDLE = 0  # kept alive, nothing received: at most IDLE_TIME
    HEAD = 1  # a head is arriving: at most HEAD_TIME
    BUSY = 2  # a request is being handled: its own deadline bounds it
    LINGER = 3  # answered and half closed, late bytes of the caller are dropped: LINGER_TIME
    CLOSING = 4  # closed as soon as the caller has taken what is written: at most IDLE_TIME


class CallerConnection(BaseProtocol):
    """One caller's connection."""

    __slots__ = ("_current", "_drain_waiters", "_head", "_phase", "_queue", "_requests",
                 "_server", "_task", "closing", "deadline", "peer", "sweep", "ticket")  # fmt: skip

    def __init__(self, server: EntryServer) -> None:
        super().__init__(server.loop)
        # The base class pauses the parser that it finds under this private name, and holds the
        # transport for a subclass through `_pause_reading_for_buffer`; the tests of large uploads
        # and of endless pipelining fail when either changes.
        self._parser = self._requests = request_parser(self, server.loop)
        self._server = server
        self._queue: deque[tuple[RawRequestMessage, StreamReader]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._current: Exchange | None = None
        self._drain_waiters: list[asyncio.Future[None]] = []
        self._head = bytearray()
        self._phase = Phase.HEAD
        self.sweep = server.sweep
        self.deadline = 0.0
        self.ticket = 0
        self.closing = False
        self.peer = ""

    # --- events of the transport ------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        address = transport.get_extra_info("peername")
        self.peer = address[0] if isinstance(address, tuple) else ""
        self.deadline = self.sweep.time() + HEAD_TIME
        self.sweep.watch(self)
        if not self._server.admit(self):
            self.closing = True
            self._refuse(Fault(errors.CONNECTION_LIMIT))

    def data_received(self, data: bytes) -> None:
        if self._phase >= Phase.LINGER:
            return
        try:
            messages, _, _ = self._requests.feed_data(data)
        except HttpProcessingError as error:
            self._broken(error, data)
            return
        if messages:
            self._queue.extend(messages)
            if self._head:
                self._head.clear()
            if self._task is None:
                self._start_next()
            if self._queue:
                self._pause_reading_for_buffer()
        elif self._task is None and data:
            self._head_grows(data)

    def eof_received(self) -> bool:
        """The caller sends no more; what it asked for is answered if it still waits."""
        if self._phase is Phase.HEAD and self._head:
            self._refuse(Fault(errors.MALFORMED_REQUEST))
        self.closing = True
        exchange = self._current
        if exchange is None:
            return False
        if not exchange.body.complete:
            self._body_broken()
            return True
        return self.sweep.time() - exchange.arrived < HALF_CLOSE_TIME

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self.closing = True
        self.sweep.forget(self)
        self._server.gone(self)
        self._release_drain()
        self._body_broken()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._release_drain()

    # --- for the exchange -------------------------------------------------------------------

    def put(self, data: bytes) -> None:
        """Write, unless the caller has gone (its task is being cancelled then)."""
        if self.transport is not None:
            self.transport.write(data)

    async def drained(self) -> None:
        """Wait until the caller has taken enough of what was written."""
        while self._paused and self.transport is not None:
            waiter = self._loop.create_future()
            self._drain_waiters.append(waiter)
            await waiter

    def abort(self) -> None:
        """Close without sending what is still buffered."""
        if self.transport is not None:
            self.transport.abort()

    # --- for the server ---------------------------------------------------------------------

    def close_when_idle(self) -> None:
        """Close now if no request is being handled, else after it."""
        self.closing = True
        if self._task is None:
            self._close()

    def cancel(self) -> None:
        """Give up the request at hand; the drain time is over."""
        if self._task is not None:
            self._task.cancel()

    def expire(self) -> None:
        """The time of the phase is over (see `Sweep`)."""
        if self._phase is Phase.BUSY:
            self.deadline = self.sweep.time() + IDLE_TIME
            self.sweep.watch(self)
        elif self._phase is Phase.HEAD and self._head:
            self._refuse(Fault(errors.HEAD_TIMEOUT))
        elif self._phase >= Phase.LINGER:
            self.abort()
        else:
            self._close()

    # --- phases -----------------------------------------------------------------------------

    def _head_grows(self, data: bytes) -> None:
        self._head += data
        if len(self._head) > MAX_HEAD:
            self._refuse(Fault(errors.HEADERS_TOO_LARGE))
        elif self._phase is not Phase.HEAD or len(self._head) == len(data):
            self._phase = Phase.HEAD
            self._limit(HEAD_TIME)

    def _start_next(self) -> None:
        message, payload = self._queue.popleft()
        self._phase = Phase.BUSY
        exchange = Exchange(self, message, payload, self.sweep.time())
        self._current = exchange
        if message.chunked and message.version == HttpVersion10:
            # RFC 9112 §6.1: a 1.0 message with a transfer coding has faulty framing.
            exchange.keep_alive = False
            handling = self._server.refuse(exchange, Fault(errors.MALFORMED_REQUEST))
        else:
            handling = self._server.handle(exchange)
        self._task = self._loop.create_task(self._run(exchange, handling))

    async def _run(self, exchange: Exchange, handling: Awaitable[None]) -> None:
        try:
            await handling
        finally:
            self._task = None
            self._finished(exchange)

    def _finished(self, exchange: Exchange) -> None:
        """Decide what becomes of the connection after an answer."""
        self._current = None
        if not exchange.answered:
            self.abort()
        elif not exchange.body.complete:
            self._linger()
        elif self.closing or not exchange.keep_alive:
            self._close()
        else:
            self._go_on()

    def _go_on(self) -> None:
        self._phase = Phase.IDLE
        self.deadline = self.sweep.time() + IDLE_TIME
        self._requests.message_consumed()
        if self._queue:
            self._start_next()
            self._resume_reading_for_buffer()
            self.data_received(b"")  # what the parser held back while the queue was full

    def _linger(self) -> None:
        """Close so that the answer survives bytes that the caller still sends (RFC 9112 §9.6)."""
        self._phase = Phase.LINGER
        transport = self.transport
        if transport is not None:
            self._limit(LINGER_TIME)
            transport.write_eof()
            self.resume_reading(resume_parser=False)

    def _close(self) -> None:
        if self.transport is not None:
            self._phase = Phase.CLOSING
            self._limit(IDLE_TIME)
            self.transport.close()

    def _limit(self, seconds: float) -> None:
        self.deadline = self.sweep.time() + seconds
        self.sweep.hasten(self)

    # --- faults -----------------------------------------------------------------------------

    def _broken(self, error: HttpProcessingError, data: bytes) -> None:
        """The parser cannot go on: nothing on this connection can be trusted any more."""
        self.closing = True
        if self._task is not None:
            self._body_broken()
        else:
            self._refuse(request_fault(error, bytes(self._head) + data))

    def _body_broken(self) -> None:
        exchange = self._current
        if exchange is not None:
            exchange.body.fail(Fault(errors.BODY_INCOMPLETE))

    def _refuse(self, fault: Fault) -> None:
        """Answer a request that could not be read, then close."""
        self.closing = True
        self._head.clear()
        if self._task is not None or self.transport is None:
            return
        self._phase = Phase.BUSY
        exchange = Exchange(self, UNREAD, EMPTY_PAYLOAD, self.sweep.time())
        self._current = exchange
        self._task = self._loop.create_task(
            self._run(exchange, self._server.refuse(exchange, fault))
        )

    def _release_drain(self) -> None:
        waiters, self._drain_waiters = self._drain_waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


class EntryServer:
    """Listens and owns the connections.

    `handle` answers a request, `refuse` one that cannot be read; both are coroutines that return
    when the answer is complete. At most `max_connections` are open at a time.
    """

    def __init__(
        self,
        handle: Callable[[Exchange], Awaitable[None]],
        refuse: Callable[[Exchange, Fault], Awaitable[None]],
        sweep: Sweep,
        *,
        max_connections: int = 10_000,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.handle = handle
        self.refuse = refuse
        self.sweep = sweep
        self.dates = Dates()
        self._max_connections = max_connections
        self._connections: set[CallerConnection] = set()
        self._listeners: list[asyncio.Server] = []
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def connections(self) -> int:
        """Callers' connections that are open."""
        return len(self._connections)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port listened on."""
        host, port = self._listeners[0].sockets[0].getsockname()[:2]
        return host, port

    async def start(self, host: str, port: int) -> None:
        """Listen; raises `StartError` when the address cannot be had."""
        try:
            server = await self.loop.create_server(
                lambda: CallerConnection(self), host, port, backlog=BACKLOG
            )
        except (OSError, socket.gaierror) as error:
            raise StartError(
                f"cannot listen on {host}:{port}: {error.strerror or error}; "
                "choose another address with --listen or end the process that uses it"
            ) from None
        self._listeners.append(server)

    def stop_listening(self) -> None:
        """Take no new connections; idle ones are closed, the others after their answer."""
        for listener in self._listeners:
            listener.close()
        for connection in tuple(self._connections):
            connection.close_when_idle()

    async def finish(self, limit: float) -> int:
        """Wait up to `limit` seconds for requests in flight; return how many were cut off."""
        try:
            async with asyncio.timeout(limit):
                await self._empty.wait()
        except TimeoutError:
            cut = len(self._connections)
            for connection in tuple(self._connections):
                connection.cancel()
                connection.abort()
            await self._empty.wait()
            return cut
        return 0

    def admit(self, connection: CallerConnection) -> bool:
        """Take a new connection in; False when there are too many (it is kept to be refused)."""
        self._connections.add(connection)
        self._empty.clear()
        return len(self._connections) <= self._max_connections

    def gone(self, connection: CallerConnection) -> None:
        """A connection has closed."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()
