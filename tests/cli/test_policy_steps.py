"""The steps that `explain` prints: the data path's own order, with every number in words."""

from __future__ import annotations

from gateway.cli.policy_steps import policy_steps
from gateway.handling.admission import ADMISSION_STEPS
from gateway.handling.pipeline import HTTP_STEPS, KAFKA_STEPS
from gateway.routing.model import (
    UNLIMITED,
    Channel,
    Department,
    Endpoint,
    HttpBackend,
    KafkaBackend,
    KafkaMode,
    Rate,
    Routes,
    Service,
)

HTTP = Service("edu.a", "A", "edu", HttpBackend((Endpoint("http", "127.0.0.1", 1),)))
KAFKA = Service(
    "hrss.b", "B", "edu", kafka=KafkaBackend("t", KafkaMode.REPLY, reply_topic="t.replies")
)
CHANNEL = Channel("app", (), ("edu.*",), Rate(UNLIMITED, 1.0), UNLIMITED)
ROUTES = Routes(
    {"edu": Department("edu", "教育局", max_in_flight=UNLIMITED)},
    {"app": CHANNEL},
    {"edu.a": HTTP, "hrss.b": KAFKA},
    "digest",
)


def test_the_order_is_that_of_the_data_path() -> None:
    assert [step.name for step in policy_steps(HTTP, ROUTES, None)] == [
        *ADMISSION_STEPS,
        *HTTP_STEPS,
    ]
    assert [step.name for step in policy_steps(KAFKA, ROUTES, None)] == [
        *ADMISSION_STEPS,
        *KAFKA_STEPS,
    ]


def test_unlimited_is_said_in_words() -> None:
    steps = {step.name: step.text for step in policy_steps(HTTP, ROUTES, CHANNEL)}
    assert steps["rate"].startswith("unlimited")
    assert steps["in flight"].startswith("at most unlimited at edu")


def test_the_grant_names_who_may_call() -> None:
    assert policy_steps(HTTP, ROUTES, None)[2].values == {"granted_to": ["app"]}
    assert policy_steps(KAFKA, ROUTES, None)[2].text == "granted to nobody; others: 403"


def test_a_reply_names_its_topic() -> None:
    reply = policy_steps(KAFKA, ROUTES, None)[-1]
    assert reply.values == {"mode": "reply", "reply_topic": "t.replies"}
