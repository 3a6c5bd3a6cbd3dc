from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gateway.errors import StartError
from tests.doubles.caller import BrokenOffError, Caller, request
from tests.http.entry_servers import echo, serving

if TYPE_CHECKING:
    from gateway.http.exchange import Exchange

GET = request("GET", "/a")


async def test_connections_are_counted_as_they_come_and_go() -> None:
    async with serving(echo) as (server, seen):
        async with Caller(server.port), Caller(server.port):
            await seen.until(lambda s: s.connections == 2)
        await seen.until(lambda s: s.connections == 0)


async def test_a_connection_too_many_is_refused_and_makes_room() -> None:
    async with serving(echo, max_connections=1) as (server, seen):
        async with Caller(server.port) as first:
            assert (await first.ask("GET", "/a")).status == 200
            async with Caller(server.port) as second:
                assert (await second.receive()).body == b"connection_limit"
                assert await second.closed() == b""
            await seen.until(lambda s: s.connections == 1)
            assert (await first.ask("GET", "/a")).status == 200
        await seen.until(lambda s: s.connections == 0)
        async with Caller(server.port) as third:
            assert (await third.ask("GET", "/a")).status == 200


async def test_an_address_in_use_is_named_with_what_to_do() -> None:
    async with serving(echo) as (server, _), serving(echo) as (other, _):
        with pytest.raises(StartError, match=f"127.0.0.1:{server.port}.*--listen"):
            await other.start("127.0.0.1", server.port)


async def test_at_the_end_idle_callers_are_let_go_and_requests_are_finished() -> None:
    go_on = asyncio.Event()

    async def wait(exchange: Exchange) -> None:
        if exchange.target == "/slow":
            await go_on.wait()
        await echo(exchange)

    async with (
        serving(wait) as (server, seen),
        Caller(server.port) as idle,
        Caller(server.port) as busy,
    ):
        await idle.ask("GET", "/a")
        await busy.send(request("GET", "/slow"))
        await seen.until(lambda s: s.connections == 2)
        await asyncio.sleep(0.05)
        server.stop_listening()
        assert await idle.closed() == b""
        go_on.set()
        answer = await busy.receive()
        assert (answer.body, answer.value("connection")) == (b"GET /slow ", "close")
        assert await busy.closed() == b""
        assert await server.finish(1.0) == 0
        with pytest.raises(OSError, match=r"refused|failed"):
            async with Caller(server.port):
                pass


async def test_what_is_not_finished_in_time_is_cut_off_and_counted() -> None:
    async def wait(_: Exchange) -> None:
        await asyncio.Event().wait()

    async with (
        serving(wait) as (server, seen),
        Caller(server.port) as caller,
        Caller(server.port) as idle,
    ):
        await caller.send(GET)
        await idle.send(GET[:10])
        await seen.until(lambda s: s.connections == 2)
        await asyncio.sleep(0.05)
        server.stop_listening()
        assert await server.finish(0.1) == 1
        assert seen.cancelled == ["/a"]
        with pytest.raises(BrokenOffError):
            await caller.receive()
