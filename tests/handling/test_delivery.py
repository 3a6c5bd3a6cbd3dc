"""Delivery over HTTP: which attempts are made, which are refused and why; on real sockets."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from gateway.errors import Fault
from gateway.handling.delivery import HttpDelivery, department_fields, department_target
from gateway.handling.request_record import RequestRecord
from gateway.routing.model import RetryBudget
from gateway.telemetry.metrics import Metrics
from tests.doubles import origin as act
from tests.doubles.caller import Caller, request
from tests.doubles.gateway import WITH_KEY, http_service, routes_text, running_gateway
from tests.doubles.origin import Origin, reply, script, send
from tests.doubles.ports import refusing_port, silent_port
from tests.doubles.wire import chunked
from tests.handling.snapshots import KEYS, a_request, builder, loaded
from tests.telemetry.scrapes import samples_of
from tests.whole.scraping import scrape

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.doubles.caller import Response

DROPPED = script(act.body, act.close)
"""A department that takes the request and closes without an answer."""


class Door:
    """A running gateway with one service, edu.payment, and a caller."""

    def __init__(self, caller: Caller, ops_port: int) -> None:
        self.caller = caller
        self.ops_port = ops_port

    async def ask(
        self, method: str, content: bytes | None = None, path: str = "/s/edu.payment/orders"
    ) -> Response:
        return await self.caller.ask(method, path, WITH_KEY, content)

    async def retries(self) -> dict[str, float]:
        samples = await scrape(self.ops_port)
        results = samples.values_of("gateway_retries_total", "result")
        counts = {r: samples.total("gateway_retries_total", result=r) for r in results}
        return {result: count for result, count in counts.items() if count}


@asynccontextmanager
async def door(*endpoints: str, **settings: str) -> AsyncIterator[Door]:
    text = routes_text(http_service("edu.payment", *endpoints, **settings))
    async with running_gateway(text) as running, Caller(running.entry_port) as caller:
        yield Door(caller, running.ops_port)


def cause(answer: Response) -> str:
    return str(answer.json()["cause"])


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_refused_connection_sends_the_request_to_the_other_endpoint(method: str) -> None:
    with refusing_port() as port:
        async with (
            Origin(reply(b"paid")) as origin,
            door(f"http://127.0.0.1:{port}", origin.url, retry="{budget: {minimum: 8}}") as it,
        ):
            answers = [await it.ask(method, b"order") for _ in range(8)]
            made = await it.retries()
    assert {answer.status for answer in answers} == {200}
    assert {bytes(received.body) for received in origin.requests} == {b"order"}
    assert set(made) <= {"made"}


async def test_a_post_that_may_have_arrived_is_not_sent_again() -> None:
    async with Origin(DROPPED) as origin, door(origin.url) as it:
        answer = await it.ask("POST", b"order")
        assert await it.retries() == {"refused_unsafe": 1}
    assert (answer.status, cause(answer), len(origin.requests)) == (502, "connection_lost", 1)


async def test_a_post_that_the_file_calls_idempotent_is_sent_again() -> None:
    async with (
        Origin(DROPPED, reply(b"paid")) as origin,
        door(origin.url, retry="{attempts: 2, idempotent: true}") as it,
    ):
        assert (await it.ask("POST", b"order")).body == b"paid"
    assert [bytes(received.body) for received in origin.requests] == [b"order"] * 2


@pytest.mark.parametrize(("method", "content"), [("GET", None), ("PUT", b"x"), ("DELETE", None)])
async def test_an_idempotent_method_is_sent_again(method: str, content: bytes | None) -> None:
    async with Origin(DROPPED, reply(b"paid")) as origin, door(origin.url) as it:
        assert (await it.ask(method, content)).body == b"paid"
        assert await it.retries() == {"made": 1}
    assert [received.value("x-gateway-attempt") for received in origin.requests] == [b"1", b"2"]


async def test_attempts_are_limited_by_the_file() -> None:
    async with Origin(DROPPED) as origin, door(origin.url, retry="{attempts: 3}") as it:
        assert cause(await it.ask("GET")) == "connection_lost"
        assert await it.retries() == {"made": 2}
    assert len(origin.requests) == 3


async def test_one_attempt_means_none_is_repeated() -> None:
    async with Origin(DROPPED) as origin, door(origin.url, retry="{attempts: 1}") as it:
        await it.ask("GET")
        assert await it.retries() == {}
    assert len(origin.requests) == 1


async def test_an_answer_of_500_is_an_answer_and_not_repeated() -> None:
    async with Origin(reply(b"broken", status=500)) as origin, door(origin.url) as it:
        answer = await it.ask("GET")
        assert await it.retries() == {}
    assert (answer.status, answer.body, len(origin.requests)) == (500, b"broken", 1)


async def test_retries_stop_when_the_budget_is_spent() -> None:
    minimum = RetryBudget().minimum
    async with Origin(DROPPED) as origin, door(origin.url) as it:
        for _ in range(minimum + 2):
            await it.ask("GET")
        assert await it.retries() == {"made": minimum, "refused_budget": 2}
    assert len(origin.requests) == 2 * minimum + 2


async def test_no_retry_begins_for_which_no_time_is_left() -> None:
    clock = asyncio.get_running_loop().time
    metrics = Metrics("0", clock)
    async with Origin(DROPPED) as origin:
        routes = await loaded(routes_text(http_service("edu.payment", origin.url)))
        runtime = builder(metrics, clock).build(routes, KEYS, None).services["edu.payment"]
        assert runtime.http is not None
        record = RequestRecord(clock(), "GET")
        now = clock()
        record.service, record.deadline = runtime, now
        with pytest.raises(Fault, match="connection_lost"):
            await HttpDelivery(clock).deliver(runtime.http, a_request(), record, now)
    counted = await samples_of(metrics)
    assert counted["gateway_retries_total{result=refused_time,service=edu.payment}"] == 1
    assert len(origin.requests) == 1


async def test_a_body_that_was_passed_on_in_pieces_is_gone() -> None:
    async with Origin(DROPPED) as origin, door(origin.url) as it:
        head = request("PUT", "/s/edu.payment", {**WITH_KEY, "Transfer-Encoding": "chunked"})
        await it.caller.send(head + b"4\r\nfour\r\n")
        await origin.until(lambda o: o.requests != [])
        await it.caller.send(chunked(b"last"))
        answer = await it.caller.receive("PUT")
        assert await it.retries() == {"refused_body": 1}
    assert (answer.status, cause(answer), len(origin.requests)) == (502, "connection_lost", 1)


async def test_a_stale_connection_of_the_pool_costs_no_caller_an_error() -> None:
    closing = script(act.body, send(act.response(b"paid")), act.close)
    async with Origin.by_connection([closing]) as origin, door(origin.url) as it:
        answers = [(await it.ask("GET")).status for _ in range(5)]
    assert answers == [200] * 5
    assert origin.connections == 5


async def test_a_department_gets_the_time_that_is_left_and_the_channel() -> None:
    async with (
        Origin(DROPPED, reply()) as origin,
        door(origin.url, timeout="3s", http_path="/v2") as it,
    ):
        await it.ask("GET", path="/s/edu.payment/orders?id=1")
    first, second = (int(r.value("x-gateway-timeout-ms") or 0) for r in origin.requests)
    assert 3000 >= first > second > 0
    assert {r.value("x-gateway-channel") for r in origin.requests} == {b"app"}
    assert {r.target for r in origin.requests} == {"/v2/orders?id=1"}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"timeout": "300ms"}, (504, "connect_timeout")),
        ({"http_connect": "100ms"}, (504, "connect_timeout")),
    ],
)
async def test_a_connection_that_does_not_open_ends_in_time(
    settings: dict[str, str], expected: tuple[int, str]
) -> None:
    with silent_port() as port:
        async with door(f"http://127.0.0.1:{port}", retry="{attempts: 1}", **settings) as it:
            answer = await it.ask("GET")
    assert (answer.status, cause(answer)) == expected


@pytest.mark.parametrize("settings", [{"timeout": "300ms"}, {"http_first_byte": "100ms"}])
async def test_an_answer_that_does_not_begin_ends_in_time(settings: dict[str, str]) -> None:
    async with Origin(act.stall) as origin, door(origin.url, **settings) as it:
        answer = await it.ask("POST", b"order")
        await origin.until(lambda o: o.open == 0)
    assert (answer.status, cause(answer)) == (504, "answer_timeout")


async def test_a_name_that_does_not_resolve_is_called_so() -> None:
    async with door("http://department.invalid:80", retry="{attempts: 1}") as it:
        answer = await it.ask("GET")
    assert (answer.status, cause(answer)) == (502, "name_not_resolved")


async def test_requests_at_once_share_nothing_but_the_pool() -> None:
    go = asyncio.Event()
    slow = script(act.body, act.wait(go), send(act.response(b"paid")))
    async with Origin(slow) as origin:
        text = routes_text(http_service("edu.payment", origin.url))
        async with running_gateway(text) as running:
            callers = [Caller(running.entry_port) for _ in range(20)]
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(_one(caller)) for caller in callers]
                await origin.until(lambda o: len(o.requests) == 20)
                go.set()
            async with Caller(running.entry_port) as one_more:
                await one_more.ask("GET", "/s/edu.payment", WITH_KEY)
    assert {task.result() for task in tasks} == {b"paid"}
    assert origin.connections == 20


async def _one(caller: Caller) -> bytes:
    async with caller:
        return (await caller.ask("GET", "/s/edu.payment", WITH_KEY)).body


@pytest.mark.parametrize(
    ("prefix", "path", "query", "target"),
    [
        ("", "", "", "/"),
        ("", "/orders", "", "/orders"),
        ("/api", "", "", "/api"),
        ("/api", "/orders", "a=1&b=%20", "/api/orders?a=1&b=%20"),
        ("", "", "a", "/?a"),
    ],
)
def test_the_target_for_the_department(prefix: str, path: str, query: str, target: str) -> None:
    assert department_target(prefix, a_request(path=path, query=query)) == target


def test_the_fields_for_the_department_say_who_asks_and_how_long_it_may_take() -> None:
    assert department_fields("app", 1.9999, 2) == (
        b"X-Gateway-Channel: app\r\nX-Gateway-Timeout-Ms: 1999\r\nX-Gateway-Attempt: 2\r\n"
    )
