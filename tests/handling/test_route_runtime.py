"""The books of an attempt: closed once, with the breaker, the balancer and the pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from gateway.handling.request_record import RequestRecord
from gateway.policies.breaker import BreakerState, Outcome
from tests.doubles.gateway import http_service, routes_text
from tests.handling.snapshots import NOW, snapshot

if TYPE_CHECKING:
    from gateway.handling.route_runtime import HttpRuntime

SERVICE: Final = http_service(
    "edu.payment",
    "http://127.0.0.1:9101",
    "http://127.0.0.1:9102",
    breaker="{requests: 2}",
    http_path="/api/v2",
    http_ejection="{failures: 1}",
)


async def http_runtime() -> HttpRuntime:
    http = (await snapshot(routes_text(SERVICE))).services["edu.payment"].http
    assert http is not None
    return http


def an_attempt(http: HttpRuntime, index: int = 0) -> RequestRecord:
    record = RequestRecord(NOW, "GET")
    record.ticket = http.breaker.permit(NOW)
    record.endpoint = http.endpoints[index]
    http.balancer.started(index)
    return record


async def test_the_path_of_the_file_is_put_before_the_rest() -> None:
    assert (await http_runtime()).prefix == "/api/v2"


@pytest.mark.parametrize(
    ("outcome", "up"),
    [(Outcome.SUCCESS, True), (Outcome.FAILURE, False), (Outcome.ABANDONED, True)],
)
async def test_the_balancer_hears_the_outcome(outcome: Outcome, *, up: bool) -> None:
    http = await http_runtime()
    http.settle(an_attempt(http), outcome, NOW)
    assert http.balancer.up(0, NOW) is up
    assert http.balancer.up(1, NOW)


async def test_the_breaker_hears_the_outcome() -> None:
    http = await http_runtime()
    for _ in range(2):
        http.settle(an_attempt(http), Outcome.FAILURE, NOW)
    assert http.breaker.state(NOW) is BreakerState.OPEN


async def test_an_attempt_is_settled_once() -> None:
    http = await http_runtime()
    record = an_attempt(http)
    for _ in range(3):
        http.settle(record, Outcome.FAILURE, NOW)
    assert http.breaker.state(NOW) is BreakerState.CLOSED
    assert (record.ticket, record.endpoint, record.connection) == (0, None, None)


async def test_a_request_that_the_breaker_refused_has_nothing_to_settle() -> None:
    http = await http_runtime()
    http.settle(RequestRecord(NOW, "GET"), Outcome.FAILURE, NOW)
    assert http.balancer.up(0, NOW)
