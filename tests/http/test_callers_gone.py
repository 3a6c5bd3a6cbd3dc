"""Callers that go away, in every phase: the department is let go, nothing stays in flight, and the
request is counted once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.doubles import origin as act
from tests.doubles.caller import Caller, request
from tests.doubles.gateway import (
    WITH_KEY,
    RunningGateway,
    http_service,
    routes_text,
    running_gateway,
)
from tests.doubles.origin import Origin, reply, script, send
from tests.doubles.ports import silent_port
from tests.http.services import MEBIBYTE, PAY, between
from tests.whole.scraping import Samples, until_scraped

if TYPE_CHECKING:
    from collections.abc import Callable

    Leave = Callable[[Caller], None]

LEAVINGS = pytest.mark.parametrize("leave", [Caller.close, Caller.reset])
UPLOAD = {**WITH_KEY, "Content-Length": "1000"}


async def settled(running: RunningGateway, **causes: float) -> None:
    """These causes are counted and nothing else; no connection and no request is left."""

    def is_settled(samples: Samples) -> bool:
        left = samples.total("gateway_requests_in_flight")
        return (
            samples.causes() == causes and left == samples.total("gateway_caller_connections") == 0
        )

    await until_scraped(running.ops_port, is_settled)


async def in_flight(running: RunningGateway) -> None:
    await until_scraped(running.ops_port, lambda s: s.total("gateway_requests_in_flight") == 1)


async def test_before_the_first_byte() -> None:
    async with Origin() as origin, between(origin) as (running, caller):
        caller.close()
        await settled(running)


async def test_inside_the_head() -> None:
    async with Origin() as origin, between(origin) as (running, caller):
        await caller.send(request("GET", PAY, WITH_KEY)[:-2])
        caller.close()
        await settled(running, malformed_request=1)
    assert origin.requests == []


async def test_inside_the_body_by_a_reset() -> None:
    async with Origin(reply()) as origin, between(origin) as (running, caller):
        await caller.send(request("POST", PAY, UPLOAD) + b"abc")
        await origin.until(lambda o: len(o.requests) == 1)
        caller.reset()
        await origin.until(lambda o: o.open == 0)
        await settled(running, caller_gone=1)
    assert not origin.requests[0].complete


async def test_inside_the_body_by_an_ordinary_end_which_may_be_half_a_close() -> None:
    async with Origin(reply()) as origin, between(origin) as (running, caller):
        await caller.send(request("POST", PAY, UPLOAD) + b"abc")
        await origin.until(lambda o: len(o.requests) == 1)
        caller.half_close()
        answer = await caller.receive()
        assert (answer.status, answer.json()["cause"]) == (400, "body_incomplete")
        await origin.until(lambda o: o.open == 0)
        await settled(running, body_incomplete=1)


@LEAVINGS
async def test_while_the_gateway_connects(leave: Leave) -> None:
    with silent_port() as port:
        text = routes_text(http_service("edu.payment", f"http://127.0.0.1:{port}"))
        async with running_gateway(text) as running, Caller(running.entry_port) as caller:
            await caller.send(request("GET", PAY, WITH_KEY))
            await in_flight(running)
            await asyncio.sleep(0.1)
            leave(caller)
            await settled(running, caller_gone=1)


@LEAVINGS
async def test_while_it_waits_for_the_answer(leave: Leave) -> None:
    async with Origin(script(act.body, act.stall)) as origin, between(origin) as (running, caller):
        await caller.send(request("GET", PAY, WITH_KEY))
        await origin.until(lambda o: len(o.requests) == 1)
        await asyncio.sleep(0.1)
        leave(caller)
        await origin.until(lambda o: o.open == 0)
        await settled(running, caller_gone=1)


@LEAVINGS
async def test_inside_the_answer(leave: Leave) -> None:
    head = send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    flood = script(act.body, head, send(b"x" * MEBIBYTE, times=1000))
    async with Origin(flood) as origin, between(origin) as (running, caller):
        await caller.send(request("GET", PAY, WITH_KEY))
        await caller.receive_head()
        await asyncio.sleep(0.1)
        leave(caller)
        await origin.until(lambda o: o.open == 0)
        await settled(running, caller_gone=1)


@LEAVINGS
async def test_between_two_requests(leave: Leave) -> None:
    async with Origin(reply(b"paid")) as origin, between(origin) as (running, caller):
        await caller.ask("GET", PAY, WITH_KEY)
        leave(caller)
        await settled(running, none=1)
        assert origin.open == 1  # the department's connection is at rest, not lost
