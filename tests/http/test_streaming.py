"""Bodies through the running gateway: piece by piece, as fast as the slower side takes them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.doubles import origin as act
from tests.doubles import wire
from tests.doubles.caller import BrokenOffError, request
from tests.doubles.gateway import WITH_KEY
from tests.doubles.origin import Origin, reply, script, send
from tests.http.services import CHUNKED, KIBIBYTE, MEBIBYTE, PAY, between

if TYPE_CHECKING:
    from tests.doubles.origin import Exchange

UP_TO_SYSTEM = 32 * MEBIBYTE
"""More than all buffers of the systems between two processes hold, with ours."""


async def stands_still(writing: asyncio.Task[None]) -> bool:
    """Nobody takes the rest of what is written."""
    done, _ = await asyncio.wait([writing], timeout=0.5)
    return not done


# --- back-pressure -----------------------------------------------------------------------------


async def test_a_caller_is_held_back_while_the_department_reads_nothing() -> None:
    go_on = asyncio.Event()
    answer = script(act.wait(go_on), act.discard_body, send(act.response(b"taken")))
    async with Origin(answer) as origin, between(origin) as (_, caller):
        head = request("POST", PAY, {**WITH_KEY, "Content-Length": str(2 * UP_TO_SYSTEM)})
        sending = asyncio.create_task(caller.send(head + b"x" * 2 * UP_TO_SYSTEM))
        assert await stands_still(sending)
        go_on.set()
        assert (await caller.receive()).body == b"taken"
        await sending
    assert origin.requests[0].body_size == 2 * UP_TO_SYSTEM


async def test_a_department_is_held_back_while_the_caller_reads_nothing() -> None:
    written = 0

    async def flood(exchange: Exchange) -> None:
        nonlocal written
        await send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (2 * UP_TO_SYSTEM))(exchange)
        for _ in range(2 * UP_TO_SYSTEM // MEBIBYTE):
            await send(b"x" * MEBIBYTE)(exchange)
            written += MEBIBYTE

    async with Origin(script(act.body, flood)) as origin, between(origin) as (_, caller):
        caller.stop_reading()
        await caller.send(request("GET", PAY, WITH_KEY))
        await origin.until(lambda o: len(o.requests) == 1)
        await asyncio.sleep(0.5)
        assert written < UP_TO_SYSTEM
        caller.go_on_reading()
        answer = await caller.receive_head()
        assert await caller.count_body(answer) == 2 * UP_TO_SYSTEM


async def test_both_bodies_travel_at_the_same_time() -> None:
    async def mirror(exchange: Exchange) -> None:
        await send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")(exchange)
        async for _, piece in wire.read_chunks(exchange.reader):
            await send(b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b"0\r\n\r\n")(exchange)

    async with Origin(mirror) as origin, between(origin) as (_, caller):
        await caller.send(request("POST", PAY, CHUNKED) + b"3\r\none\r\n")
        answer = await caller.receive_head()
        assert await caller.read() == b"3\r\none\r\n"
        await caller.send(b"3\r\ntwo\r\n")
        assert await caller.read() == b"3\r\ntwo\r\n"
        await caller.send(b"0\r\n\r\n")
        assert await caller.count_body(answer) == 0


# --- framing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 8 * KIBIBYTE, 70 * KIBIBYTE, 3 * MEBIBYTE])
async def test_a_body_of_known_length_stays_one(size: int) -> None:
    body = b"0123456789abcdef" * (size // 16) + b"x" * (size % 16)
    async with Origin(script(act.body, send(act.response(body)))) as origin:
        async with between(origin) as (_, caller):
            answer = await caller.ask("POST", PAY, WITH_KEY, body)
        received = origin.requests[0]
        assert received.value("content-length") == b"%d" % size
        assert received.values("transfer-encoding") == []
        assert bytes(received.body) == body
        assert (answer.framing, answer.body) == ("length", body)


async def test_a_body_of_unknown_length_stays_chunked_and_loses_its_trailers() -> None:
    pieces = [b"a", b"b" * 70_000, b"c"]
    framed = wire.chunked(*pieces, trailers={"X-Sum": "1"})
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
    async with (
        Origin(script(act.body, send(head + framed))) as origin,
        between(origin) as (_, caller),
    ):
        await caller.send(request("POST", PAY, {**CHUNKED, "Trailer": "X-Sum"}))
        await caller.send(framed[:10])
        await origin.until(lambda o: len(o.requests) == 1)
        await caller.send(framed[10:])
        answer = await caller.receive()
        received = origin.requests[0]
        assert received.value("transfer-encoding") == b"chunked"
        assert bytes(received.body) == b"".join(pieces) == answer.body
        for message, raw in ((received, bytes(received.raw_body)), (answer, answer.raw_body)):
            assert b"X-Sum" not in raw
            assert message.values("trailer") == []


async def test_chunks_that_are_here_at_once_become_a_length() -> None:
    async with Origin() as origin, between(origin) as (_, caller):
        await caller.send(request("POST", PAY, CHUNKED) + wire.chunked(b"a", b"b"))
        await caller.receive()
    assert origin.requests[0].value("content-length") == b"2"
    assert bytes(origin.requests[0].body) == b"ab"


async def test_a_post_without_body_says_so_and_a_get_says_nothing() -> None:
    async with Origin() as origin, between(origin) as (_, caller):
        await caller.ask("POST", PAY, WITH_KEY, b"")
        await caller.ask("GET", PAY, WITH_KEY)
    assert [r.values("content-length") for r in origin.requests] == [[b"0"], []]


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_that_has_no_body_gets_none_and_the_connection_goes_on(status: int) -> None:
    async with (
        Origin(reply(status=status), reply(b"next")) as origin,
        between(origin) as (_, caller),
    ):
        answer = await caller.ask("GET", PAY, WITH_KEY)
        assert (answer.status, answer.framing) == (status, "none")
        assert (status == 204) <= (answer.values("content-length") == [])
        assert (await caller.ask("GET", PAY, WITH_KEY)).body == b"next"


async def test_head_tells_the_length_that_get_would_have() -> None:
    head = send(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")
    async with (
        Origin(script(act.body, head), reply(b"next")) as origin,
        between(origin) as (_, caller),
    ):
        answer = await caller.ask("HEAD", PAY, WITH_KEY)
        assert (answer.value("content-length"), answer.body) == ("1234", b"")
        assert (await caller.ask("GET", PAY, WITH_KEY)).body == b"next"


async def test_a_caller_of_version_1_0_gets_an_unknown_length_up_to_the_end() -> None:
    pieces = wire.chunked(b"one", b"two")
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    slowly = script(act.body, send(head), act.drip(pieces))
    async with Origin(slowly) as origin, between(origin) as (_, caller):
        wire_request = request("GET", PAY, {**WITH_KEY, "Connection": "keep-alive"})
        await caller.send(wire_request.replace(b"HTTP/1.1", b"HTTP/1.0"))
        answer = await caller.receive()
        assert (answer.framing, answer.body) == ("close", b"onetwo")
        assert answer.value("connection") == "close"


async def test_a_caller_of_version_1_0_cannot_take_a_part_for_the_whole() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    broken = script(act.body, send(head + b"3\r\none\r\n"), act.close)
    async with Origin(broken) as origin, between(origin) as (_, caller):
        await caller.send(request("GET", PAY, WITH_KEY).replace(b"HTTP/1.1", b"HTTP/1.0"))
        with pytest.raises(BrokenOffError):
            await caller.receive()


@pytest.mark.parametrize(("asked", "kept"), [("keep-alive", True), ("close", False), ("", False)])
async def test_version_1_0_keeps_a_connection_only_when_asked(asked: str, *, kept: bool) -> None:
    async with Origin(reply(b"paid")) as origin, between(origin) as (_, caller):
        old = request("GET", PAY, {**WITH_KEY, "Connection": asked}).replace(b"/1.1", b"/1.0", 1)
        await caller.send(old)
        answer = await caller.receive()
        assert answer.value("connection") == ("keep-alive" if kept else "close")
        if kept:
            await caller.send(old)
            assert (await caller.receive()).body == b"paid"
        else:
            assert await caller.closed() == b""
