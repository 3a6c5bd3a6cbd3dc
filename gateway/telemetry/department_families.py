"""The series of Kafka departments: records, replies, spool, cases, callbacks, dead letters.

Room rule: as `gateway.telemetry.families`.
"""

from __future__ import annotations

from typing import Final

from gateway.telemetry.family import ADDED_SECONDS, HTTP_SECONDS, LONG_SECONDS, Family

__all__ = ["DEPARTMENT_FAMILIES"]

KAFKA_PRODUCE_DURATION: Final = Family(
    "gateway_kafka_produce_duration_seconds",
    "histogram",
    ("service",),
    "From handing a record to the producer to the acknowledgement of the brokers.",
    HTTP_SECONDS,
)
REPLIES: Final = Family(
    "gateway_replies_total",
    "counter",
    ("service", "fate"),
    "Records on the reply topics, by what became of them.",
)
KAFKA_CONNECTED: Final = Family(
    "gateway_kafka_connected",
    "gauge",
    (),
    "1 while the producer is connected to the brokers.",
)
KAFKA_PRODUCER_RESTARTS: Final = Family(
    "gateway_kafka_producer_restarts_total",
    "counter",
    (),
    "Producers that were abandoned as faulty and replaced.",
)
KAFKA_REPLIES_POSITIONED: Final = Family(
    "gateway_kafka_replies_positioned",
    "gauge",
    ("topic",),
    "1 while every partition of the reply topic is read from a known position.",
)
KAFKA_REPLY_WAIT: Final = Family(
    "gateway_kafka_reply_wait_seconds",
    "histogram",
    ("service",),
    "How long a request waited for the department's reply, answered or not.",
    HTTP_SECONDS,
)
KAFKA_WAITS: Final = Family(
    "gateway_kafka_waits",
    "gauge",
    ("service",),
    "Requests that wait for a reply now.",
)
SPOOL_UP: Final = Family(
    "gateway_spool_up",
    "gauge",
    (),
    "1 while the spool's disk takes records, 0 while writing fails.",
)
SPOOL_RECORDS: Final = Family(
    "gateway_spool_records",
    "gauge",
    (),
    "Records in the spool: durable on this node, not acknowledged by the brokers.",
)
SPOOL_BYTES: Final = Family(
    "gateway_spool_bytes",
    "gauge",
    (),
    "Bytes of the records in the spool.",
)
SPOOL_LIMIT: Final = Family(
    "gateway_spool_limit_bytes",
    "gauge",
    (),
    "Bytes that the spool may hold; beyond it requests get 503.",
)
SPOOL_AGE: Final = Family(
    "gateway_spool_oldest_age_seconds",
    "gauge",
    (),
    "Age of the oldest record in the spool, 0 when it is empty.",
)
SPOOL_COMMIT: Final = Family(
    "gateway_spool_commit_duration_seconds",
    "histogram",
    (),
    "One commit of the spool with its fsync; many records share one.",
    ADDED_SECONDS,
)
SPOOL_SPOOLED: Final = Family(
    "gateway_spool_spooled_total",
    "counter",
    (
        "service",
        "reason",
    ),
    "Records written to the spool, by why they were.",
)
SPOOL_DRAINED: Final = Family(
    "gateway_spool_drained_total",
    "counter",
    (
        "service",
        "result",
    ),
    "Records that left the spool, by what became of them.",
)
SPOOL_REFUSED: Final = Family(
    "gateway_spool_refused_total",
    "counter",
    (
        "service",
        "reason",
    ),
    "Requests refused because the spool could not take their record.",
)
SPOOL_WAIT: Final = Family(
    "gateway_spool_wait_seconds",
    "histogram",
    ("service",),
    "From being spooled to the acknowledgement of the brokers.",
    LONG_SECONDS,
)
POSSIBLE_DUPLICATES: Final = Family(
    "gateway_replayed_possible_duplicates_total",
    "counter",
    ("service",),
    "Records sent again after they may already have been written; they carry ce_replayed.",
)
CASES: Final = Family(
    "gateway_cases",
    "gauge",
    (
        "service",
        "state",
    ),
    "Cases in the store by state, counted now and then.",
)
CASES_TRANSITIONS: Final = Family(
    "gateway_cases_transitions_total",
    "counter",
    (
        "service",
        "state",
    ),
    "Changes of cases, by the state that was entered.",
)
CASES_REJECTED: Final = Family(
    "gateway_cases_rejected_total",
    "counter",
    (
        "service",
        "reason",
    ),
    "Events of cases that the table of states refused; each is kept in the case's history.",
)
CASES_EXPIRED: Final = Family(
    "gateway_cases_expired_total",
    "counter",
    ("service",),
    "Cases whose answer did not come in the time they had.",
)
CASES_SWEPT: Final = Family(
    "gateway_cases_swept_total",
    "counter",
    (),
    "Cases removed at the end of their retention.",
)
CASES_STORE_UP: Final = Family(
    "gateway_cases_store_up",
    "gauge",
    (),
    "1 while the case store answers.",
)
CASES_STORE_DURATION: Final = Family(
    "gateway_cases_store_duration_seconds",
    "histogram",
    ("operation",),
    "One operation of the case store, waiting for its commit included.",
    ADDED_SECONDS,
)
CASES_READ: Final = Family(
    "gateway_cases_read_total",
    "counter",
    (
        "channel",
        "result",
    ),
    "Questions about cases, by channel and whether it may see one.",
)
IDEMPOTENCY: Final = Family(
    "gateway_idempotency_total",
    "counter",
    (
        "service",
        "result",
    ),
    "Requests with an Idempotency-Key, by what it meant.",
)
CALLBACKS: Final = Family(
    "gateway_callbacks_total",
    "counter",
    (
        "channel",
        "result",
    ),
    "Attempts to deliver a callback, by result.",
)
DEAD_LETTERS: Final = Family(
    "gateway_dead_letters_total",
    "counter",
    (
        "service",
        "reason",
    ),
    "Records written to a dead letter topic, by reason.",
)

DEPARTMENT_FAMILIES: Final = (
    KAFKA_PRODUCE_DURATION,
    REPLIES,
    KAFKA_CONNECTED,
    KAFKA_PRODUCER_RESTARTS,
    KAFKA_REPLIES_POSITIONED,
    KAFKA_REPLY_WAIT,
    KAFKA_WAITS,
    SPOOL_UP,
    SPOOL_RECORDS,
    SPOOL_BYTES,
    SPOOL_LIMIT,
    SPOOL_AGE,
    SPOOL_COMMIT,
    SPOOL_SPOOLED,
    SPOOL_DRAINED,
    SPOOL_REFUSED,
    SPOOL_WAIT,
    POSSIBLE_DUPLICATES,
    CASES,
    CASES_TRANSITIONS,
    CASES_REJECTED,
    CASES_EXPIRED,
    CASES_SWEPT,
    CASES_STORE_UP,
    CASES_STORE_DURATION,
    CASES_READ,
    IDEMPOTENCY,
    CALLBACKS,
    DEAD_LETTERS,
)

REPLY_FATES: Final = ("answered", "late", "foreign", "duplicate", "malformed")
SPOOL_REASONS: Final = ("late", "away", "order", "journal")
DRAIN_RESULTS: Final = ("published", "refused")
SPOOL_REFUSALS: Final = ("full", "failed")
REJECTIONS: Final = ("stale", "illegal", "unknown_state")
LETTERS: Final = (
    "reply_malformed",
    "reply_invalid",
    "record_refused",
    "case_expired",
    "callback_undeliverable",
    "lost",
)
