"""Flow control and ends of one connection, on a real socket."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from gateway.http.connection import Connection, Hold
from tests.doubles import origin as act
from tests.doubles.origin import Origin, send

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

MEBIBYTE = 1 << 20


class Recorder(Connection):
    """Keeps what arrives."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.got = b""
        self.lost = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.got += data

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self.lost.set()


@asynccontextmanager
async def connected(origin: Origin) -> AsyncIterator[Recorder]:
    loop = asyncio.get_running_loop()
    _, recorder = await loop.create_connection(lambda: Recorder(loop), "127.0.0.1", origin.port)
    yield recorder
    recorder.abort()
    async with asyncio.timeout(5):
        await recorder.lost.wait()


async def test_nothing_is_read_while_anybody_holds_it() -> None:
    more = asyncio.Event()
    async with (
        Origin(at_accept=act.script(act.wait(more), send(b"hello"), act.stall)) as origin,
        connected(origin) as connection,
    ):
        connection.hold(Hold.BODY)
        connection.hold(Hold.QUEUE)
        more.set()
        await asyncio.sleep(0.05)
        connection.release_hold(Hold.BODY)
        await asyncio.sleep(0.05)
        assert connection.got == b""
        connection.release_hold(Hold.QUEUE)
        await asyncio.sleep(0.05)
        assert connection.got == b"hello"


async def test_writing_waits_until_the_peer_has_taken_enough() -> None:
    go_on = asyncio.Event()
    reads = act.script(act.wait(go_on), act.stall)
    async with Origin(at_accept=reads) as origin, connected(origin) as connection:
        connection.put(b"x" * 32 * MEBIBYTE)
        assert connection.writing_paused
        draining = asyncio.create_task(connection.drained())
        done, _ = await asyncio.wait([draining], timeout=0.1)
        assert not done
        go_on.set()
        async with asyncio.timeout(5):
            await draining
        assert not connection.writing_paused


async def test_writing_to_a_peer_that_goes_away_does_not_wait_for_ever() -> None:
    leave = asyncio.Event()
    leaves = act.script(act.wait(leave), act.reset)
    async with Origin(at_accept=leaves) as origin, connected(origin) as connection:
        connection.put(b"x" * 32 * MEBIBYTE)
        draining = asyncio.create_task(connection.drained())
        leave.set()
        async with asyncio.timeout(5):
            await draining
        connection.put(b"harmless")
        assert not connection.connected


@pytest.mark.parametrize("end", [Connection.abort, Connection.reset])
async def test_a_connection_that_is_ended_is_not_connected_any_more(
    end: Callable[[Connection], None],
) -> None:
    async with Origin(at_accept=act.stall) as origin, connected(origin) as connection:
        assert connection.connected
        end(connection)
        assert not connection.connected
        await origin.until(lambda o: o.open == 0)
