"""The steps that `explain` prints: the data path's own order, with every number in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.cli.policy_steps import Step, policy_steps
from gateway.handling.admission import ADMISSION_STEPS
from gateway.handling.pipeline import HTTP_STEPS, KAFKA_STEPS
from gateway.routing.model import (
    UNLIMITED,
    Callback,
    Channel,
    Department,
    Durability,
    Endpoint,
    HttpBackend,
    Idempotency,
    KafkaBackend,
    KafkaMode,
    PayloadSchema,
    Rate,
    Repeat,
    Routes,
    SecretKind,
    SecretRef,
    Service,
)

HTTP = Service("edu.a", "A", "edu", HttpBackend((Endpoint("http", "127.0.0.1", 1),)))
REPLY = KafkaBackend("t", KafkaMode.REPLY, reply_topic="t.replies")
KAFKA = Service("hrss.b", "B", "edu", kafka=REPLY)
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


def steps_of(service: Service, channel: Channel | None = None) -> dict[str, Step]:
    return {step.name: step for step in policy_steps(service, ROUTES, channel)}


def test_a_reply_names_all_that_decides_about_it() -> None:
    kafka = replace(REPLY, profile="spring", max_waits=7)
    service = replace(KAFKA, kafka=kafka, reply_schema=PayloadSchema("s/reply.json", {}))
    reply = steps_of(service)["reply"]

    assert reply.values == {
        "mode": "reply",
        "reply_topic": "t.replies",
        "max_waits": 7,
        "profile": "spring",
        "schema": "s/reply.json",
    }
    for word in ("t.replies", "7 at once", "spring", "s/reply.json"):
        assert word in reply.text


def test_a_receipt_says_when_its_case_ends() -> None:
    accept = replace(KAFKA, kafka=KafkaBackend("t", KafkaMode.ACCEPT))
    event = replace(KAFKA, kafka=KafkaBackend("t", KafkaMode.EVENT))

    assert "ends" not in steps_of(accept)["reply"].text
    assert "the case ends with its publication" in steps_of(event)["reply"].text
    assert steps_of(event)["reply"].values["max_waits"] is None


def test_a_deadline_over_kafka_ends_in_a_receipt_where_one_waits() -> None:
    accept = replace(KAFKA, kafka=KafkaBackend("t", KafkaMode.ACCEPT))

    assert steps_of(KAFKA)["deadline"].text.endswith("then the receipt")
    assert steps_of(accept)["deadline"].text.endswith("504")


def test_the_outbox_says_what_is_kept_when() -> None:
    spill = KafkaBackend("t", KafkaMode.ACCEPT, spill_after=0.25)
    journal = replace(spill, durability=Durability.JOURNAL)

    first, second = (steps_of(replace(KAFKA, kafka=one))["outbox"] for one in (spill, journal))
    assert first.text.startswith("topic t")
    assert "not within 0.25 s: kept on this gateway's disk" in first.text
    assert second.text.startswith("on this gateway's disk first")
    assert (first.values["durability"], second.values["durability"]) == ("spill", "journal")
    assert first.values["spill_after"] == 0.25


@pytest.mark.parametrize(
    ("idempotency", "repeat", "words"),
    [
        (Idempotency.OFF, Repeat.JOIN, "not looked at"),
        (Idempotency.OPTIONAL, Repeat.JOIN, "optional; repeated: the first answer again, while"),
        (Idempotency.REQUIRED, Repeat.JOIN, "required, missing: 400"),
        (Idempotency.REQUIRED, Repeat.CONFLICT, "under way: 409"),
        (Idempotency.OPTIONAL, Repeat.JOIN, "joins the wait"),
    ],
)
def test_what_a_key_means_is_said(idempotency: Idempotency, repeat: Repeat, words: str) -> None:
    for service in (HTTP, KAFKA):
        step = steps_of(replace(service, idempotency=idempotency, repeat=repeat))["idempotency"]
        assert words in step.text
        assert step.values == {"idempotency": idempotency.value, "repeat": repeat.value}


def test_the_schema_of_requests_is_named() -> None:
    service = replace(KAFKA, request_schema=PayloadSchema("s/card.json", {}))

    assert "s/card.json; else: 422" in steps_of(service)["schema"].text
    assert "not looked at" in steps_of(KAFKA)["schema"].text


def test_a_case_says_who_may_read_it_and_where_it_is_told() -> None:
    callback = Callback("https://app.example/cases", SecretRef(SecretKind.ENV, "S"))
    channel = replace(CHANNEL, case_readers=("media",), callback=callback)
    kafka = KafkaBackend(
        "t", KafkaMode.ACCEPT, status_topic="t.states", state_map={"3": "accepted"}
    )
    case = steps_of(replace(KAFKA, kafka=kafka), channel)["case"]

    assert "/cases/{id} for app, media" in case.text
    assert "https://app.example/cases" in case.text
    assert "states from t.states, 1 words known" in case.text
    assert case.values["state_map"] == {"3": "accepted"}
    assert "case_readers" in steps_of(KAFKA)["case"].text
