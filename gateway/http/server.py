"""The server side of HTTP/1.1: callers' connections.

Room rule: as `gateway.http`. A connection is in one phase at a time; what bounds each phase in
time is one row of `Phase`. Requests of one connection are handled one after the other, each in a
task of its own that the connection owns and cancels when the caller goes away.
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum
from typing import TYPE_CHECKING, Final, Protocol

from gateway import errors
from gateway.errors import Fault
from gateway.http.connection import Connection, Hold
from gateway.http.exchange import Exchange
from gateway.http.parsing import UNREAD, RequestHead, RequestParser

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine

    from gateway.sweep import Sweep

__all__ = ["CallerConnection", "Owner", "Phase"]

HEAD_TIME: Final = 10.0
IDLE_TIME: Final = 75.0
LINGER_TIME: Final = 2.0

HALF_CLOSE_TIME: Final = 0.05
"""A caller that half-closes does it with the last byte of its request; one that closes later than
this many seconds after its head has given up waiting. TCP tells the two apart in no other way."""


class Phase(IntEnum):
    """What a connection is doing."""

    IDLE = 0  # kept alive, nothing received: at most IDLE_TIME
    HEAD = 1  # a head is due or arriving: at most HEAD_TIME
    BUSY = 2  # a request is being handled: its own deadline bounds it
    LINGER = 3  # answered and half closed, late bytes of the caller are dropped: LINGER_TIME
    CLOSING = 4  # closed as soon as the caller has taken what is written: at most IDLE_TIME


class Owner(Protocol):
    """What a connection needs of its server; see `EntryServer`."""

    loop: asyncio.AbstractEventLoop
    sweep: Sweep
    handle: Callable[[Exchange], Coroutine[None, None, None]]
    refuse: Callable[[Exchange, Fault], Coroutine[None, None, None]]

    def admit(self, connection: CallerConnection) -> bool:
        """Take a new connection in; False when there are too many (it is kept to be refused)."""

    def gone(self, connection: CallerConnection) -> None:
        """A connection has closed."""


class CallerConnection(Connection):
    """One caller's connection."""

    __slots__ = ("_current", "_owner", "_parser", "_phase", "_queue", "_task", "closing",
                 "deadline", "peer", "sweep", "ticket")  # fmt: skip

    def __init__(self, owner: Owner) -> None:
        super().__init__(owner.loop)
        self._owner = owner
        self.sweep = owner.sweep
        self._parser = RequestParser(self, owner.sweep)
        self._queue: deque[RequestHead] = deque()
        self._task: asyncio.Task[None] | None = None
        self._current: Exchange | None = None
        self._phase = Phase.HEAD
        self.deadline = 0.0
        self.ticket = 0
        self.closing = False
        self.peer = ""

    # --- events of the transport --------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        address = transport.get_extra_info("peername")
        self.peer = address[0] if isinstance(address, tuple) else ""
        self.deadline = self.sweep.time() + HEAD_TIME
        self.sweep.watch(self)
        if not self._owner.admit(self):
            self._refuse(Fault(errors.CONNECTION_LIMIT))

    def data_received(self, data: bytes) -> None:
        if self._phase >= Phase.LINGER:
            return
        parser = self._parser
        fault = None
        try:
            parser.feed(data)
        except Fault as raised:
            fault = raised
        ready = parser.ready
        if ready:
            parser.ready = []
            self._queue.extend(ready)
            if self._task is None:
                self._start_next()
            if self._queue:
                self.hold(Hold.QUEUE)
        elif self._phase is Phase.IDLE and parser.in_head:
            self._phase = Phase.HEAD
            self._limit(HEAD_TIME)
        if fault is not None:
            self._broken(fault)

    def eof_received(self) -> bool:
        """The caller sends no more; what it asked for is answered if it still waits."""
        if self._task is None and self._parser.in_head:
            self._refuse(Fault(errors.MALFORMED_REQUEST))
        self.closing = True
        exchange = self._current
        if exchange is None:
            return False
        if self._parser.body is not None:
            self._parser.body.break_off()
            return True
        return self.sweep.time() - exchange.arrived < HALF_CLOSE_TIME

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self.closing = True
        self.sweep.forget(self)
        self._owner.gone(self)
        if self._parser.body is not None:
            self._parser.body.break_off()
        if self._task is not None:
            self._task.cancel()

    # --- for the server -----------------------------------------------------------------------

    def close_when_idle(self) -> None:
        """Close now if no request is being handled, else after it."""
        self.closing = True
        if self._task is None:
            self._close()

    def cancel(self) -> None:
        """Give up the request at hand; the drain time is over."""
        if self._task is not None:
            self._task.cancel()
        self.abort()

    def expire(self) -> None:
        """The time of the phase is over (see `Sweep`)."""
        if self._phase is Phase.BUSY:
            self.deadline = self.sweep.time() + IDLE_TIME
            self.sweep.watch(self)
        elif self._phase is Phase.HEAD and self._parser.in_head:
            self._refuse(Fault(errors.HEAD_TIMEOUT))
        elif self._phase >= Phase.LINGER:
            self.abort()
        else:
            self._close()

    # --- phases -------------------------------------------------------------------------------

    def _start_next(self) -> None:
        self._phase = Phase.BUSY
        exchange = Exchange(self, self._queue.popleft(), self.sweep.time())
        self._current = exchange
        self._task = self._loop.create_task(self._run(exchange, self._owner.handle(exchange)))

    async def _run(self, exchange: Exchange, handling: Coroutine[None, None, None]) -> None:
        try:
            await handling
        finally:
            self._task = None
            self._current = None
            self._finished(exchange)

    def _finished(self, exchange: Exchange) -> None:
        """Decide what becomes of the connection after an answer."""
        if not exchange.answered:
            self.abort()
        elif not exchange.body.complete:
            self._linger()
        elif self.closing or not exchange.keep_alive:
            self._close()
        elif self._queue:
            self._start_next()
            if not self._queue:
                self.release_hold(Hold.QUEUE)
        else:
            self._phase = Phase.HEAD if self._parser.in_head else Phase.IDLE
            self._limit(HEAD_TIME if self._parser.in_head else IDLE_TIME)

    def _linger(self) -> None:
        """Close so that the answer survives bytes that the caller still sends (RFC 9112 §9.6)."""
        if self.transport is not None:
            self._phase = Phase.LINGER
            self._limit(LINGER_TIME)
            self.transport.write_eof()
            self.release_hold(Hold.BODY | Hold.QUEUE)

    def _close(self) -> None:
        if self.transport is not None:
            self._phase = Phase.CLOSING
            self._limit(IDLE_TIME)
            self.transport.close()

    def _limit(self, seconds: float) -> None:
        self.deadline = self.sweep.time() + seconds
        self.sweep.hasten(self)

    # --- faults -------------------------------------------------------------------------------

    def _broken(self, fault: Fault) -> None:
        """The parser cannot go on: nothing on this connection can be trusted any more."""
        if self._parser.body is not None:
            self._parser.body.break_off()
        if self._task is None:
            self._refuse(fault)
        self.closing = True

    def _refuse(self, fault: Fault) -> None:
        """Answer a request that could not be read, then close."""
        self.closing = True
        if self._task is not None or self.transport is None:
            return
        self._phase = Phase.BUSY
        exchange = Exchange(self, UNREAD, self.sweep.time())
        self._current = exchange
        handling = self._owner.refuse(exchange, fault)
        self._task = self._loop.create_task(self._run(exchange, handling))
