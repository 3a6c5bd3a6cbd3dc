"""A fault as a caller sees it (RFC 9457, RFC 9209)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from gateway import errors
from gateway.entry.problem import (
    PROBLEM_TYPE,
    STATUSES,
    Subject,
    explanation,
    problem,
    problem_type,
)
from gateway.errors import CAUSES, Cause, Fault
from gateway.routing.model import Department

REGISTERED = frozenset(
    (
        "dns_timeout",
        "dns_error",
        "destination_not_found",
        "destination_unavailable",
        "destination_ip_prohibited",
        "destination_ip_unroutable",
        "connection_refused",
        "connection_terminated",
        "connection_timeout",
        "connection_read_timeout",
        "connection_write_timeout",
        "connection_limit_reached",
        "tls_protocol_error",
        "tls_certificate_error",
        "tls_alert_received",
        "http_request_error",
        "http_request_denied",
        "http_response_incomplete",
        "http_response_header_section_size",
        "http_response_header_size",
        "http_response_body_size",
        "http_response_trailer_section_size",
        "http_response_trailer_size",
        "http_response_transfer_coding",
        "http_response_content_coding",
        "http_response_timeout",
        "http_upgrade_failed",
        "http_protocol_error",
        "proxy_internal_response",
        "proxy_internal_error",
        "proxy_configuration_error",
        "proxy_loop_detected",
    )
)
"""The errors of RFC 9209, section 2.3."""

EDU = Department("edu", "演示教育局", "0510-00000000")
NOBODY = Subject(None, None, "trace")

every_cause = pytest.mark.parametrize("cause", CAUSES.values(), ids=lambda cause: cause.code)


def made(fault: Fault, subject: Subject = NOBODY) -> tuple[dict[str, Any], dict[str, str]]:
    answer = problem(fault, subject, "en")
    lines = answer.fields.decode().removesuffix("\r\n").split("\r\n")
    return orjson.loads(answer.body), dict(line.split(": ", 1) for line in lines)


def test_every_cause_has_a_status_and_no_other_has() -> None:
    assert set(STATUSES) == set(CAUSES.values())


@every_cause
def test_a_status_fits_the_side(cause: Cause) -> None:
    status = STATUSES[cause].status
    expected = range(400, 500) if cause.side is errors.Side.CALLER else range(500, 505)
    assert status in expected


@every_cause
def test_proxy_status_names_a_registered_error_and_our_cause(cause: Cause) -> None:
    _, fields = made(Fault(cause))
    assert STATUSES[cause].error in REGISTERED
    told = f'gateway; error={STATUSES[cause].error}; details="{cause.code}"'
    assert fields["Proxy-Status"] == told


@every_cause
def test_a_problem_has_every_field_that_is_promised(cause: Cause) -> None:
    body, fields = made(Fault(cause), Subject("edu.payment", EDU, "0af7"))
    assert body == {
        "type": f"/problems/{cause.code}",
        "title": cause.title.en,
        "status": STATUSES[cause].status,
        "detail": cause.advice.en,
        "cause": cause.code,
        "side": cause.side.value,
        "trace": "0af7",
        "service": "edu.payment",
        "department": "edu",
        "department_name": "演示教育局",
        "phone": "0510-00000000",
    }
    assert fields["Content-Type"] == "application/problem+json"
    assert fields["Content-Language"] == "en"
    assert fields["Cache-Control"] == "no-store"


def test_what_is_not_known_is_not_there() -> None:
    body, _ = made(Fault(errors.SERVICE_MISSING))
    assert set(body) == {"type", "title", "status", "detail", "cause", "side", "trace"}
    silent = Subject("a", Department("a", "made up"), "t")
    assert "phone" not in made(Fault(errors.CONNECTION_LOST), silent)[0]


@every_cause
def test_a_problem_speaks_chinese(cause: Cause) -> None:
    answer = problem(Fault(cause), NOBODY, "zh")
    body = orjson.loads(answer.body)
    assert (body["title"], body["detail"]) == (cause.title.zh, cause.advice.zh)
    assert b"Content-Language: zh-CN\r\n" in answer.fields


@every_cause
def test_a_cause_explains_itself_under_its_type(cause: Cause) -> None:
    told = explanation(cause.code)
    assert told is not None
    assert told["type"] == problem_type(cause) == PROBLEM_TYPE + cause.code
    assert told["status"] == STATUSES[cause].status
    assert told["title"] == {"en": cause.title.en, "zh": cause.title.zh}
    assert explanation(cause.code.upper()) is None


def test_more_that_is_known_replaces_the_advice() -> None:
    detail = errors.Text("Say it once.", "只说一次。")
    assert made(Fault(errors.HEADER_REFUSED, detail=detail))[0]["detail"] == "Say it once."


def test_near_services_are_named_for_people_and_programs() -> None:
    fault = Fault(errors.SERVICE_UNKNOWN, nearest=("edu.payment", "edu.paper"))
    body, _ = made(fault)
    assert body["nearest"] == ["edu.payment", "edu.paper"]
    assert body["detail"].endswith("Nearest: edu.payment, edu.paper")
    assert "edu.paper" in orjson.loads(problem(fault, NOBODY, "zh").body)["detail"]


@pytest.mark.parametrize("cause", [errors.CREDENTIALS_MISSING, errors.CREDENTIALS_WRONG])
def test_401_says_how_to_authenticate(cause: Cause) -> None:
    challenge = 'ApiKey realm="gateway", header="X-Api-Key"'
    assert made(Fault(cause))[1]["WWW-Authenticate"] == challenge


def test_405_says_what_is_allowed() -> None:
    fault = Fault(errors.METHOD_NOT_ALLOWED, allow=("GET", "POST"))
    assert made(fault)[1]["Allow"] == "GET, POST"


@pytest.mark.parametrize(("wait", "told"), [(0.001, "1"), (1.0, "1"), (1.2, "2"), (30.0, "30")])
def test_retry_after_is_whole_seconds_and_never_too_early(wait: float, told: str) -> None:
    assert made(Fault(errors.CIRCUIT_OPEN, retry_after=wait))[1]["Retry-After"] == told


@every_cause
def test_503_always_says_when_to_come_back(cause: Cause) -> None:
    assert ("Retry-After" in made(Fault(cause))[1]) == (STATUSES[cause].status == 503)


def test_429_tells_the_quota() -> None:
    _, fields = made(Fault(errors.RATE_LIMITED, retry_after=1.5, quota=(50, 60, 0)))
    assert fields["RateLimit-Policy"] == '"channel";q=50;w=60'
    assert fields["RateLimit"] == '"channel";r=0;t=2'
    assert fields["Retry-After"] == "2"


@every_cause
def test_no_text_can_break_out_of_its_line(cause: Cause) -> None:
    answer = problem(Fault(cause, nearest=("a",)), Subject("a\r\nX-Evil: 1", EDU, "t\r\n"), "zh")
    assert b"X-Evil" not in answer.fields
    assert answer.fields.endswith(b"\r\n")
    assert b"\r\n\r\n" not in answer.fields
