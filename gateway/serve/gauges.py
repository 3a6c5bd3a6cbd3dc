"""What is read at a scrape: each number is asked of whoever owns it.

Room rule: as `gateway.serve`. Each callable holds on to its own runtime, so that a scrape that
runs through a reload sees one version whole.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gateway.telemetry.metrics import Gauges

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.handling.live_routes import LiveRoutes
    from gateway.handling.route_runtime import (
        DepartmentRuntime,
        EndpointRuntime,
        HttpRuntime,
        KafkaRuntime,
    )
    from gateway.telemetry.spool_meter import SpoolReading

__all__ = ["gauges"]


def gauges(
    live: LiveRoutes,
    topics: frozenset[str],
    clock: Callable[[], float],
    spool: Callable[[], SpoolReading] | None,
) -> Gauges:
    """Return whom to ask while `live` is in force; `topics` are those that replies come on."""
    http = {id_: rt.http for id_, rt in live.services.items() if rt.http is not None}
    kafka = {id_: rt.kafka for id_, rt in live.services.items() if rt.kafka is not None}
    return Gauges(
        in_flight={id_: partial(_in_flight, d) for id_, d in live.departments.items()},
        breakers={id_: partial(_breaker_state, runtime, clock) for id_, runtime in http.items()},
        endpoints={
            (id_, endpoint.url): partial(_endpoint_up, endpoint, clock)
            for id_, runtime in http.items()
            for endpoint in runtime.endpoints
        },
        services=[runtime.labels for runtime in live.services.values()],
        reply_topics=topics,
        waits={
            id_: partial(_waits, runtime)
            for id_, runtime in kafka.items()
            if runtime.backend.reply_topic is not None
        },
        spool=spool,
    )


def _in_flight(department: DepartmentRuntime) -> int:
    return department.in_flight.count


def _breaker_state(http: HttpRuntime, clock: Callable[[], float]) -> int:
    return http.breaker.state(clock())


def _endpoint_up(endpoint: EndpointRuntime, clock: Callable[[], float]) -> bool:
    return endpoint.balancer.up(endpoint.index, clock())


def _waits(kafka: KafkaRuntime) -> int:
    return kafka.waits.count
