"""The list of causes: an interface for programs, and sentences for people."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.errors import CAUSES, Cause, Fault, GatewayError, Side

every_cause = pytest.mark.parametrize("cause", CAUSES.values(), ids=lambda cause: cause.code)


def test_codes_are_never_renamed() -> None:
    assert " ".join(CAUSES) == (
        "malformed_request path_refused header_refused service_missing service_ambiguous "
        "credentials_missing credentials_wrong not_granted service_unknown "
        "method_not_allowed record_key_missing body_invalid idempotency_key_missing "
        "idempotency_key_refused idempotency_key_reused idempotency_in_flight case_unknown "
        "head_timeout body_timeout body_too_large record_too_large body_incomplete "
        "expectation_failed target_too_long headers_too_large rate_limited caller_gone "
        "caller_slow draining connection_limit internal_error spool_full spool_failed "
        "cases_unreachable outcome_unknown department_busy circuit_open name_not_resolved "
        "connection_refused connect_timeout tls_failed connection_lost answer_timeout "
        "answer_malformed answer_headers_too_large answer_incomplete reply_malformed "
        "reply_invalid broker_unreachable broker_timeout broker_refused topic_unknown"
    )


@every_cause
def test_a_cause_is_found_by_its_code(cause: Cause) -> None:
    assert CAUSES[cause.code] is cause
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", cause.code)
    assert cause.side in Side


@every_cause
def test_a_cause_speaks_both_languages(cause: Cause) -> None:
    for text in (cause.title, cause.advice):
        assert text.en.isascii() or "…" in text.en
        assert re.search(r"[\u4e00-\u9fff]", text.zh)
    assert not cause.title.en.endswith(".")
    assert not cause.title.zh.endswith("。")
    assert cause.advice.en.endswith(".")
    assert cause.advice.zh.endswith("。")


def test_no_two_causes_have_the_same_title() -> None:
    assert len({cause.title.en for cause in CAUSES.values()}) == len(CAUSES)
    assert len({cause.title.zh for cause in CAUSES.values()}) == len(CAUSES)


def test_a_fault_is_the_projects_own_and_says_its_code() -> None:
    fault = Fault(CAUSES["answer_timeout"])
    assert isinstance(fault, GatewayError)
    assert str(fault) == "answer_timeout"
    assert not fault.may_have_been_sent


TESTS = Path(__file__).parent
DOOR, LIMITS = "entry/test_door.py", "http/test_limits.py"
POOL, GONE = "http/test_pool.py", "http/test_callers_gone.py"
ANSWERS = "http/smuggling_answers.py"
KAFKA, RUNNING = "whole/test_kafka.py", "whole/test_limits.py"

CASES, OUTAGE = "whole/test_cases.py", "whole/test_kafka_outage.py"
SCHEMAS = "whole/test_schemas.py"

PRODUCED_IN = {
    "malformed_request": DOOR,
    "path_refused": DOOR,
    "header_refused": DOOR,
    "service_missing": DOOR,
    "service_ambiguous": DOOR,
    "credentials_missing": DOOR,
    "credentials_wrong": DOOR,
    "not_granted": DOOR,
    "service_unknown": DOOR,
    "method_not_allowed": DOOR,
    "record_key_missing": KAFKA,
    "head_timeout": LIMITS,
    "body_timeout": LIMITS,
    "body_too_large": LIMITS,
    "body_incomplete": GONE,
    "expectation_failed": DOOR,
    "target_too_long": LIMITS,
    "headers_too_large": LIMITS,
    "rate_limited": RUNNING,
    "caller_gone": GONE,
    "caller_slow": "whole/test_deadlines.py",
    "draining": "handling/test_pipeline.py",
    "connection_limit": "http/test_listener.py",
    "internal_error": "handling/test_pipeline.py",
    "department_busy": RUNNING,
    "circuit_open": RUNNING,
    "name_not_resolved": POOL,
    "connection_refused": DOOR,
    "connect_timeout": POOL,
    "tls_failed": POOL,
    "connection_lost": ANSWERS,
    "answer_timeout": POOL,
    "answer_malformed": ANSWERS,
    "answer_headers_too_large": ANSWERS,
    "answer_incomplete": ANSWERS,
    "reply_malformed": KAFKA,
    "reply_invalid": SCHEMAS,
    "body_invalid": SCHEMAS,
    "idempotency_key_missing": CASES,
    "idempotency_key_refused": CASES,
    "idempotency_key_reused": CASES,
    "idempotency_in_flight": CASES,
    "case_unknown": CASES,
    "spool_full": "kafka/test_outbox.py",
    "spool_failed": OUTAGE,
    "cases_unreachable": OUTAGE,
    "outcome_unknown": "whole/test_after_a_crash.py",
    "broker_unreachable": "serve/test_gateway.py",
    "broker_timeout": "kafka/test_rejections.py",
    "broker_refused": "kafka/test_rejections.py",
    "topic_unknown": "kafka/test_rejections.py",
    "record_too_large": "kafka/test_rejections.py",
}
"""Which test module makes each cause happen, on sockets or with a broker."""


def test_every_cause_is_made_to_happen_by_a_test() -> None:
    assert PRODUCED_IN.keys() == CAUSES.keys()


@pytest.mark.parametrize("code", PRODUCED_IN)
def test_that_test_knows_the_cause(code: str) -> None:
    text = (TESTS / PRODUCED_IN[code]).read_text("utf-8")
    assert code in text or code.upper() in text
