"""The doubles against each other: what a test relies on is itself tested, on real sockets."""

from __future__ import annotations

import asyncio

import pytest

from tests.doubles import origin as act
from tests.doubles import wire
from tests.doubles.caller import BrokenOffError, Caller, request
from tests.doubles.origin import Origin, reply, script
from tests.doubles.ports import refusing_port, silent_port


async def test_a_request_is_recorded_byte_for_byte() -> None:
    async with (
        Origin(reply(b"paid", headers={"X-A": "1"})) as origin,
        Caller(origin.port) as caller,
    ):
        sent = request("POST", "/orders?id=1", {"X-Trace": "t"}, b"42")
        await caller.send(sent)
        answer = await caller.receive()
    received = origin.requests[0]
    assert received.raw_head + received.raw_body == sent
    assert (received.method, received.target, bytes(received.body)) == (
        "POST",
        "/orders?id=1",
        b"42",
    )
    assert (answer.status, answer.value("x-a"), answer.body) == (200, "1", b"paid")


async def test_a_connection_serves_pipelined_requests_in_order() -> None:
    async with (
        Origin(reply(b"1"), reply(b"2"), reply(b"3")) as origin,
        Caller(origin.port) as caller,
    ):
        await caller.send(request("GET", "/a") + request("GET", "/b") + request("GET", "/c"))
        bodies = [(await caller.receive()).body for _ in range(3)]
    assert bodies == [b"1", b"2", b"3"]
    assert origin.connections == 1


async def test_a_chunked_body_is_kept_as_framed_and_as_meant() -> None:
    framed = wire.chunked(b"four", b"x" * 70_000, trailers={"X-Sum": "1"})
    chunked = {"Transfer-Encoding": "chunked"}
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer_with = script(act.body, act.send(head + framed))
    async with Origin(answer_with) as origin, Caller(origin.port) as caller:
        answer = await caller.ask("POST", "/", chunked, framed)
    assert bytes(origin.requests[0].raw_body) == framed == answer.raw_body
    assert bytes(origin.requests[0].body) == b"four" + b"x" * 70_000 == answer.body


async def test_an_answer_can_come_byte_by_byte() -> None:
    dripped = script(act.body, act.drip(act.response(b"slow")))
    async with Origin(dripped) as origin, Caller(origin.port) as caller:
        assert (await caller.ask("GET", "/")).body == b"slow"


async def test_an_answer_can_come_before_the_body() -> None:
    early = script(act.send(act.response(status=413)), act.close)
    async with Origin(early) as origin, Caller(origin.port) as caller:
        await caller.send(request("POST", "/", {"Content-Length": "1000000"}))
        assert (await caller.receive()).status == 413


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200", act.response(b"whole")[:-2]])
@pytest.mark.parametrize("end", [act.close, act.reset])
async def test_an_origin_can_break_off_anywhere(sent: bytes, end: act.Answer) -> None:
    async with (
        Origin(script(act.body, act.send(sent), end)) as origin,
        Caller(origin.port) as caller,
    ):
        with pytest.raises((BrokenOffError, wire.NotHttpError)):
            await caller.ask("GET", "/")


async def test_a_stalling_origin_notices_that_the_caller_goes() -> None:
    async with Origin(act.stall) as origin:
        async with Caller(origin.port) as caller:
            await caller.send(request("GET", "/"))
            await origin.until(lambda o: len(o.requests) == 1)
            caller.reset()
        await origin.until(lambda o: o.open == 0)


async def test_a_stalling_origin_ends_with_the_test() -> None:
    async with Origin(act.stall) as origin, Caller(origin.port) as caller:
        await caller.send(request("GET", "/"))
        await origin.until(lambda o: len(o.requests) == 1)
        await origin.go_away()
        assert await caller.closed() == b""


async def test_an_origin_can_go_and_come_back_on_its_port() -> None:
    async with Origin(reply(b"again")) as origin:
        await origin.go_away()
        with pytest.raises(ConnectionRefusedError):
            await Caller(origin.port).__aenter__()
        await origin.come_back()
        async with Caller(origin.port) as caller:
            assert (await caller.ask("GET", "/")).body == b"again"


async def test_each_connection_can_have_its_own_answers() -> None:
    async with Origin.by_connection([act.reset], [reply(b"second")]) as origin:
        async with Caller(origin.port) as first:
            await first.send(request("GET", "/"))
            assert await first.closed() == b""
        async with Caller(origin.port) as second:
            assert (await second.ask("GET", "/")).body == b"second"


async def test_an_answer_waits_for_its_event() -> None:
    go = asyncio.Event()
    async with (
        Origin(script(act.body, act.wait(go), act.send(act.response()))) as origin,
        Caller(origin.port) as caller,
    ):
        await caller.send(request("GET", "/"))
        await origin.until(lambda o: o.requests != [])
        go.set()
        assert (await caller.receive()).status == 200


async def test_a_broken_request_fails_the_test_that_made_it() -> None:
    origin = Origin()
    await origin.come_back()
    async with Caller(origin.port) as caller:
        await caller.send(b"GET / HTTP/1.1\r\nHost : x\r\n\r\n")
        await caller.closed()
    with pytest.raises(wire.NotHttpError):
        await origin.__aexit__(None, None, None)


async def test_a_half_closed_caller_still_reads_its_answer() -> None:
    async with Origin(reply(b"read")) as origin, Caller(origin.port) as caller:
        await caller.send(request("GET", "/"))
        caller.half_close()
        assert (await caller.receive()).body == b"read"


async def test_a_half_closing_origin_still_reads() -> None:
    answer = script(act.send(act.response()), act.half_close)
    async with Origin(answer) as origin, Caller(origin.port) as caller:
        await caller.send(request("POST", "/", {"Content-Length": "4"}))
        assert (await caller.receive()).status == 200
        assert await caller.read() == b""
        await caller.send(b"late")
        caller.close()
        await origin.until(lambda o: o.open == 0)
    assert bytes(origin.requests[0].raw_body) == b"late"


async def test_the_answer_to_head_has_no_body() -> None:
    head = script(act.body, act.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"))
    async with Origin(head) as origin, Caller(origin.port) as caller:
        answer = await caller.ask("HEAD", "/")
        assert (answer.framing, answer.value("content-length")) == ("none", "9")


async def test_an_interim_answer_is_read_on_its_own() -> None:
    polite = script(act.send(act.response(status=100)), act.body, act.send(act.response(b"done")))
    async with Origin(polite) as origin, Caller(origin.port) as caller:
        await caller.send(request("POST", "/", {"Content-Length": "2", "Expect": "100-continue"}))
        assert (await caller.receive("POST")).status == 100
        await caller.send(b"ok")
        assert (await caller.receive("POST")).body == b"done"


async def test_a_refusing_port_refuses() -> None:
    with refusing_port() as port, pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_silent_port_neither_opens_nor_fails() -> None:
    with silent_port() as port, pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await asyncio.open_connection("127.0.0.1", port)
