"""The wire alone: an `EntryServer` whose handler is the test's, without a gateway behind it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from gateway.http.listener import EntryServer
from gateway.http.server import Times
from gateway.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from gateway.errors import Fault
    from gateway.http.exchange import Exchange

    Handler = Callable[[Exchange], Coroutine[None, None, None]]

__all__ = ["PATIENT", "Seen", "echo", "serving"]

PATIENT: Final = Times()


class Seen:
    """What has happened at a server: `faults` by code, `cancelled` targets, open `connections`."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.cancelled: list[str] = []
        self.connections = 0
        self._news = asyncio.Event()

    def tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def until(self, condition: Callable[[Seen], bool]) -> None:
        """Wait until it holds; fail after some seconds."""
        async with asyncio.timeout(5):
            while not condition(self):
                await self._news.wait()


async def echo(exchange: Exchange) -> None:
    """Read the whole body; answer with method, target and body."""
    body = b""
    while piece := await exchange.body.read():
        body += piece
    exchange.send(200, b"", f"{exchange.method} {exchange.target} ".encode() + body)


@asynccontextmanager
async def serving(
    handle: Handler, *, times: Times = PATIENT, max_connections: int = 100, limit: float = 2.0
) -> AsyncIterator[tuple[EntryServer, Seen]]:
    """Run the server on a free port; a request that cannot be read is answered with its cause."""
    seen = Seen()

    def watched(exchange: Exchange) -> Coroutine[None, None, None]:
        return _watched(handle, exchange, seen)

    async def refuse(exchange: Exchange, fault: Fault) -> None:
        seen.faults.append(fault.cause.code)
        seen.tell()
        exchange.send(400, b"", fault.cause.code.encode())

    def changed(change: int) -> None:
        seen.connections += change
        seen.tell()

    sweep = Sweep(asyncio.get_running_loop())
    server = EntryServer(
        watched, refuse, sweep, changed, max_connections=max_connections, times=times
    )
    await server.start("127.0.0.1", 0)
    try:
        yield server, seen
    finally:
        server.stop_listening()
        await server.finish(limit)
        sweep.close()


async def _watched(handle: Handler, exchange: Exchange, seen: Seen) -> None:
    try:
        await handle(exchange)
    except asyncio.CancelledError:
        seen.cancelled.append(exchange.target)
        seen.tell()
        raise
