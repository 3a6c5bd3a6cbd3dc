"""A body arriving on a connection, read piece by piece with back-pressure.

Room rule: as `gateway.http`. The parser's reader pauses the connection when nobody reads; this
adds the limit in bytes, the limit on silence, and our own faults.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from gateway import errors
from gateway.errors import Cause, Fault
from gateway.http.parsing import HttpProcessingError, StreamReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.sweep import Sweep

__all__ = ["ANSWER_BODY", "REQUEST_BODY", "SILENCE", "BodyCauses", "WireBody"]

SILENCE: Final = 15.0
"""Seconds without a byte after which a body's sender is given up."""


class BodyCauses(NamedTuple):
    """What it is called when a body's sender stalls or breaks off."""

    stalled: Cause
    broken: Cause
    may_have_been_sent: bool


REQUEST_BODY: Final = BodyCauses(
    errors.BODY_TIMEOUT, errors.BODY_INCOMPLETE, may_have_been_sent=False
)
ANSWER_BODY: Final = BodyCauses(
    errors.ANSWER_TIMEOUT, errors.ANSWER_INCOMPLETE, may_have_been_sent=True
)


class WireBody:
    """Implements `gateway.message.Body` over the parser's reader.

    `limit` is the largest number of bytes taken (None: no limit); `awaited` is called once before
    the first wait for bytes, which is when `100 Continue` has to go out (RFC 9110 §10.1.1).
    """

    __slots__ = ("_causes", "_payload", "_sweep", "_waiting", "awaited", "deadline", "length",
                 "limit", "taken", "ticket")  # fmt: skip

    def __init__(
        self, payload: StreamReader, length: int | None, sweep: Sweep, causes: BodyCauses
    ) -> None:
        self._payload = payload
        self._sweep = sweep
        self._causes = causes
        self.length = length
        self.limit: int | None = None
        self.awaited: Callable[[], None] | None = None
        self.taken = 0
        self._waiting = False
        self.deadline = 0.0
        self.ticket = 0

    @property
    def waiting(self) -> bool:
        """A reader waits for the sender."""
        return self._waiting

    @property
    def complete(self) -> bool:
        """The sender has sent all of it, whether read or not."""
        return self._payload.is_eof()

    def read_available(self) -> bytes | None:
        """Return the whole rest if it is here already; see `Body`."""
        payload = self._payload
        if not payload.is_eof():
            return None
        return self._count(payload.read_nowait())

    async def read(self) -> bytes:
        """Return the next piece, `b""` at the end; see `Body`."""
        payload = self._payload
        try:
            if self.taken < payload.total_bytes or payload.is_eof():
                return self._count(payload.read_nowait())
            return self._count(await self._next_piece())
        except (HttpProcessingError, OSError, RuntimeError):
            # RuntimeError is the reader's word for a connection that is gone.
            raise self._fault(self._causes.broken) from None

    def fail(self, fault: Fault) -> None:
        """Whoever reads gets `fault` from now on; what was not read is dropped."""
        if not self._payload.is_eof():
            self._payload.set_exception(fault)

    def expire(self) -> None:
        """The sender has been silent for too long."""
        self.fail(self._fault(self._causes.stalled))

    async def _next_piece(self) -> bytes:
        if self.awaited is not None:
            self.awaited()
            self.awaited = None
        self.deadline = self._sweep.time() + SILENCE
        self._sweep.watch(self)
        self._waiting = True
        try:
            return await self._payload.readany()
        finally:
            self._waiting = False
            self._sweep.forget(self)

    def _count(self, data: bytes) -> bytes:
        self.taken += len(data)
        if self.limit is not None and self.taken > self.limit:
            raise Fault(errors.BODY_TOO_LARGE)
        return data

    def _fault(self, cause: Cause) -> Fault:
        return Fault(cause, may_have_been_sent=self._causes.may_have_been_sent)
