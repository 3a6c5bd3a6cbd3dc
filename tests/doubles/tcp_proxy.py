"""A TCP proxy that can refuse, cut and stall: the network between two programs, on one port.

With Kafka it stands before the bootstrap address; the brokers' own addresses, which a client
learns from there, do not lead through it unless the broker advertises the proxy's port.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["TcpProxy"]


class TcpProxy:
    """Forwards connections on `port` of 127.0.0.1 to the target that `open` names.

    Until then it refuses connections. `cut` ends all connections at once; `stall` lets nothing
    through, in either direction, until `flow`.
    """

    def __init__(self) -> None:
        self._bound = _bind(0)
        self.port: int = self._bound.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.accepted = 0
        self._target = ("127.0.0.1", 0)
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
        self._bound.close()

    async def open(self, target: str) -> None:
        """Take connections and forward them to `target`."""
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._server = await asyncio.start_server(self._link, sock=self._bound)

    async def close(self) -> None:
        """Refuse connections and cut those that there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
            self._bound.close()
            self._bound = _bind(self.port)
        await self.cut()

    async def cut(self) -> None:
        """End all connections, without a word to either side."""
        links = list(self._links)
        for link in links:
            link.cancel()
        if links:
            await asyncio.wait(links)

    def stall(self) -> None:
        """Let nothing through from now on; connections stay open."""
        self._flowing.clear()

    def flow(self) -> None:
        """Let everything through again."""
        self._flowing.set()

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.accepted += 1
        self._links.add(task)
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pump(reader, far_writer))
                    group.create_task(self._pump(far_reader, writer))
            finally:
                far_writer.transport.abort()
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._links.discard(task)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            await self._flowing.wait()
            if sink.is_closing():  # it went while nothing flowed
                break
            sink.write(data)
            await sink.drain()
        raise ConnectionResetError


def _bind(port: int) -> socket.socket:
    """Take the port without listening: connections are refused, and nobody else gets it."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound
