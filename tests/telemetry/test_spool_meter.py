from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.kafka.spool_events import DrainResult, Refusal, SpoolReason
from gateway.telemetry.metrics import Gauges, Metrics
from gateway.telemetry.spool_meter import SpoolReading
from tests.telemetry.scrapes import samples_of

if TYPE_CHECKING:
    from gateway.kafka.spool_events import SpoolEvents


def made() -> Metrics:
    metrics = Metrics("1.2.3", lambda: 0.0)
    metrics.service("svc", "kafka")
    return metrics


async def test_a_service_has_its_series_before_anything_was_spooled() -> None:
    seen = await samples_of(made())
    for reason in ("late", "away", "order", "journal"):
        assert seen[f"gateway_spool_spooled_total{{reason={reason},service=svc}}"] == 0
    for result in ("published", "refused"):
        assert seen[f"gateway_spool_drained_total{{result={result},service=svc}}"] == 0
    assert seen["gateway_replayed_possible_duplicates_total{service=svc}"] == 0


async def test_the_outbox_reports_through_its_own_events() -> None:
    metrics = made()
    events: SpoolEvents = metrics.spool
    events.spooled("svc", SpoolReason.LATE)
    events.drained("svc", DrainResult.PUBLISHED, 2.0)
    events.drained("svc", DrainResult.REFUSED, 3.0)
    events.refused("svc", Refusal.FULL)
    events.committed(7, 0.25)
    events.possible_duplicate("svc")
    seen = await samples_of(metrics)
    assert seen["gateway_spool_spooled_total{reason=late,service=svc}"] == 1
    assert seen["gateway_spool_drained_total{result=published,service=svc}"] == 1
    assert seen["gateway_spool_wait_seconds_sum{service=svc}"] == 2.0
    assert seen["gateway_spool_wait_seconds_count{service=svc}"] == 1
    assert seen["gateway_spool_refused_total{reason=full,service=svc}"] == 1
    assert seen["gateway_spool_commit_duration_seconds_sum{}"] == 0.25
    assert seen["gateway_replayed_possible_duplicates_total{service=svc}"] == 1


async def test_the_spool_itself_is_read_at_the_scrape() -> None:
    metrics = made()
    assert "gateway_spool_records{}" not in await samples_of(metrics)
    metrics.watch(
        Gauges(spool=lambda: SpoolReading(up=True, records=3, size=1000, limit=4096, age=12.5))
    )
    seen = await samples_of(metrics)
    assert seen["gateway_spool_up{}"] == 1
    assert seen["gateway_spool_records{}"] == 3
    assert seen["gateway_spool_bytes{}"] == 1000
    assert seen["gateway_spool_limit_bytes{}"] == 4096
    assert seen["gateway_spool_oldest_age_seconds{}"] == 12.5


async def test_an_empty_spool_that_fails_shows_zeros_and_not_nothing() -> None:
    metrics = made()
    metrics.watch(
        Gauges(spool=lambda: SpoolReading(up=False, records=0, size=0, limit=4096, age=0.0))
    )
    seen = await samples_of(metrics)
    assert seen["gateway_spool_up{}"] == 0
    assert seen["gateway_spool_records{}"] == 0
