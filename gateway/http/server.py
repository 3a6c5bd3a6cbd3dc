"""The server side of HTTP/1.1: callers' connections.

Room rule: as `gateway.http`. A connection is in one phase at a time; what bounds each phase in
time is one row of `Phase`. Requests of one connection are handled one after the other, each in a
task of its own that the connection owns and cancels when the caller goes away.
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from gateway import errors
from gateway.errors import Fault
from gateway.http.bodies import REQUEST_BODY, SILENCE
from gateway.http.connection import Connection, Hold
from gateway.http.exchange import Exchange
from gateway.http.parsing import UNREAD, RequestHead, RequestParser

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine

    from gateway.sweep import Sweep

__all__ = ["CallerConnection", "Owner", "Phase", "Times"]


class Times(NamedTuple):
    """Limits in seconds on what a caller may take its time with.

    A caller that half-closes does it with the last byte of its request; one that closes later than
    `half_close` after its head has given up waiting. TCP tells the two apart in no other way.
    """

    head: float = 10.0
    idle: float = 75.0
    linger: float = 2.0
    half_close: float = 0.05
    silence: float = SILENCE


class Phase(IntEnum):
    """What a connection is doing."""

    IDLE = 0  # kept alive, nothing received: at most `idle`
    HEAD = 1  # a head is due or arriving: at most `head`
    BUSY = 2  # a request is being handled: its own deadline bounds it
    LINGER = 3  # answered and half closed, late bytes of the caller are dropped: `linger`
    CLOSING = 4  # closed as soon as the caller has taken what is written: at most `idle`


class Owner(Protocol):
    """What a connection needs of its server; see `EntryServer`."""

    loop: asyncio.AbstractEventLoop
    sweep: Sweep
    times: Times
    handle: Callable[[Exchange], Coroutine[None, None, None]]
    refuse: Callable[[Exchange, Fault], Coroutine[None, None, None]]

    def admit(self, connection: CallerConnection) -> bool:
        """Take a new connection in; False when there are too many (it is kept to be refused)."""

    def gone(self, connection: CallerConnection) -> None:
        """A connection has closed."""


class CallerConnection(Connection):
    """One caller's connection.

    `closing` tells that no request follows the one at hand: its answer says so.
    """

    __slots__ = ("_current", "_ended", "_fault", "_owner", "_parser", "_phase", "_queue",
                 "_task", "_times", "closing", "deadline", "peer", "sweep", "ticket")  # fmt: skip

    def __init__(self, owner: Owner) -> None:
        super().__init__(owner.loop)
        self._owner = owner
        self._times = owner.times
        self.sweep = owner.sweep
        rules = REQUEST_BODY._replace(silence=owner.times.silence)
        self._parser = RequestParser(self, owner.sweep, rules)
        self._queue: deque[RequestHead] = deque()
        self._task: asyncio.Task[None] | None = None
        self._current: Exchange | None = None
        self._fault: Fault | None = None  # nothing can be read any more; answered in its turn
        self._ended = False  # the caller sends no more
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
        self.deadline = self.sweep.time() + self._times.head
        self.sweep.watch(self)
        if not self._owner.admit(self):
            self._refuse(Fault(errors.CONNECTION_LIMIT))

    def data_received(self, data: bytes) -> None:
        if self._fault is not None or self._phase >= Phase.LINGER:
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
            self._limit(self._times.head)
        if fault is not None:
            self._refuse(fault)

    def eof_received(self) -> bool:
        """The caller sends no more; what it asked for is answered if it still waits."""
        self._ended = self.closing = True
        if self._phase >= Phase.LINGER:
            return False
        if self._parser.body is not None:
            self._parser.body.break_off()
            return True
        if self._parser.in_head:
            self._refuse(Fault(errors.MALFORMED_REQUEST))
        exchange = self._current
        if exchange is None:
            return False
        return self.sweep.time() - exchange.arrived < self._times.half_close

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
        self._queue.clear()
        self.closing = True
        if self._task is None:
            self._close()

    def cancel(self) -> bool:
        """Give up the request at hand, for the drain time is over; False when there was none."""
        cut = self._task is not None and self._task.cancel()
        self.abort()
        return cut

    def expire(self) -> None:
        """The time of the phase is over (see `Sweep`)."""
        if self._phase >= Phase.LINGER:
            self.abort()
            return
        if self._phase is Phase.BUSY:
            self.deadline = self.sweep.time() + self._times.idle
        elif self._phase is Phase.HEAD and self._parser.in_head:
            self._refuse(Fault(errors.HEAD_TIMEOUT))
        else:
            self._close()
        self.sweep.watch(self)

    # --- phases -------------------------------------------------------------------------------

    def _start_next(self) -> None:
        exchange = self._begin(self._queue.popleft())
        self._task = self._loop.create_task(self._run(exchange, None))

    def _begin(self, head: RequestHead) -> Exchange:
        self._phase = Phase.BUSY
        self._current = exchange = Exchange(self, head, self.sweep.time())
        return exchange

    async def _run(self, exchange: Exchange, fault: Fault | None) -> None:
        try:
            if fault is None:
                await self._owner.handle(exchange)
            else:
                await self._owner.refuse(exchange, fault)
        finally:
            self._task = None
            self._current = None
            self._finished(exchange)

    def _finished(self, exchange: Exchange) -> None:
        """Decide what becomes of the connection after an answer."""
        if not exchange.answered or self.transport is None:
            self.abort()
        elif not exchange.keep_alive or not exchange.body.complete:
            self._linger()
        elif self._queue:
            self.release_hold(Hold.BODY)
            self._start_next()
            if not self._queue:
                self.release_hold(Hold.QUEUE)
        elif self._fault is not None:
            self._answer_fault(self._fault)
        elif self.closing:
            self._close()
        else:
            self.release_hold(Hold.BODY)
            self._phase = Phase.HEAD if self._parser.in_head else Phase.IDLE
            self._limit(self._times.head if self._parser.in_head else self._times.idle)

    def _linger(self) -> None:
        """Close so that the answer survives bytes that the caller still sends (RFC 9112 §9.6)."""
        if self._ended:
            self._close()
        elif self.transport is not None:
            self._phase = Phase.LINGER
            self._limit(self._times.linger)
            self.transport.write_eof()
            self.release_hold(Hold.BODY | Hold.QUEUE)

    def _close(self) -> None:
        if self.transport is not None:
            self._phase = Phase.CLOSING
            self._limit(self._times.idle)
            self.transport.close()

    def _limit(self, seconds: float) -> None:
        self.deadline = self.sweep.time() + seconds
        self.sweep.hasten(self)

    # --- faults -------------------------------------------------------------------------------

    def _refuse(self, fault: Fault) -> None:
        """Nothing more can be read: answer what came before, then say so and close."""
        if self._fault is not None or self.transport is None:
            return
        self._fault = fault
        if self._parser.body is not None:
            self._parser.body.break_off()
        if self._task is None:
            self._answer_fault(fault)

    def _answer_fault(self, fault: Fault) -> None:
        self.closing = True
        self._task = self._loop.create_task(self._run(self._begin(UNREAD), fault))
