from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.telemetry.metrics import Gauges, Metrics
from tests.telemetry.scrapes import samples_of

if TYPE_CHECKING:
    from gateway.kafka.events import KafkaEvents


def made(wall: float = 1_000_000.0) -> Metrics:
    return Metrics("1.2.3", lambda: wall)


def count(service: str, channel: str, transport: str, cause: str) -> str:
    labels = f"cause={cause},channel={channel},service={service},transport={transport}"
    return f"gateway_requests_total{{{labels}}}"


async def test_a_request_is_counted_once_with_its_duration_and_both_parts_of_it() -> None:
    metrics = made()
    metrics.service("edu.payment", "http").finished("sufuban", "none", 0.5, 0.375)
    seen = await samples_of(metrics)
    assert seen[count("edu.payment", "sufuban", "http", "none")] == 1
    assert seen["gateway_request_duration_seconds_sum{service=edu.payment}"] == 0.5
    assert seen["gateway_department_duration_seconds_sum{service=edu.payment}"] == 0.375
    assert seen["gateway_added_duration_seconds_sum{transport=http}"] == 0.125


async def test_a_department_that_was_never_asked_has_no_duration() -> None:
    metrics = made()
    metrics.service("edu.payment", "http").finished("sufuban", "rate_limited", 0.25, None)
    seen = await samples_of(metrics)
    assert seen["gateway_request_duration_seconds_count{service=edu.payment}"] == 1
    assert seen["gateway_department_duration_seconds_count{service=edu.payment}"] == 0
    assert seen["gateway_added_duration_seconds_sum{transport=http}"] == 0.25


async def test_waiting_for_the_caller_is_neither_the_gateways_time_nor_the_departments() -> None:
    metrics = made()
    metrics.service("edu.payment", "http").finished("sufuban", "none", 0.5, 0.25, 0.125)
    metrics.service("edu.payment", "http").finished("sufuban", "body_timeout", 0.5, None, 0.375)
    seen = await samples_of(metrics)
    assert seen["gateway_department_duration_seconds_sum{service=edu.payment}"] == 0.25
    assert seen["gateway_added_duration_seconds_sum{transport=http}"] == 0.25


async def test_a_request_for_no_known_service_is_counted_under_a_dash() -> None:
    metrics = made()
    metrics.unknown.finished("-", "service_unknown", 0.001, None)
    metrics.unknown.finished("sufuban", "service_unknown", 0.001, None)
    seen = await samples_of(metrics)
    assert seen[count("-", "-", "-", "service_unknown")] == 1
    assert seen[count("-", "sufuban", "-", "service_unknown")] == 1


async def test_counters_go_on_when_a_reload_asks_for_the_meter_again() -> None:
    metrics = made()
    metrics.service("edu.payment", "http").finished("sufuban", "none", 0.1, 0.1)
    metrics.service("edu.payment", "http").finished("sufuban", "none", 0.1, 0.1)
    seen = await samples_of(metrics)
    assert seen[count("edu.payment", "sufuban", "http", "none")] == 2


async def test_a_service_that_moves_to_kafka_keeps_its_durations_and_counts_both_ways() -> None:
    metrics = made()
    metrics.service("edu.payment", "http").finished("sufuban", "none", 0.25, 0.25)
    metrics.service("edu.payment", "kafka").finished("sufuban", "none", 0.5, 0.5)
    seen = await samples_of(metrics)
    assert seen[count("edu.payment", "sufuban", "http", "none")] == 1
    assert seen[count("edu.payment", "sufuban", "kafka", "none")] == 1
    assert seen["gateway_request_duration_seconds_sum{service=edu.payment}"] == 0.75


async def test_retries_are_at_zero_before_the_first_one() -> None:
    metrics = made()
    meter = metrics.service("edu.payment", "http")
    meter.retried("refused_budget")
    seen = await samples_of(metrics)
    retries = {key: value for key, value in seen.items() if key.startswith("gateway_retries")}
    assert retries == {
        "gateway_retries_total{result=made,service=edu.payment}": 0,
        "gateway_retries_total{result=refused_unsafe,service=edu.payment}": 0,
        "gateway_retries_total{result=refused_budget,service=edu.payment}": 1,
        "gateway_retries_total{result=refused_time,service=edu.payment}": 0,
        "gateway_retries_total{result=refused_body,service=edu.payment}": 0,
    }


async def test_gauges_are_read_from_their_owners_at_the_scrape() -> None:
    metrics = made()
    in_flight = {"xishan-edu": 3}
    metrics.watch(
        Gauges(
            in_flight={"xishan-edu": lambda: in_flight["xishan-edu"]},
            breakers={"edu.payment": lambda: 2},
            endpoints={
                ("edu.payment", "http://10.0.0.1:80"): lambda: True,
                ("edu.payment", "http://10.0.0.2:80"): lambda: False,
            },
            services=[("edu.payment", "xishan-edu", "http")],
        )
    )
    in_flight["xishan-edu"] = 4
    metrics.connections += 2
    seen = await samples_of(metrics)
    assert seen["gateway_requests_in_flight{department=xishan-edu}"] == 4
    assert seen["gateway_breaker_state{service=edu.payment}"] == 2
    assert seen["gateway_endpoint_up{endpoint=http://10.0.0.1:80,service=edu.payment}"] == 1
    assert seen["gateway_endpoint_up{endpoint=http://10.0.0.2:80,service=edu.payment}"] == 0
    assert seen["gateway_caller_connections{}"] == 2
    info = "gateway_service_info{department=xishan-edu,service=edu.payment,transport=http}"
    assert seen[info] == 1


async def test_what_a_reload_took_away_loses_its_gauges() -> None:
    metrics = made()
    metrics.watch(Gauges(breakers={"edu.payment": lambda: 0}, reply_topics=frozenset({"replies"})))
    metrics.watch(Gauges(breakers={"edu.school": lambda: 0}))
    seen = await samples_of(metrics)
    assert "gateway_breaker_state{service=edu.payment}" not in seen
    assert "gateway_breaker_state{service=edu.school}" in seen
    assert not [key for key in seen if key.startswith("gateway_kafka_replies_positioned")]


async def test_the_routes_that_run_are_shown_with_digest_time_and_age() -> None:
    metrics = made(wall=1_000_090.0)
    metrics.routes_loaded("old", 900_000.0)
    metrics.routes_loaded("new", 1_000_000.0)
    metrics.routes_reload("applied")
    seen = await samples_of(metrics)
    assert seen["gateway_routes_info{digest=new}"] == 1
    assert "gateway_routes_info{digest=old}" not in seen
    assert seen["gateway_routes_loaded_timestamp_seconds{}"] == 1_000_000
    assert seen["gateway_routes_age_seconds{}"] == 90
    assert seen["gateway_routes_reloads_total{result=applied}"] == 1
    assert seen["gateway_routes_reloads_total{result=refused}"] == 0


async def test_before_the_first_routes_there_is_no_digest_and_no_age() -> None:
    seen = await samples_of(made())
    assert not [key for key in seen if key.startswith(("gateway_routes_info", "gateway_routes_a"))]


async def test_refused_services_are_shown_until_they_are_mended() -> None:
    metrics = made()
    metrics.routes_refused(["edu.payment", "edu.school"])
    metrics.routes_refused(["edu.school"])
    seen = await samples_of(metrics)
    refused = {key for key in seen if key.startswith("gateway_routes_refused")}
    assert refused == {"gateway_routes_refused{service=edu.school}"}


async def test_the_kafka_room_reports_through_its_own_events() -> None:
    metrics = made()
    metrics.service("hrss.pension-query", "kafka")
    metrics.watch(Gauges(reply_topics=frozenset({"pension.replies", "card.replies"})))
    events: KafkaEvents = metrics.kafka
    events.produced("hrss.pension-query", 0.0625)
    events.connected(up=True)
    events.producer_restarted()
    events.positioned("pension.replies", ready=True)
    seen = await samples_of(metrics)
    produced = "gateway_kafka_produce_duration_seconds_sum{service=hrss.pension-query}"
    assert seen[produced] == 0.0625
    assert seen["gateway_kafka_connected{}"] == 1
    assert seen["gateway_kafka_producer_restarts_total{}"] == 1
    assert seen["gateway_kafka_replies_positioned{topic=pension.replies}"] == 1
    assert seen["gateway_kafka_replies_positioned{topic=card.replies}"] == 0


async def test_a_position_or_connection_that_is_lost_is_shown_as_zero() -> None:
    metrics = made()
    metrics.watch(Gauges(reply_topics=frozenset({"replies"})))
    for state in (True, False):
        metrics.kafka.connected(up=state)
        metrics.kafka.positioned("replies", ready=state)
    seen = await samples_of(metrics)
    assert seen["gateway_kafka_connected{}"] == 0
    assert seen["gateway_kafka_replies_positioned{topic=replies}"] == 0


async def test_replies_are_counted_by_fate_and_the_nameless_under_a_dash() -> None:
    metrics = made()
    metrics.service("hrss.pension-query", "kafka")
    metrics.kafka.replied("hrss.pension-query", "late")
    metrics.kafka.replied("-", "foreign")
    seen = await samples_of(metrics)
    assert seen["gateway_replies_total{fate=late,service=hrss.pension-query}"] == 1
    assert seen["gateway_replies_total{fate=answered,service=hrss.pension-query}"] == 0
    assert seen["gateway_replies_total{fate=foreign,service=-}"] == 1


async def test_the_rest_of_the_counts_have_their_series() -> None:
    metrics = made()
    metrics.rate_limited("sufuban")
    metrics.loop_lag(0.125)
    metrics.log_lines_dropped(7)
    seen = await samples_of(metrics)
    assert seen["gateway_rate_limited_total{channel=sufuban}"] == 1
    assert seen["gateway_event_loop_lag_seconds_sum{}"] == 0.125
    assert seen["gateway_log_lines_dropped_total{}"] == 7
    assert seen["gateway_build_info{version=1.2.3}"] == 1
