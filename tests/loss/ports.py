"""Ports for servers that are killed and come back on the same one."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from random import SystemRandom
from typing import Final

__all__ = ["LOOPBACK", "free_port", "listening"]

LOOPBACK: Final = "127.0.0.1"
RANGE: Final = (20_000, 32_000)
"""Below what systems give to outgoing connections: nobody is given the port of a dead server."""


def free_port() -> int:
    """Pick a port of the loopback interface that is free now."""
    while True:
        port = SystemRandom().randint(*RANGE)
        with closing(socket.socket()) as probe:
            if probe.connect_ex((LOOPBACK, port)):
                return port


async def listening(port: int) -> bool:
    """Tell whether somebody takes connections on `port`."""
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True
