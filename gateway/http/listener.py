"""The listener: takes callers' connections, counts them, and lets them go at the end.

Room rule: as `gateway.http`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from gateway.errors import Fault, StartError
from gateway.http.server import CallerConnection, Times

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from gateway.http.exchange import Exchange
    from gateway.sweep import Sweep

__all__ = ["DEFAULT_TIMES", "EntryServer"]

BACKLOG: Final = 4096
DEFAULT_TIMES: Final = Times()


class EntryServer:
    """Listens and owns the connections.

    `handle` answers a request, `refuse` one that cannot be read; both are coroutines that return
    when the answer is complete. At most `max_connections` are open at a time; `changed` hears of
    each that comes (1) and goes (-1).
    """

    def __init__(
        self,
        handle: Callable[[Exchange], Coroutine[None, None, None]],
        refuse: Callable[[Exchange, Fault], Coroutine[None, None, None]],
        sweep: Sweep,
        changed: Callable[[int], None],
        *,
        max_connections: int = 10_000,
        times: Times = DEFAULT_TIMES,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.handle = handle
        self.refuse = refuse
        self.sweep = sweep
        self.times = times
        self._changed = changed
        self._max_connections = max_connections
        self._connections: set[CallerConnection] = set()
        self._listener: asyncio.Server | None = None
        self._port = 0
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def port(self) -> int:
        """The port listened on, once `start` has returned."""
        return self._port

    async def start(self, host: str, port: int) -> None:
        """Listen; raises `StartError` when the address cannot be had."""
        try:
            self._listener = await self.loop.create_server(
                lambda: CallerConnection(self), host, port, backlog=BACKLOG
            )
        except OSError as error:
            raise StartError(
                f"cannot listen on {host}:{port} for callers: {error.strerror or error}; "
                "choose another address with --listen, or end the process that uses this one"
            ) from None
        self._port = int(self._listener.sockets[0].getsockname()[1])

    def stop_listening(self) -> None:
        """Take no new connections; idle ones are closed, the others after their answer."""
        if self._listener is not None:
            self._listener.close()
        for connection in tuple(self._connections):
            connection.close_when_idle()

    async def finish(self, limit: float) -> int:
        """Wait up to `limit` seconds for requests in flight; return how many were cut off."""
        cut = 0
        try:
            async with asyncio.timeout(limit):
                await self._empty.wait()
        except TimeoutError:
            cut = sum(connection.cancel() for connection in tuple(self._connections))
            await self._empty.wait()
        return cut

    def admit(self, connection: CallerConnection) -> bool:
        """Take a new connection in; see `Owner`."""
        self._connections.add(connection)
        self._changed(1)
        self._empty.clear()
        return len(self._connections) <= self._max_connections

    def gone(self, connection: CallerConnection) -> None:
        """A connection has closed; see `Owner`."""
        self._connections.discard(connection)
        self._changed(-1)
        if not self._connections:
            self._empty.set()
