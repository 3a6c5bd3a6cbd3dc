"""The total deadline: whoever is waited for when it passes is named as the cause."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.doubles import origin as act
from tests.doubles.caller import BrokenOffError, Caller, request
from tests.doubles.gateway import WITH_KEY, http_service, routes_text, running_gateway
from tests.doubles.origin import Origin, script, send
from tests.whole.scraping import until_scraped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.doubles.gateway import RunningGateway

PAY = "/s/edu.payment/orders"
MEBIBYTE = 1 << 20


@asynccontextmanager
async def within(limit: str, origin: Origin) -> AsyncIterator[tuple[RunningGateway, Caller]]:
    text = routes_text(http_service("edu.payment", origin.url, timeout=limit))
    async with running_gateway(text) as running, Caller(running.entry_port) as caller:
        yield running, caller


async def until_cause(running: RunningGateway, cause: str) -> None:
    samples = await until_scraped(running.ops_port, lambda s: s.causes().get(cause) == 1)
    assert samples.causes() == {cause: 1}
    assert samples.total("gateway_requests_in_flight") == 0


async def test_a_department_that_stops_inside_its_answer_breaks_the_answer_off() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
    async with (
        Origin(script(act.body, send(head), act.stall)) as origin,
        within("300ms", origin) as (running, caller),
    ):
        await caller.send(request("GET", PAY, WITH_KEY))
        with pytest.raises(BrokenOffError) as caught:
            await caller.receive()
        assert caught.value.response is not None
        assert (caught.value.response.status, caught.value.response.body) == (200, b"half")
        await origin.until(lambda o: o.open == 0)
        await until_cause(running, "answer_timeout")


async def test_a_caller_that_does_not_take_its_answer_is_the_cause() -> None:
    flood = send(b"x" * MEBIBYTE, times=64)
    head = send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 * MEBIBYTE))
    async with (
        Origin(script(act.body, head, flood)) as origin,
        within("500ms", origin) as (running, caller),
    ):
        caller.stop_reading()
        await caller.send(request("GET", PAY, WITH_KEY))
        await until_cause(running, "caller_slow")
        await origin.until(lambda o: o.open == 0)


async def test_a_caller_that_stops_inside_its_body_is_the_cause() -> None:
    async with (
        Origin(act.stall) as origin,
        within("300ms", origin) as (running, caller),
    ):
        await caller.send(request("POST", PAY, {**WITH_KEY, "Content-Length": "9"}) + b"half")
        answer = await caller.receive("POST")
        assert (answer.status, answer.json()["cause"]) == (408, "body_timeout")
        await until_cause(running, "body_timeout")


async def test_a_department_that_takes_no_body_is_the_cause() -> None:
    async with (
        Origin(act.deaf) as origin,
        within("500ms", origin) as (running, caller),
    ):
        whole = request("POST", PAY, WITH_KEY, b"x" * 30 * MEBIBYTE)
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(_send(caller, whole))
            answer = await caller.receive("POST")
            sending.cancel()
        assert (answer.status, answer.json()["cause"]) == (504, "answer_timeout")
        await until_cause(running, "answer_timeout")


async def _send(caller: Caller, data: bytes) -> None:
    try:
        await caller.send(data)
    except (ConnectionError, TimeoutError):
        return  # the gateway has answered and takes no more


async def test_the_deadline_runs_from_the_head_whatever_came_of_it_before() -> None:
    async with (
        Origin(act.stall) as origin,
        within("400ms", origin) as (running, caller),
    ):
        await caller.send(request("POST", PAY, {**WITH_KEY, "Content-Length": "4"}))
        await origin.until(lambda o: o.requests != [])
        await caller.send(b"body")
        answer = await caller.receive("POST")
        assert (answer.status, answer.json()["cause"]) == (504, "answer_timeout")
        await until_cause(running, "answer_timeout")
