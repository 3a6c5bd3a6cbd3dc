"""Every Prometheus series, declared once: name, type, labels, meaning, buckets.

Room rule: this table is the interface to dashboards and alert rules. Names follow Prometheus'
naming rules (base units, `_total` for counters), label values come only from configuration and
from lists in this project, and a service, channel or transport that is not known is `-`.
"""

from __future__ import annotations

from typing import Final

from gateway.telemetry.department_families import DEPARTMENT_FAMILIES
from gateway.telemetry.family import ADDED_SECONDS, HTTP_SECONDS, LAG_SECONDS, Family

__all__ = ["FAMILIES", "Family", "describe"]

REQUESTS: Final = Family(
    "gateway_requests_total",
    "counter",
    ("service", "channel", "transport", "cause"),
    "Requests answered, each once; cause is none for a success.",
)
REQUEST_DURATION: Final = Family(
    "gateway_request_duration_seconds",
    "histogram",
    ("service",),
    "From the complete head of the request to the last byte of the answer.",
    HTTP_SECONDS,
)
DEPARTMENT_DURATION: Final = Family(
    "gateway_department_duration_seconds",
    "histogram",
    ("service",),
    "Time of a request spent waiting for the department or, over Kafka, for broker and department.",
    HTTP_SECONDS,
)
ADDED_DURATION: Final = Family(
    "gateway_added_duration_seconds",
    "histogram",
    ("transport",),
    "Time added by the gateway: duration of the request minus waiting for department and caller.",
    ADDED_SECONDS,
)
REQUESTS_IN_FLIGHT: Final = Family(
    "gateway_requests_in_flight",
    "gauge",
    ("department",),
    "Requests that a department is working on now.",
)
CALLER_CONNECTIONS: Final = Family(
    "gateway_caller_connections",
    "gauge",
    (),
    "Connections of callers that are open now, idle ones included.",
)
ENDPOINT_UP: Final = Family(
    "gateway_endpoint_up",
    "gauge",
    ("service", "endpoint"),
    "1 while the endpoint takes requests, 0 while it is ejected.",
)
BREAKER_STATE: Final = Family(
    "gateway_breaker_state",
    "gauge",
    ("service",),
    "Circuit breaker of the service: 0 closed, 1 half-open, 2 open.",
)
RETRIES: Final = Family(
    "gateway_retries_total",
    "counter",
    ("service", "result"),
    "Retries made, and retries refused by the reason for the refusal.",
)
RATE_LIMITED: Final = Family(
    "gateway_rate_limited_total",
    "counter",
    ("channel",),
    "Requests refused because the channel sends more than its rate.",
)
ROUTES_RELOADS: Final = Family(
    "gateway_routes_reloads_total",
    "counter",
    ("result",),
    "Times the routes file was read again, by what became of it.",
)
ROUTES_INFO: Final = Family(
    "gateway_routes_info",
    "gauge",
    ("digest",),
    "1 for the digest of the routes that run now.",
)
ROUTES_LOADED: Final = Family(
    "gateway_routes_loaded_timestamp_seconds",
    "gauge",
    (),
    "When the routes that run now were applied, in seconds since 1970 (UTC).",
)
ROUTES_AGE: Final = Family(
    "gateway_routes_age_seconds",
    "gauge",
    (),
    "Time since the routes that run now were applied.",
)
ROUTES_REFUSED: Final = Family(
    "gateway_routes_refused",
    "gauge",
    ("service",),
    "1 while the file's version of the service is refused and its last good one, or nothing, "
    "runs; service - when the whole file is refused.",
)
EVENT_LOOP_LAG: Final = Family(
    "gateway_event_loop_lag_seconds",
    "histogram",
    (),
    "How late the event loop runs a timer; sampled twice a second.",
    LAG_SECONDS,
)
LOG_LINES_DROPPED: Final = Family(
    "gateway_log_lines_dropped_total",
    "counter",
    (),
    "Lines of the request log that were dropped because its stream is blocked or broken.",
)
SERVICE_INFO: Final = Family(
    "gateway_service_info",
    "gauge",
    ("service", "department", "transport"),
    "1 for each service that runs: joins what has a service label to its department.",
)
BUILD_INFO: Final = Family(
    "gateway_build_info",
    "gauge",
    ("version",),
    "1 for the version of the gateway that runs.",
)

FAMILIES: Final = (
    REQUESTS,
    REQUEST_DURATION,
    DEPARTMENT_DURATION,
    ADDED_DURATION,
    REQUESTS_IN_FLIGHT,
    CALLER_CONNECTIONS,
    ENDPOINT_UP,
    BREAKER_STATE,
    RETRIES,
    RATE_LIMITED,
    ROUTES_RELOADS,
    ROUTES_INFO,
    ROUTES_LOADED,
    ROUTES_AGE,
    ROUTES_REFUSED,
    *DEPARTMENT_FAMILIES,
    EVENT_LOOP_LAG,
    LOG_LINES_DROPPED,
    SERVICE_INFO,
    BUILD_INFO,
)

RETRY_RESULTS: Final = ("made", "refused_unsafe", "refused_budget", "refused_time", "refused_body")
RELOAD_RESULTS: Final = ("applied", "partial", "refused", "unchanged")


def describe() -> tuple[Family, ...]:
    """Return the whole table, in the order of a scrape; documentation and checks read it."""
    return FAMILIES
