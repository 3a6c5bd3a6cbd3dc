"""Reload: no request fails because of it, and what has not changed goes on as it was."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from tests.doubles import origin as act
from tests.doubles.caller import Caller, request
from tests.doubles.gateway import (
    APP_KEY,
    MEDIA_KEY,
    WITH_KEY,
    http_service,
    replace_file,
    routes_text,
    running_gateway,
)
from tests.doubles.origin import Origin, reply, script, send
from tests.whole.scraping import scrape, until_scraped

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.doubles.caller import Response
    from tests.doubles.gateway import RunningGateway
    from tests.whole.scraping import Samples

CALLERS: Final = 12
ROUNDS: Final = 8
LEAST: Final = 300
"""Requests that have to be answered between the first reload and the last."""


def reloads(samples: Samples, result: str = "applied") -> float:
    return samples.total("gateway_routes_reloads_total", result=result)


async def reload(running: RunningGateway, *services: str) -> Samples:
    """Put these services into the file and wait until they run."""
    before = reloads(await scrape(running.ops_port))
    replace_file(running.routes, routes_text(*services))
    return await until_scraped(running.ops_port, lambda samples: reloads(samples) > before)


async def ask(running: RunningGateway, service: str, key: str = APP_KEY) -> Response:
    async with Caller(running.entry_port) as caller:
        return await caller.ask("GET", f"/s/{service}/x", {"X-Api-Key": key})


# --- under load ---------------------------------------------------------------------------------


async def test_no_request_fails_because_of_a_reload() -> None:
    async with Origin(reply(b"paid")) as one, Origin(reply(b"paid")) as two:
        steady = http_service("edu.steady", one.url)
        changing = [
            http_service("edu.changing", one.url, timeout="20s"),
            http_service("edu.changing", two.url, timeout="10s", retry="{attempts: 3}"),
            http_service("edu.changing", one.url, two.url, methods="[GET]"),
            http_service("edu.changing", one.url, http_idle="9s", department="hrss"),
        ]
        extra = http_service("edu.extra", two.url)
        async with running_gateway(routes_text(steady, changing[0])) as running:
            load = Load(running)
            async with asyncio.TaskGroup() as group:
                for number in range(CALLERS):
                    group.create_task(load.keep_asking(("edu.steady", "edu.changing")[number % 2]))
                for turn in range(ROUNDS):
                    more = [extra] if turn % 2 else []
                    await reload(running, steady, changing[(turn + 1) % 4], *more)
                    if more:
                        assert (await ask(running, "edu.extra")).status == 200
                await load.until(lambda: load.answered >= LEAST)
                load.over = True
            assert (await ask(running, "edu.extra")).status == 200
            samples = await scrape(running.ops_port)
    assert load.failures == []
    assert samples.causes() == {"none": load.answered + ROUNDS // 2 + 1}


class Load:
    """Callers that ask one request after the other on connections that stay."""

    def __init__(self, running: RunningGateway) -> None:
        self._port = running.entry_port
        self._news = asyncio.Event()
        self.answered = 0
        self.failures: list[tuple[str, int, bytes]] = []
        self.over = False

    async def keep_asking(self, service: str) -> None:
        async with Caller(self._port) as caller:
            while not self.over:
                answer = await caller.ask("GET", f"/s/{service}/x", WITH_KEY)
                self.answered += 1
                self._news.set()
                if (answer.status, answer.body) != (200, b"paid"):
                    self.failures.append((service, answer.status, answer.body))

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self._news.clear()
                await self._news.wait()


async def test_a_request_in_flight_ends_as_it_began_also_when_its_service_is_gone() -> None:
    go = asyncio.Event()
    slow = script(act.body, act.wait(go), send(act.response(b"paid")))
    async with Origin(slow) as origin, Origin() as other:
        before = http_service("edu.payment", origin.url)
        after = http_service("edu.other", other.url)
        async with running_gateway(routes_text(before)) as running:
            async with Caller(running.entry_port) as caller:
                await caller.send(request("GET", "/s/edu.payment", WITH_KEY))
                await origin.until(lambda o: o.requests != [])
                await reload(running, after)
                gone = await ask(running, "edu.payment")
                go.set()
                assert (await caller.receive()).body == b"paid"
            await origin.until(lambda o: o.open == 0)
            samples = await scrape(running.ops_port)
    assert (gone.status, gone.json()["cause"]) == (404, "service_unknown")
    assert samples.total("gateway_requests_in_flight") == 0
    assert samples.causes(service="edu.payment") == {"none": 1}


# --- what carries over --------------------------------------------------------------------------


async def test_an_unchanged_service_keeps_its_connection_and_its_counters() -> None:
    async with Origin() as origin, Origin() as other:
        steady = http_service("edu.payment", origin.url)
        async with running_gateway(routes_text(steady)) as running:
            assert (await ask(running, "edu.payment")).status == 200
            await reload(running, steady, http_service("edu.other", other.url))
            assert (await ask(running, "edu.payment")).status == 200
            await reload(running, steady)
            assert (await ask(running, "edu.payment")).status == 200
            samples = await scrape(running.ops_port)
        assert (origin.connections, len(origin.requests)) == (1, 3)
    assert samples.causes(service="edu.payment") == {"none": 3}
    assert samples.only("gateway_request_duration_seconds_count", service="edu.payment") == 3


async def test_a_changed_service_keeps_the_connections_of_its_endpoints() -> None:
    async with Origin() as origin, Origin() as other:
        text = routes_text(http_service("edu.pay", origin.url, http_idle="1m"))
        async with running_gateway(text) as running:
            await ask(running, "edu.pay")
            changed = http_service("edu.pay", origin.url, http_idle="1m", http_path="/v2")
            await reload(running, changed)
            await ask(running, "edu.pay")
            assert origin.connections == 1
            await reload(running, http_service("edu.pay", other.url))
            await origin.until(lambda o: o.open == 0)
            await ask(running, "edu.pay")
    assert [received.target for received in origin.requests] == ["/x", "/v2/x"]
    assert len(other.requests) == 1


async def test_an_open_breaker_stays_open() -> None:
    async with Origin(reply(status=500)) as origin, Origin() as other:
        failing = http_service("edu.payment", origin.url, breaker="{requests: 1, pause: 1m}")
        async with running_gateway(routes_text(failing)) as running:
            await ask(running, "edu.payment")
            samples = await reload(running, failing, http_service("edu.other", other.url))
            assert samples.only("gateway_breaker_state", service="edu.payment") == 2
            assert (await ask(running, "edu.payment")).json()["cause"] == "circuit_open"
    assert len(origin.requests) == 1


async def test_a_bucket_is_not_filled_up_by_a_reload() -> None:
    async with Origin() as origin:
        service = http_service("edu.payment", origin.url)
        slow = routes_text(service).replace(
            '["edu.*"], rate: 10000/s, burst: 10000', '["edu.*"], rate: 1/h, burst: 1'
        )
        async with running_gateway(slow) as running:
            assert (await ask(running, "edu.payment", MEDIA_KEY)).status == 200
            replace_file(running.routes, slow.replace("1/h", "2/h"))
            await until_scraped(running.ops_port, lambda samples: reloads(samples) == 1)
            assert (await ask(running, "edu.payment", MEDIA_KEY)).status == 429


async def test_a_service_can_move_from_http_to_another_department_and_back() -> None:
    async with Origin() as origin:
        here = http_service("edu.payment", origin.url)
        there = http_service("edu.payment", origin.url, department="hrss")
        async with running_gateway(routes_text(here)) as running:
            for service in (there, here):
                await reload(running, service)
                assert (await ask(running, "edu.payment")).status == 200
            samples = await scrape(running.ops_port)
    assert samples.only("gateway_requests_in_flight", department="edu") == 0
    assert samples.only("gateway_requests_in_flight", department="hrss") == 0
    assert origin.connections == 1


async def test_what_runs_is_named_by_one_digest_and_its_age_begins_anew() -> None:
    async with Origin() as origin:
        service = http_service("edu.payment", origin.url)
        async with running_gateway(routes_text(service)) as running:
            first = await scrape(running.ops_port)
            second = await reload(running, http_service("edu.payment", origin.url, timeout="9s"))
    digests = [samples.values_of("gateway_routes_info", "digest") for samples in (first, second)]
    assert [len(digest) for digest in digests] == [1, 1]
    assert digests[0] != digests[1]
    loaded = "gateway_routes_loaded_timestamp_seconds"
    assert second.total(loaded) > first.total(loaded)
    assert 0 <= second.total("gateway_routes_age_seconds") < 10
