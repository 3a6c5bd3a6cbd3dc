"""Connections to one endpoint, kept alive and reused.

Room rule: as `gateway.http`. The most recently used connection goes out first, so that a quiet
hour lets the others run out; nothing here looks at a connection that rests.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from typing import TYPE_CHECKING

from gateway import errors
from gateway.errors import Cause, Fault
from gateway.http.bodies import ANSWER_BODY, SILENCE
from gateway.http.client import DepartmentConnection
from gateway.sweep import Deadline

if TYPE_CHECKING:
    from gateway.sweep import Sweep

__all__ = ["ConnectionPool"]


class ConnectionPool:
    """Connects to `host:port` and keeps what is idle for `idle` seconds.

    `tls` is the context for https endpoints, None for http; `silence` is after how many seconds
    without a byte an answer's body is given up. How many connections there are is
    bounded by the department's in-flight limit, which admission holds.
    """

    def __init__(
        self,
        host: str,
        port: int,
        sweep: Sweep,
        *,
        idle: float,
        tls: ssl.SSLContext | None = None,
        silence: float = SILENCE,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._host = host
        self._port = port
        self._sweep = sweep
        self._tls = tls
        self._idle_time = idle
        self._body_rules = ANSWER_BODY._replace(silence=silence)
        self._idle: deque[DepartmentConnection] = deque()
        self._closed = False
        default = 443 if tls is not None else 80
        name = f"[{host}]" if ":" in host else host
        field = f"Host: {name}" if port == default else f"Host: {name}:{port}"
        self.host_field = field.encode("ascii") + b"\r\n"

    @property
    def idle(self) -> int:
        """Connections at rest."""
        return len(self._idle)

    def take(self) -> DepartmentConnection | None:
        """Return a connection at rest, the most recently used one, or None."""
        while self._idle:
            connection = self._idle.pop()
            if connection.connected:
                return connection
        return None

    async def connect(self, limit: float) -> DepartmentConnection:
        """Open a connection by `limit` (loop's clock); raises `Fault`, nothing was sent."""
        deadline = Deadline(self._sweep, limit)
        try:
            _, connection = await self._loop.create_connection(
                self._new_connection,
                self._host,
                self._port,
                ssl=self._tls,
                server_hostname=self._host if self._tls is not None else None,
            )
        except asyncio.CancelledError:
            if deadline.caught():
                raise Fault(errors.CONNECT_TIMEOUT) from None
            raise
        except OSError as error:
            raise Fault(_connect_cause(error)) from None
        finally:
            deadline.end()
        return connection

    def give_back(self, connection: DepartmentConnection) -> None:
        """The answer has been read or given up: keep the connection if it can be used again."""
        if not connection.release():
            return
        if self._closed:
            connection.abort()
            return
        connection.deadline = self._sweep.time() + self._idle_time
        if not connection.ticket:
            self._sweep.watch(connection)  # once for its life: see `DepartmentConnection.expire`
        self._idle.append(connection)
        while self._idle[0].transport is None:
            self._idle.popleft()

    def close(self) -> None:
        """Close what rests; what is out is closed when it comes back."""
        self._closed = True
        for connection in self._idle:
            connection.abort()
        self._idle.clear()

    def _new_connection(self) -> DepartmentConnection:
        return DepartmentConnection(self._loop, self._sweep, self._body_rules)


def _connect_cause(error: OSError) -> Cause:
    if isinstance(error, socket.gaierror):
        return errors.NAME_NOT_RESOLVED
    if isinstance(error, ssl.SSLError):
        return errors.TLS_FAILED
    if isinstance(error, TimeoutError):
        return errors.CONNECT_TIMEOUT
    return errors.CONNECTION_REFUSED
