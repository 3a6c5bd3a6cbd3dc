"""Receipts and cases as a caller sees them; the people and what they wrote are made up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from gateway.cases.case import Answer, State, Step, Verdict
from gateway.handling.receipts import answer_reply, case_document, case_reply, receipt
from gateway.routing.model import KafkaMode
from tests.cases.samples import NOON, a_case

if TYPE_CHECKING:
    from gateway.message import ServiceReply

CASE = a_case("c" * 48, state=State.PUBLISHED)._replace(
    durability="kafka",
    partition=3,
    offset=17,
    history=(Step(State.RECEIVED, NOON), Step(State.PUBLISHED, NOON, "kafka")),
)


def decoded(reply: ServiceReply) -> dict[str, Any]:
    assert isinstance(reply.body, bytes)
    document: dict[str, Any] = orjson.loads(reply.body)
    return document


def test_a_receipt_says_where_the_request_is_and_where_to_ask() -> None:
    reply = receipt(CASE)
    assert reply.status == 202
    assert reply.fields == (
        b"Content-Type: application/json\r\n"
        b"Location: /cases/" + b"c" * 48 + b"\r\n"
        b"Retry-After: 5\r\n"
    )
    assert decoded(reply) == {
        "id": "c" * 48,
        "service": "permit.apply",
        "department": "housing",
        "state": "published",
        "durability": "kafka",
        "topic": "permit.requests",
        "partition": 3,
        "offset": 17,
        "accepted_at": "2026-05-20T12:00:00.123+00:00",
        "status_url": "/cases/" + "c" * 48,
    }


def test_a_receipt_that_awaits_no_answer_does_not_ask_the_caller_to_come_back() -> None:
    for mode in (KafkaMode.ACCEPT, KafkaMode.EVENT):
        assert b"Retry-After" not in receipt(CASE._replace(mode=mode)).fields


def test_a_receipt_from_the_spool_does_not_claim_kafka() -> None:
    case = CASE._replace(state=State.SPOOLED, durability="local", partition=None, offset=None)
    document = decoded(receipt(case))
    assert document["durability"] == "local"
    assert document["state"] == "spooled"
    assert document["offset"] is None


def test_a_case_is_shown_with_its_history_and_what_was_refused() -> None:
    stale = Step(State.ACCEPTED, NOON, version=2, note="窗口受理", rejected=Verdict.STALE)
    document = case_document(CASE._replace(history=(*CASE.history, stale)))
    assert document["history"] == [
        {"state": "received", "at": "2026-05-20T12:00:00.123+00:00"},
        {"state": "published", "at": "2026-05-20T12:00:00.123+00:00", "durability": "kafka"},
        {
            "state": "accepted",
            "at": "2026-05-20T12:00:00.123+00:00",
            "version": 2,
            "note": "窗口受理",
            "rejected": "stale",
        },
    ]
    assert document["possible_duplicate"] is False
    assert "answer" not in document


def test_an_answer_is_shown_as_text_where_it_is_text() -> None:
    answer = Answer(200, "application/json", '{"姓名":"测试"}'.encode())
    shown = case_document(CASE._replace(answer=answer))["answer"]
    assert shown == {
        "status": 200,
        "content_type": "application/json",
        "body": '{"姓名":"测试"}',
    }
    binary = case_document(CASE._replace(answer=Answer(200, None, b"\xff\x00")))["answer"]
    assert binary == {"status": 200, "content_type": None, "body_base64": "/wA="}


def test_a_case_that_is_over_does_not_ask_the_caller_to_come_back() -> None:
    over = CASE._replace(state=State.ANSWERED, answer=Answer(200, None, b""))
    assert b"Retry-After" in case_reply(CASE).fields
    assert b"Retry-After" not in case_reply(over).fields
    assert b"Cache-Control: no-store\r\n" in case_reply(over).fields


def test_a_stored_answer_is_given_as_the_department_gave_it() -> None:
    reply = answer_reply(Answer(404, "text/plain", b"none"), b"X: y\r\n")
    assert reply.status == 404
    assert reply.fields == b"Content-Type: text/plain\r\nX: y\r\n"
    assert reply.body == b"none"
    assert answer_reply(Answer(204, None, b""), b"").fields == b""
