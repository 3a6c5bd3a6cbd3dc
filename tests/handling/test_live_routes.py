"""Snapshots: what a new one takes over from the one before, and what ends with the old one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from gateway.handling.admission import key_digest
from gateway.handling.live_routes import RouteBoard
from gateway.policies.breaker import Outcome
from gateway.telemetry.metrics import Metrics
from tests.doubles.gateway import APP_KEY, http_service, routes_text
from tests.handling.snapshots import KEYS, NOW, builder, loaded, snapshot

if TYPE_CHECKING:
    from gateway.handling.live_routes import LiveRoutes

ONE: Final = "http://127.0.0.1:9101"
TWO: Final = "http://127.0.0.1:9102"
PAYMENT: Final = http_service("edu.payment", ONE)
SCHOOL: Final = http_service("edu.school", ONE)


async def after(first: LiveRoutes, text: str) -> LiveRoutes:
    return builder().build(await loaded(text), KEYS, first)


async def test_an_unchanged_service_keeps_all_that_lives() -> None:
    first = await snapshot(routes_text(PAYMENT))
    second = await after(first, routes_text(PAYMENT, SCHOOL))
    old, new = (live.services["edu.payment"].http for live in (first, second))
    assert old is not None
    assert new is not None
    assert new.breaker is old.breaker
    assert new.budget is old.budget
    assert [end.pool for end in new.endpoints] == [end.pool for end in old.endpoints]
    assert second.channels["app"].bucket is first.channels["app"].bucket
    assert second.departments["edu"].in_flight is first.departments["edu"].in_flight


async def test_a_changed_service_keeps_its_state_and_takes_the_new_numbers() -> None:
    first = await snapshot(routes_text(http_service("edu.payment", ONE, breaker="{requests: 2}")))
    old = first.services["edu.payment"].http
    assert old is not None
    for _ in range(2):
        old.breaker.settle(old.breaker.permit(NOW), Outcome.FAILURE, NOW)
    changed = http_service("edu.payment", ONE, breaker="{pause: 1m}", timeout="9s")
    second = await after(first, routes_text(changed))
    runtime = second.services["edu.payment"]
    assert runtime.service.timeout == 9
    assert runtime.http is not None
    assert runtime.http.breaker.retry_after(NOW) == 60


async def test_a_retry_budget_keeps_its_counts_and_takes_the_new_numbers() -> None:
    text = http_service("edu.payment", ONE, retry="{budget: {minimum: 2}}")
    first = await snapshot(routes_text(text))
    old = first.services["edu.payment"].http
    assert old is not None
    assert old.budget.grant(NOW)
    second = await after(first, routes_text(text.replace("minimum: 2", "minimum: 3")))
    new = second.services["edu.payment"].http
    assert new is not None
    assert [new.budget.grant(NOW) for _ in range(3)] == [True, True, False]


async def test_an_ejected_endpoint_stays_ejected_whatever_its_place() -> None:
    ejection = "{failures: 1, pause: 1m}"
    first = await snapshot(
        routes_text(http_service("edu.payment", ONE, TWO, http_ejection=ejection))
    )
    old = first.services["edu.payment"].http
    assert old is not None
    old.balancer.started(1)
    old.balancer.failed(1, NOW)
    second = await after(
        first, routes_text(http_service("edu.payment", TWO, ONE, http_ejection=ejection))
    )
    new = second.services["edu.payment"].http
    assert new is not None
    assert [new.balancer.up(index, NOW) for index in (0, 1)] == [False, True]


async def test_a_department_keeps_its_count_and_takes_the_new_limit() -> None:
    text = routes_text(PAYMENT).replace('"0510-00000000"}', '"0510-00000000", max_in_flight: 1}')
    first = await snapshot(text)
    assert first.departments["edu"].in_flight.enter()
    second = await after(first, text.replace("max_in_flight: 1", "max_in_flight: 2"))
    in_flight = second.departments["edu"].in_flight
    assert [in_flight.enter(), in_flight.enter()] == [True, False]


async def test_a_bucket_keeps_its_level_when_the_rate_changes() -> None:
    text = routes_text(PAYMENT)
    first = await snapshot(text)
    for _ in range(9_990):
        first.channels["app"].bucket.take(NOW)
    slower = text.replace("rate: 10000/s, burst: 10000", "rate: 1/m, burst: 5", 1)
    second = await after(first, slower)
    assert second.channels["app"].bucket.remaining(NOW) <= 5
    second.channels["app"].bucket.take(NOW)
    assert second.channels["app"].bucket.remaining(NOW) <= 4


async def test_an_endpoint_that_stays_keeps_its_pool_whatever_its_place() -> None:
    first = await snapshot(routes_text(http_service("edu.payment", ONE, TWO)))
    second = await after(first, routes_text(http_service("edu.payment", TWO)))
    old, new = (live.services["edu.payment"].http for live in (first, second))
    assert old is not None
    assert new is not None
    assert new.endpoints[0].pool is old.endpoints[1].pool


async def test_two_services_never_share_a_pool() -> None:
    live = await snapshot(routes_text(PAYMENT, SCHOOL))
    pools = [runtime.http.endpoints[0].pool for runtime in live.services.values() if runtime.http]
    assert len(pools) == len(set(map(id, pools))) == 2


async def test_counters_of_a_service_go_on() -> None:
    metrics = Metrics("0", time.monotonic)
    routes = await loaded(routes_text(PAYMENT))
    first = builder(metrics).build(routes, KEYS, None)
    second = builder(metrics).build(routes, KEYS, first)
    assert second.services["edu.payment"].meter is first.services["edu.payment"].meter


async def test_only_the_digest_of_a_key_is_kept() -> None:
    live = await snapshot(routes_text(PAYMENT))
    digest = key_digest(APP_KEY.encode())
    assert live.keys[digest] == (digest, live.channels["app"])
    assert APP_KEY not in repr(live.keys)


async def test_a_key_that_is_taken_away_opens_nothing() -> None:
    first = await snapshot(routes_text(PAYMENT))
    second = builder().build(first.routes, {"app": (b"made-up-new-key",)}, first)
    assert set(second.keys) == {key_digest(b"made-up-new-key")}


async def test_a_swap_is_one_assignment_and_closes_what_is_not_used_any_more() -> None:
    first = await snapshot(routes_text(PAYMENT, SCHOOL))
    board = RouteBoard(first)
    second = await after(first, routes_text(PAYMENT))
    board.swap(second)
    assert board.current is second
    assert set(second.pools) < set(first.pools)


async def test_a_build_leaves_the_running_snapshot_as_it_is() -> None:
    first = await snapshot(routes_text(PAYMENT))
    services, keys, pools = dict(first.services), dict(first.keys), dict(first.pools)
    await after(first, routes_text(SCHOOL))
    assert (first.services, first.keys, first.pools) == (services, keys, pools)


async def test_a_service_that_comes_back_begins_anew() -> None:
    first = await snapshot(routes_text(PAYMENT))
    second = await after(first, routes_text(SCHOOL))
    third = await after(second, routes_text(PAYMENT))
    old, new = (live.services["edu.payment"].http for live in (first, third))
    assert old is not None
    assert new is not None
    assert new.breaker is not old.breaker
