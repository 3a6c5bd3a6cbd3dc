from __future__ import annotations

from gateway.telemetry.metrics import Gauges, Metrics
from tests.telemetry.scrapes import samples_of


async def test_how_long_requests_wait_for_replies_is_counted_by_service() -> None:
    metrics = Metrics("1.2.3", lambda: 0.0)
    metrics.kafka.waited("svc", 0.5)
    metrics.kafka.waited("svc", 0.25)
    seen = await samples_of(metrics)
    assert seen["gateway_kafka_reply_wait_seconds_sum{service=svc}"] == 0.75
    assert seen["gateway_kafka_reply_wait_seconds_count{service=svc}"] == 2


async def test_who_waits_now_is_read_at_the_scrape() -> None:
    metrics = Metrics("1.2.3", lambda: 0.0)
    metrics.watch(Gauges(waits={"svc": lambda: 41}))
    assert (await samples_of(metrics))["gateway_kafka_waits{service=svc}"] == 41
