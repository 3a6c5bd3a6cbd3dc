"""One TCP connection with flow control both ways; the two sides of the gateway build on it.

Room rule: as `gateway.http`. Reading stops while anybody holds it, writing waits while the peer
is slow; nothing is buffered without bound.
"""

from __future__ import annotations

import asyncio
import struct
from enum import IntFlag
from socket import SO_LINGER, SOL_SOCKET
from typing import cast

__all__ = ["Connection", "Hold"]


class Hold(IntFlag):
    """Why a connection is not read from."""

    NONE = 0
    BODY = 1  # a body's reader is behind
    QUEUE = 2  # pipelined requests wait for their turn


class Connection(asyncio.Protocol):
    """Transport, holds on reading, and waiting until what was written has been taken."""

    __slots__ = ("_holds", "_loop", "_waiters", "_writing_paused", "transport")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.transport: asyncio.Transport | None = None
        self._holds = 0
        self._writing_paused = False
        self._waiters: list[asyncio.Future[None]] = []

    @property
    def connected(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    @property
    def writing_paused(self) -> bool:
        """The peer is slower than what is written: await `drained` before writing more."""
        return self._writing_paused

    def put(self, data: bytes) -> None:
        """Write, unless the connection is lost (whoever owns it hears of that otherwise)."""
        if self.transport is not None:
            self.transport.write(data)

    async def drained(self) -> None:
        """Wait until the peer has taken enough, or is gone."""
        while self._writing_paused and self.transport is not None:
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            await waiter

    def new_waiter(self) -> asyncio.Future[None]:
        """Return a future of this connection's loop."""
        return self._loop.create_future()

    def abort(self) -> None:
        """Close without sending what is still buffered."""
        if self.transport is not None:
            self.transport.abort()

    def reset(self) -> None:
        """Break the connection so that the peer cannot take it for an ordinary end (RST)."""
        if self.transport is not None:
            linger = struct.pack("ii", 1, 0)
            self.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, linger)
            self.transport.abort()

    def hold(self, reason: Hold) -> None:
        """Stop reading until the same reason is released."""
        if not self._holds and self.transport is not None:
            self.transport.pause_reading()
        self._holds |= reason

    def release_hold(self, reason: Hold) -> None:
        """Go on reading, unless another reason holds."""
        if self._holds:
            self._holds &= ~reason
            if not self._holds and self.transport is not None:
                self.transport.resume_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: BaseException | None) -> None:  # noqa: ARG002  # asyncio's
        self.transport = None
        self._wake()

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._wake()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
