from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.cases.case import State
from gateway.kafka.dead_letters import Reason
from gateway.telemetry.metrics import Gauges, Metrics
from tests.telemetry.scrapes import samples_of

if TYPE_CHECKING:
    from gateway.cases.events import CaseEvents


def made() -> Metrics:
    metrics = Metrics("1.2.3", lambda: 0.0)
    metrics.watch(Gauges(services=[("svc", "dept", "kafka")]))
    return metrics


async def test_the_room_of_cases_reports_through_its_own_events() -> None:
    metrics = made()
    events: CaseEvents = metrics.cases
    events.transition("svc", State.PUBLISHED)
    events.rejected("svc", "stale")
    events.expired("svc")
    events.swept(4)
    events.store_duration("insert", 0.5)
    events.store_up(up=True)
    seen = await samples_of(metrics)
    assert seen["gateway_cases_transitions_total{service=svc,state=published}"] == 1
    assert seen["gateway_cases_rejected_total{reason=stale,service=svc}"] == 1
    assert seen["gateway_cases_expired_total{service=svc}"] == 1
    assert seen["gateway_cases_swept_total{}"] == 4
    assert seen["gateway_cases_store_duration_seconds_sum{operation=insert}"] == 0.5
    assert seen["gateway_cases_store_up{}"] == 1


async def test_cases_are_counted_for_services_that_run_and_no_others() -> None:
    metrics = made()
    metrics.cases.counted({("svc", State.ANSWERED): 5, ("removed", State.ANSWERED): 9})
    seen = await samples_of(metrics)
    assert seen["gateway_cases{service=svc,state=answered}"] == 5
    assert "gateway_cases{service=removed,state=answered}" not in seen


async def test_questions_keys_callbacks_and_dead_letters_are_counted() -> None:
    metrics = made()
    metrics.cases.read("app", "found")
    metrics.cases.repeated("svc", "replayed")
    metrics.cases.callback("app", "retry")
    metrics.cases.dead_letter("svc", "expired")
    seen = await samples_of(metrics)
    assert seen["gateway_cases_read_total{channel=app,result=found}"] == 1
    assert seen["gateway_idempotency_total{result=replayed,service=svc}"] == 1
    assert seen["gateway_callbacks_total{channel=app,result=retry}"] == 1
    assert seen["gateway_dead_letters_total{reason=expired,service=svc}"] == 1


async def test_a_service_has_its_series_before_anything_went_wrong() -> None:
    metrics = made()
    metrics.service("svc", "kafka")
    seen = await samples_of(metrics)
    assert seen["gateway_cases_expired_total{service=svc}"] == 0
    for reason in ("stale", "illegal", "unknown_state"):
        assert seen[f"gateway_cases_rejected_total{{reason={reason},service=svc}}"] == 0
    for reason in (*Reason, "lost"):
        assert seen[f"gateway_dead_letters_total{{reason={reason},service=svc}}"] == 0


async def test_a_store_that_was_never_asked_is_neither_up_nor_down() -> None:
    assert "gateway_cases_store_up{}" not in await samples_of(made())
