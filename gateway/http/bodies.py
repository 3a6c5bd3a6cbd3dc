"""A body arriving on a connection, read piece by piece with back-pressure.

Room rule: as `gateway.http`. The parser feeds, one reader takes; when the reader is behind, the
connection is not read from. Limits in bytes and on silence are here, with our own faults.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from gateway import errors
from gateway.errors import Cause, Fault
from gateway.http.connection import Connection, Hold

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from gateway.sweep import Sweep

__all__ = ["ANSWER_BODY", "BUFFER", "REQUEST_BODY", "SILENCE", "BodyRules", "WireBody"]

SILENCE: Final = 15.0
"""Seconds without a byte after which a body's sender is given up."""

BUFFER: Final = 128 << 10
"""Bytes that may wait for a body's reader before its connection is held."""


class BodyRules(NamedTuple):
    """What it is called when a body's sender stalls (for `silence` seconds) or breaks off."""

    stalled: Cause
    broken: Cause
    may_have_been_sent: bool
    silence: float = SILENCE


REQUEST_BODY: Final = BodyRules(
    errors.BODY_TIMEOUT, errors.BODY_INCOMPLETE, may_have_been_sent=False
)
ANSWER_BODY: Final = BodyRules(
    errors.ANSWER_TIMEOUT, errors.ANSWER_INCOMPLETE, may_have_been_sent=True
)


class WireBody:
    """Implements `gateway.message.Body` for what arrives on `connection`.

    `limit` is the largest number of bytes taken (None: no limit); `awaited` is called once before
    the first wait for bytes, which is when `100 Continue` has to go out (RFC 9110 §10.1.1).
    """

    __slots__ = ("_connection", "_fault", "_held", "_pieces", "_rules", "_size", "_sweep",
                 "_waited", "_waiter", "_waits_since", "awaited", "complete", "deadline",
                 "length", "limit", "taken", "ticket")  # fmt: skip

    def __init__(
        self, connection: Connection, length: int | None, sweep: Sweep, rules: BodyRules
    ) -> None:
        self._connection = connection
        self._sweep = sweep
        self._rules = rules
        self._pieces: list[bytes] = []
        self._size = 0
        self._held = False
        self._waiter: asyncio.Future[None] | None = None
        self._waits_since = 0.0
        self._waited = 0.0
        self._fault: Fault | None = None
        self.complete = False
        self.length = length
        self.limit: int | None = None
        self.awaited: Callable[[], None] | None = None
        self.taken = 0
        self.deadline = 0.0
        self.ticket = 0

    @property
    def waiting(self) -> bool:
        """A reader waits for the sender."""
        return self._waiter is not None

    @property
    def waited(self) -> float:
        """Seconds that readers have waited for the sender."""
        if self._waiter is None:
            return self._waited
        return self._waited + self._sweep.time() - self._waits_since

    # --- for the reader -----------------------------------------------------------------------

    def read_available(self) -> bytes | None:
        """Return the whole rest if it is here already; see `Body`."""
        return self._take() if self.complete and self._fault is None else None

    async def read(self) -> bytes:
        """Return the next piece, `b""` at the end; see `Body`."""
        while True:
            if self._fault is not None:
                raise self._fault
            if self._pieces or self.complete:
                return self._take()
            await self._wait()

    async def _wait(self) -> None:
        if self.awaited is not None:
            self.awaited()
            self.awaited = None
        self._waiter = self._connection.new_waiter()
        self._waits_since = self._sweep.time()
        self.deadline = self._waits_since + self._rules.silence
        self._sweep.watch(self)
        try:
            await self._waiter
        finally:
            self._waited = self.waited
            self._waiter = None
            self._sweep.forget(self)

    def _take(self) -> bytes:
        pieces = self._pieces
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._pieces = []
        self._size = 0
        if self._held:
            self._held = False
            self._connection.release_hold(Hold.BODY)
        self.taken += len(data)
        if self.limit is not None and self.taken > self.limit:
            raise Fault(errors.BODY_TOO_LARGE)
        return data

    # --- for the parser and the connection ----------------------------------------------------

    def feed(self, data: bytes) -> None:
        """A piece has arrived."""
        self._pieces.append(data)
        self._size += len(data)
        if self._size > BUFFER and not self._held:
            self._held = True
            self._connection.hold(Hold.BODY)
        self._wake()

    def finish(self) -> None:
        """It is complete."""
        self.complete = True
        self._wake()

    def fail(self, fault: Fault) -> None:
        """Whoever reads gets `fault` from now on; what was not read is dropped."""
        if not self.complete and self._fault is None:
            self._fault = fault
            self._wake()

    def break_off(self) -> None:
        """The sender is gone."""
        self.fail(Fault(self._rules.broken, may_have_been_sent=self._rules.may_have_been_sent))

    def expire(self) -> None:
        """The sender has been silent for too long."""
        self.fail(Fault(self._rules.stalled, may_have_been_sent=self._rules.may_have_been_sent))

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
