"""A caller's connection: what it may take its time with, the order of answers, and how it ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gateway.errors import Fault
from gateway.http.server import Times
from tests.doubles.caller import Caller, request
from tests.http.entry_servers import PATIENT, echo, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.http.exchange import Exchange

GET = request("GET", "/a")
MEBIBYTE = 1 << 20


# --- time --------------------------------------------------------------------------------------


def test_the_times_are_those_that_callers_are_promised() -> None:
    assert Times() == (10.0, 75.0, 2.0, 0.05, 15.0)


async def test_a_head_that_does_not_end_in_time_is_answered_and_closed() -> None:
    async with serving(echo, times=PATIENT._replace(head=0.1)) as (server, seen):
        async with Caller(server.port) as caller:
            await caller.send(GET[:-2])
            assert (await caller.receive()).body == b"head_timeout"
            assert await caller.closed() == b""
        assert seen.faults == ["head_timeout"]


async def test_a_caller_that_was_too_slow_is_not_waited_for_after_its_answer() -> None:
    async with (
        serving(echo, times=PATIENT._replace(head=0.1, linger=0.1)) as (server, seen),
        Caller(server.port) as caller,
    ):
        await caller.send(GET[:-2])
        assert (await caller.receive()).body == b"head_timeout"
        await seen.until(lambda s: s.connections == 0)


async def test_a_second_head_has_its_own_time() -> None:
    async with (
        serving(echo, times=PATIENT._replace(head=0.3)) as (server, _),
        Caller(server.port) as caller,
    ):
        for _ in range(3):
            await caller.send(GET[:20])
            await asyncio.sleep(0.15)
            await caller.send(GET[20:])
            assert (await caller.receive()).status == 200
        await caller.send(GET[:20])
        assert (await caller.receive()).body == b"head_timeout"


async def test_a_caller_that_never_sends_anything_is_closed_without_an_answer() -> None:
    async with serving(echo, times=PATIENT._replace(head=0.1)) as (server, seen):
        async with Caller(server.port) as caller:
            assert await caller.closed() == b""
        assert seen.faults == []


async def test_an_idle_caller_is_closed_without_an_answer() -> None:
    async with serving(echo, times=PATIENT._replace(idle=0.1)) as (server, seen):
        async with Caller(server.port) as caller:
            assert (await caller.ask("GET", "/a")).status == 200
            assert await caller.closed() == b""
        assert seen.faults == []


async def test_a_request_at_work_is_not_idle() -> None:
    go_on = asyncio.Event()

    async def wait(exchange: Exchange) -> None:
        await go_on.wait()
        await echo(exchange)

    async with (
        serving(wait, times=PATIENT._replace(idle=0.1, head=0.1)) as (server, _),
        Caller(server.port) as caller,
    ):
        await caller.send(GET)
        await asyncio.sleep(0.4)
        go_on.set()
        assert (await caller.receive()).status == 200


async def test_a_body_whose_sender_is_silent_is_given_up() -> None:
    caught: list[str] = []

    async def read(exchange: Exchange) -> None:
        try:
            await echo(exchange)
        except Fault as fault:
            caught.append(fault.cause.code)
            exchange.send(408, b"", b"")

    async with (
        serving(read, times=PATIENT._replace(silence=0.1)) as (server, _),
        Caller(server.port) as caller,
    ):
        await caller.send(request("POST", "/a", {"Content-Length": "5"}) + b"ab")
        assert (await caller.receive()).status == 408
        assert await caller.closed() == b""
    assert caught == ["body_timeout"]


async def test_a_slow_sender_that_is_never_silent_is_waited_for() -> None:
    async with (
        serving(echo, times=PATIENT._replace(silence=0.3)) as (server, _),
        Caller(server.port) as caller,
    ):
        await caller.send(request("POST", "/a", {"Content-Length": "4"}))
        await caller.drip(b"abcd", pause=0.15)
        assert (await caller.receive()).body == b"POST /a abcd"


# --- order -------------------------------------------------------------------------------------


async def test_pipelined_requests_are_answered_in_their_order() -> None:
    async with serving(echo) as (server, _), Caller(server.port) as caller:
        bodies = [b"x" * size for size in (0, 10, 100_000, 0, 300_000, 1)]
        wires = [request("POST", f"/{n}", {}, body) for n, body in enumerate(bodies)]
        sending = asyncio.create_task(caller.send(b"".join(wires)))
        for number, body in enumerate(bodies):
            assert (await caller.receive()).body == b"POST /%d %b" % (number, body)
        await sending


async def test_requests_of_one_connection_are_handled_one_after_the_other() -> None:
    at_work: list[str] = []
    most = 0

    async def count(exchange: Exchange) -> None:
        nonlocal most
        at_work.append(exchange.target)
        most = max(most, len(at_work))
        await asyncio.sleep(0)
        at_work.remove(exchange.target)
        await echo(exchange)

    async with serving(count) as (server, _), Caller(server.port) as caller:
        await caller.send(GET * 50)
        for _ in range(50):
            await caller.receive()
    assert most == 1


async def test_endless_pipelining_is_held_back() -> None:
    go_on = asyncio.Event()

    async def wait(exchange: Exchange) -> None:
        await go_on.wait()
        await echo(exchange)

    async with serving(wait) as (server, _), Caller(server.port) as caller:
        large = request("GET", "/a", {"X-A": "a" * 8000})
        sending = asyncio.create_task(caller.send(large * 4000))
        done, _ = await asyncio.wait([sending], timeout=0.3)
        assert not done  # the system's buffers are full, ours is not read into
        go_on.set()
        assert (await caller.receive()).status == 200
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        caller.reset()


async def test_a_broken_request_is_refused_after_those_before_it_are_answered() -> None:
    async with serving(echo) as (server, _), Caller(server.port) as caller:
        await caller.send(GET + GET + b"nonsense\r\n\r\n" + GET)
        answers = [(await caller.receive()).body for _ in range(3)]
        assert answers == [b"GET /a ", b"GET /a ", b"malformed_request"]
        assert await caller.closed() == b""


# --- ends --------------------------------------------------------------------------------------


async def test_a_caller_may_half_close_with_its_request() -> None:
    async with serving(echo) as (server, _), Caller(server.port) as caller:
        await caller.send(GET + request("GET", "/b"))
        caller.half_close()
        assert [(await caller.receive()).body for _ in range(2)] == [b"GET /a ", b"GET /b "]
        assert await caller.closed() == b""


async def test_a_caller_that_half_closes_inside_a_head_is_told() -> None:
    async with serving(echo) as (server, seen), Caller(server.port) as caller:
        await caller.send(GET[:-2])
        caller.half_close()
        assert (await caller.receive()).body == b"malformed_request"
        assert await caller.closed() == b""
        await seen.until(lambda s: s.connections == 0)


async def test_a_caller_that_goes_before_its_first_byte_is_no_request() -> None:
    async with serving(echo) as (server, seen):
        async with Caller(server.port):
            await seen.until(lambda s: s.connections == 1)
        await seen.until(lambda s: s.connections == 0)
        assert seen.faults == []


@pytest.mark.parametrize("leave", [Caller.close, Caller.reset])
async def test_a_caller_that_goes_while_it_waits_ends_its_request(
    leave: Callable[[Caller], None],
) -> None:
    async def wait(_: Exchange) -> None:
        await asyncio.Event().wait()

    async with serving(wait, times=PATIENT._replace(half_close=0.0)) as (server, seen):
        async with Caller(server.port) as caller:
            await caller.send(GET)
            await seen.until(lambda s: s.connections == 1)
            await asyncio.sleep(0.02)
            leave(caller)
            await seen.until(lambda s: s.cancelled == ["/a"])
        await seen.until(lambda s: s.connections == 0)


async def test_an_answer_before_the_body_survives_what_is_still_sent() -> None:
    async def refuse(exchange: Exchange) -> None:
        exchange.send(413, b"", b"too much")

    async with serving(refuse) as (server, _), Caller(server.port) as caller:
        head = request("POST", "/a", {"Content-Length": str(64 * MEBIBYTE)})
        sending = asyncio.create_task(caller.send(head + b"x" * 8 * MEBIBYTE))
        answer = await caller.receive()
        assert (answer.status, answer.body) == (413, b"too much")
        assert answer.value("connection") == "close"
        await sending
        assert await caller.closed() == b""


async def test_a_caller_that_sends_on_after_its_answer_is_cut() -> None:
    async def refuse(exchange: Exchange) -> None:
        exchange.send(413, b"", b"too much")

    async with (
        serving(refuse, times=PATIENT._replace(linger=0.1)) as (server, seen),
        Caller(server.port) as caller,
    ):
        await caller.send(request("POST", "/a", {"Content-Length": "1000"}))
        assert (await caller.receive()).status == 413
        await seen.until(lambda s: s.connections == 0)


async def test_a_body_that_came_and_was_not_read_does_not_stop_the_next_request() -> None:
    has_come = asyncio.Event()

    async def ignore(exchange: Exchange) -> None:
        await has_come.wait()
        assert exchange.body.complete
        exchange.send(200, b"", b"ignored")

    async with serving(ignore) as (server, seen), Caller(server.port) as caller:
        await caller.send(request("POST", "/a", {"Content-Length": "140000"}) + b"x" * 20_000)
        await seen.until(lambda s: s.connections == 1)
        await caller.send(b"x" * 120_000)  # with this more is here than waits for a reader
        await asyncio.sleep(0.1)
        has_come.set()
        assert (await caller.receive()).status == 200
        assert (await caller.ask("GET", "/b")).status == 200


async def test_a_handler_that_gives_no_answer_breaks_the_connection() -> None:
    async def begin(exchange: Exchange) -> None:
        exchange.begin(200, b"", 10)
        await exchange.write(b"half")

    async with serving(begin) as (server, _), Caller(server.port) as caller:
        await caller.send(GET)
        assert b"half" in await caller.closed()
