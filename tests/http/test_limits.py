"""Limits on sizes and times, as callers of the running gateway meet them."""

from __future__ import annotations

import pytest

from gateway.http.server import Times
from tests.doubles import wire
from tests.doubles.caller import request
from tests.doubles.gateway import WITH_KEY
from tests.doubles.origin import Origin, reply
from tests.http.services import CHUNKED, KIBIBYTE, PAY, between
from tests.whole.scraping import until_scraped


async def test_a_body_at_the_limit_passes() -> None:
    async with Origin(reply(b"paid")) as origin, between(origin, max_body="1KiB") as (_, caller):
        assert (await caller.ask("POST", PAY, WITH_KEY, b"x" * KIBIBYTE)).status == 200
        framed = wire.chunked(b"x" * 1000, b"x" * 24)
        assert (await caller.ask("POST", PAY, CHUNKED, framed)).status == 200
        await caller.send(request("POST", PAY, CHUNKED))
        await caller.drip(wire.chunked(b"x" * 1000, b"x" * 24))
        assert (await caller.receive()).status == 200
    assert [r.body_size for r in origin.requests] == [KIBIBYTE] * 3


async def test_a_length_beyond_the_limit_is_refused_before_a_byte_of_it_is_sent() -> None:
    async with Origin() as origin, between(origin, max_body="1KiB") as (_, caller):
        await caller.send(request("POST", PAY, {**WITH_KEY, "Content-Length": "1025"}))
        answer = await caller.receive()
        assert (answer.status, answer.json()["cause"]) == (413, "body_too_large")
        assert await caller.closed() == b""
    assert origin.requests == []


async def test_chunks_beyond_the_limit_are_refused_in_the_middle() -> None:
    async with (
        Origin(reply()) as origin,
        between(origin, max_body="64KiB") as (running, caller),
    ):
        await caller.send(request("POST", PAY, CHUNKED))
        await origin.until(lambda o: len(o.requests) == 1)
        await caller.send(wire.chunked(*[b"x" * KIBIBYTE] * 80))
        answer = await caller.receive()
        assert (answer.status, answer.json()["cause"]) == (413, "body_too_large")
        await origin.until(lambda o: o.open == 0)
        assert not origin.requests[0].complete
        await until_scraped(running.ops_port, lambda s: s.causes() == {"body_too_large": 1})


async def test_chunks_that_are_here_at_once_have_the_same_limit() -> None:
    async with Origin() as origin, between(origin, max_body="1KiB") as (_, caller):
        answer = await caller.ask("POST", PAY, CHUNKED, wire.chunked(b"x" * 1000, b"x" * 25))
        assert (answer.status, answer.json()["cause"]) == (413, "body_too_large")
    assert origin.requests == []


LARGE_HEADS = {
    "target": (request("GET", PAY + "?" + "a" * 8192, WITH_KEY), 414, "target_too_long"),
    "field": (request("GET", PAY, {"X-A": "a" * 8192}), 431, "headers_too_large"),
    "fields": (request("GET", PAY, {f"X-{n}": "a" for n in range(200)}), 431, "headers_too_large"),
}


@pytest.mark.parametrize("way", ["whole", "in pieces"])
@pytest.mark.parametrize("limit", LARGE_HEADS)
async def test_a_head_beyond_a_limit_is_told_which(limit: str, way: str) -> None:
    data, status, cause = LARGE_HEADS[limit]
    async with Origin() as origin, between(origin) as (running, caller):
        step = len(data) if way == "whole" else 1000
        for at in range(0, len(data), step):
            await caller.send(data[at : at + step])
        answer = await caller.receive()
        assert (answer.status, answer.json()["cause"]) == (status, cause)
        assert await caller.closed() == b""
        await until_scraped(running.ops_port, lambda s: s.causes() == {cause: 1})
    assert origin.requests == []


async def test_a_slow_head_is_told_so() -> None:
    async with (
        Origin() as origin,
        between(origin, Times(head=0.1)) as (running, caller),
    ):
        await caller.send(request("GET", PAY, WITH_KEY)[:-2])
        answer = await caller.receive()
        assert (answer.status, answer.json()["cause"]) == (408, "head_timeout")
        await until_scraped(running.ops_port, lambda s: s.causes() == {"head_timeout": 1})


async def test_a_silent_body_is_told_so_and_the_department_is_let_go() -> None:
    async with (
        Origin(reply()) as origin,
        between(origin, Times(silence=0.1)) as (running, caller),
    ):
        await caller.send(request("POST", PAY, {**WITH_KEY, "Content-Length": "5"}) + b"ab")
        answer = await caller.receive()
        assert (answer.status, answer.json()["cause"]) == (408, "body_timeout")
        await origin.until(lambda o: o.open == 0)
        samples = await until_scraped(running.ops_port, lambda s: s.causes() == {"body_timeout": 1})
        assert samples.total("gateway_requests_in_flight") == 0
