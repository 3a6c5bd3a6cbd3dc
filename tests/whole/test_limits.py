"""Rate, in-flight limit, breaker and ejection of a running gateway, for callers and metrics."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import pytest

from tests.doubles import origin as act
from tests.doubles.caller import BrokenOffError, Caller, request
from tests.doubles.gateway import (
    MEDIA_KEY,
    WITH_KEY,
    http_service,
    routes_text,
    running_gateway,
)
from tests.doubles.origin import Origin, reply, script, send
from tests.doubles.ports import refusing_port
from tests.whole.scraping import scrape, until_scraped

if TYPE_CHECKING:
    from tests.doubles.caller import Response
    from tests.doubles.gateway import RunningGateway

CLOSED: Final = 0
OPEN: Final = 2

AS_MEDIA: Final = {"X-Api-Key": MEDIA_KEY}
PAY: Final = "/s/edu.payment/orders"


async def once(running: RunningGateway, key: dict[str, str] = WITH_KEY) -> Response:
    async with Caller(running.entry_port) as caller:
        return await caller.ask("GET", PAY, key)


def cause(answer: Response) -> str:
    return str(answer.json()["cause"])


async def test_a_channel_over_its_rate_is_told_its_quota_and_others_are_not() -> None:
    async with Origin() as origin:
        text = routes_text(http_service("edu.payment", origin.url)).replace(
            '["edu.*"], rate: 10000/s, burst: 10000', '["edu.*"], rate: 1/h, burst: 2'
        )
        async with running_gateway(text) as running:
            statuses = [(await once(running, AS_MEDIA)).status for _ in range(2)]
            refused = await once(running, AS_MEDIA)
            other = await once(running)
            samples = await scrape(running.ops_port)
    assert statuses == [200, 200]
    assert (refused.status, cause(refused)) == (429, "rate_limited")
    assert refused.value("ratelimit-policy") == '"channel";q=1;w=3600'
    assert (refused.value("ratelimit") or "").startswith('"channel";r=0;t=')
    assert 0 < int(refused.value("retry-after") or 0) <= 3600
    assert other.status == 200
    assert samples.total("gateway_rate_limited_total", channel="media") == 1
    assert samples.total("gateway_rate_limited_total", channel="app") == 0
    assert len(origin.requests) == 3


async def test_a_busy_department_refuses_and_the_gauge_goes_back_to_zero() -> None:
    go = asyncio.Event()
    slow = script(act.body, act.wait(go), send(act.response()))
    async with Origin(slow, reply()) as origin:
        text = routes_text(http_service("edu.payment", origin.url))
        text = text.replace('"0510-00000000"}', '"0510-00000000", max_in_flight: 1}')
        async with running_gateway(text) as running, Caller(running.entry_port) as first:
            await first.send(request("GET", PAY, WITH_KEY))
            await origin.until(lambda o: len(o.requests) == 1)
            during = await scrape(running.ops_port)
            refused = await once(running)
            go.set()
            assert (await first.receive()).status == 200
            assert (await once(running)).status == 200
            after = await scrape(running.ops_port)
    assert during.only("gateway_requests_in_flight", department="edu") == 1
    assert (refused.status, cause(refused)) == (503, "department_busy")
    assert refused.value("retry-after") is not None
    assert (refused.json()["department"], refused.json()["phone"]) == ("edu", "0510-00000000")
    assert after.only("gateway_requests_in_flight", department="edu") == 0


async def test_the_gauge_goes_back_to_zero_after_every_way_to_end() -> None:
    half = act.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    ends = [
        reply(),
        reply(status=500),
        script(act.body, act.close),
        script(act.body, act.send(b"nonsense\r\n\r\n")),
        script(act.body, half, act.close),
        act.stall,
    ]
    async with Origin(*ends) as origin:
        service = http_service("edu.payment", origin.url, timeout="300ms", retry="{attempts: 1}")
        async with running_gateway(routes_text(service)) as running:
            for _ in ends:
                async with Caller(running.entry_port) as caller:
                    await caller.send(request("GET", PAY, WITH_KEY))
                    with suppress(BrokenOffError):  # one way to end breaks off the answer
                        await caller.receive()
            async with Caller(running.entry_port) as caller:
                await caller.send(request("GET", PAY, WITH_KEY))
                await origin.until(lambda o: len(o.requests) == len(ends) + 1)
                caller.reset()
            samples = await until_scraped(
                running.ops_port, lambda s: s.causes().get("caller_gone", 0) == 1
            )
    assert samples.only("gateway_requests_in_flight", department="edu") == 0
    assert samples.causes() == {
        "none": 2,
        "connection_lost": 1,
        "answer_malformed": 1,
        "answer_incomplete": 1,
        "answer_timeout": 1,
        "caller_gone": 1,
    }


async def test_the_breaker_opens_at_half_of_twenty_and_not_before() -> None:
    async with Origin(*[reply()] * 10, *[reply(status=503)] * 10) as origin:
        text = routes_text(http_service("edu.payment", origin.url))
        async with running_gateway(text) as running:
            statuses = [(await once(running)).status for _ in range(19)]
            closed = await scrape(running.ops_port)
            last = await once(running)
            opened = await scrape(running.ops_port)
            refused = await once(running)
            samples = await scrape(running.ops_port)
    assert statuses == [200] * 10 + [503] * 9
    assert last.status == 503
    assert closed.only("gateway_breaker_state", service="edu.payment") == CLOSED
    assert opened.only("gateway_breaker_state", service="edu.payment") == OPEN
    assert (refused.status, cause(refused)) == (503, "circuit_open")
    assert 1 <= int(refused.value("retry-after") or 0) <= 5
    assert len(origin.requests) == 20
    department_times = "gateway_department_duration_seconds_count"
    assert samples.only(department_times, service="edu.payment") == 20


async def test_after_the_pause_one_probe_goes_out_and_its_success_closes_the_breaker() -> None:
    go = asyncio.Event()
    probed = script(act.body, act.wait(go), send(act.response(b"well")))
    async with Origin(reply(status=500), probed, reply(b"well")) as origin:
        breaker = "{requests: 1, pause: 100ms}"
        service = http_service("edu.payment", origin.url, breaker=breaker)
        async with running_gateway(routes_text(service)) as running:
            await once(running)
            await until_scraped(running.ops_port, lambda s: s.only("gateway_breaker_state") == 1)
            async with Caller(running.entry_port) as probe:
                await probe.send(request("GET", PAY, WITH_KEY))
                await origin.until(lambda o: len(o.requests) == 2)
                refused = await once(running)
                go.set()
                assert (await probe.receive()).body == b"well"
            assert (await once(running)).body == b"well"
            samples = await scrape(running.ops_port)
    assert cause(refused) == "circuit_open"
    assert samples.only("gateway_breaker_state", service="edu.payment") == CLOSED


async def test_a_probe_that_fails_opens_the_breaker_again() -> None:
    async with Origin(reply(status=500)) as origin:
        service = http_service("edu.payment", origin.url, breaker="{requests: 1, pause: 100ms}")
        async with running_gateway(routes_text(service)) as running:
            await once(running)
            await until_scraped(running.ops_port, lambda s: s.only("gateway_breaker_state") == 1)
            assert (await once(running)).status == 500
            assert cause(await once(running)) == "circuit_open"


@pytest.mark.parametrize("status", [400, 404, 409, 429])
async def test_a_refusal_by_the_department_is_no_failure_of_it(status: int) -> None:
    async with Origin(reply(status=status)) as origin:
        service = http_service("edu.payment", origin.url, breaker="{requests: 1}")
        async with running_gateway(routes_text(service)) as running:
            answers = [(await once(running)).status for _ in range(3)]
    assert answers == [status] * 3


async def test_one_departments_open_breaker_leaves_other_services_alone() -> None:
    async with Origin(reply(status=500)) as failing, Origin(reply(b"well")) as well:
        services = (
            http_service("edu.payment", failing.url, breaker="{requests: 1}"),
            http_service("edu.school", well.url),
        )
        async with running_gateway(routes_text(*services)) as running:
            await once(running)
            assert cause(await once(running)) == "circuit_open"
            async with Caller(running.entry_port) as caller:
                assert (await caller.ask("GET", "/s/edu.school", WITH_KEY)).body == b"well"


async def test_an_endpoint_that_keeps_failing_is_ejected_and_the_last_one_never() -> None:
    with refusing_port() as port:
        async with Origin(reply()) as origin:
            gone = f"http://127.0.0.1:{port}"
            service = http_service(
                "edu.payment",
                gone,
                origin.url,
                retry="{budget: {minimum: 50}}",
                http_ejection="{failures: 2, pause: 1m}",
            )
            async with running_gateway(routes_text(service)) as running:
                samples = await scrape(running.ops_port)
                assert samples.total("gateway_endpoint_up", service="edu.payment") == 2
                async with asyncio.timeout(10):
                    while samples.only("gateway_endpoint_up", endpoint=gone) == 1:
                        assert (await once(running)).status == 200
                        samples = await scrape(running.ops_port)
                made = samples.total("gateway_retries_total", result="made")
                for _ in range(20):
                    assert (await once(running)).status == 200
                samples = await scrape(running.ops_port)
                assert samples.total("gateway_retries_total", result="made") == made
                await origin.go_away()
                for _ in range(4):
                    assert cause(await once(running)) == "connection_refused"
                samples = await scrape(running.ops_port)
    assert samples.only("gateway_endpoint_up", endpoint=origin.url) == 1
