"""A fault as the caller sees it: status, problem body (RFC 9457) and `Proxy-Status` (RFC 9209).

Room rule: as `gateway.entry`. Status numbers stand in one table, here; the text never contains
anything that a department sent.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from gateway import errors
from gateway.errors import CAUSES, Cause, Fault, Side

if TYPE_CHECKING:
    from gateway.entry.language import Language
    from gateway.routing.model import Department

__all__ = ["PROBLEM_TYPE", "STATUSES", "Problem", "Subject", "problem", "problem_type"]

PROBLEM_TYPE: Final = "/problems/"
"""Where the gateway itself explains a cause: `type` is this and the code."""


class Outcome(NamedTuple):
    """How a cause looks from outside: the status and the registered `Proxy-Status` error."""

    status: int
    error: str


STATUSES: Final[dict[Cause, Outcome]] = {
    errors.MALFORMED_REQUEST: Outcome(400, "http_request_error"),
    errors.PATH_REFUSED: Outcome(400, "http_request_error"),
    errors.HEADER_REFUSED: Outcome(400, "http_request_error"),
    errors.SERVICE_MISSING: Outcome(404, "destination_not_found"),
    errors.SERVICE_AMBIGUOUS: Outcome(400, "http_request_error"),
    errors.CREDENTIALS_MISSING: Outcome(401, "http_request_denied"),
    errors.CREDENTIALS_WRONG: Outcome(401, "http_request_denied"),
    errors.NOT_GRANTED: Outcome(403, "http_request_denied"),
    errors.SERVICE_UNKNOWN: Outcome(404, "destination_not_found"),
    errors.METHOD_NOT_ALLOWED: Outcome(405, "http_request_error"),
    errors.RECORD_KEY_MISSING: Outcome(400, "http_request_error"),
    errors.BODY_INVALID: Outcome(422, "http_request_error"),
    errors.IDEMPOTENCY_KEY_MISSING: Outcome(400, "http_request_error"),
    errors.IDEMPOTENCY_KEY_REFUSED: Outcome(400, "http_request_error"),
    errors.IDEMPOTENCY_KEY_REUSED: Outcome(422, "http_request_error"),
    errors.IDEMPOTENCY_IN_FLIGHT: Outcome(409, "http_request_denied"),
    errors.CASE_UNKNOWN: Outcome(404, "destination_not_found"),
    errors.HEAD_TIMEOUT: Outcome(408, "http_request_error"),
    errors.BODY_TIMEOUT: Outcome(408, "http_request_error"),
    errors.BODY_TOO_LARGE: Outcome(413, "http_request_error"),
    errors.BODY_INCOMPLETE: Outcome(400, "http_request_error"),
    errors.EXPECTATION_FAILED: Outcome(417, "http_request_error"),
    errors.TARGET_TOO_LONG: Outcome(414, "http_request_error"),
    errors.HEADERS_TOO_LARGE: Outcome(431, "http_request_error"),
    errors.RATE_LIMITED: Outcome(429, "http_request_denied"),
    errors.RECORD_TOO_LARGE: Outcome(413, "http_request_error"),
    errors.CALLER_GONE: Outcome(499, "http_request_error"),
    errors.CALLER_SLOW: Outcome(408, "connection_write_timeout"),
    errors.DRAINING: Outcome(503, "proxy_internal_response"),
    errors.CONNECTION_LIMIT: Outcome(503, "connection_limit_reached"),
    errors.INTERNAL_ERROR: Outcome(500, "proxy_internal_error"),
    errors.SPOOL_FULL: Outcome(503, "connection_limit_reached"),
    errors.SPOOL_FAILED: Outcome(503, "proxy_internal_error"),
    errors.CASES_UNREACHABLE: Outcome(503, "proxy_internal_error"),
    errors.OUTCOME_UNKNOWN: Outcome(503, "proxy_internal_response"),
    errors.DEPARTMENT_BUSY: Outcome(503, "connection_limit_reached"),
    errors.CIRCUIT_OPEN: Outcome(503, "destination_unavailable"),
    errors.NAME_NOT_RESOLVED: Outcome(502, "dns_error"),
    errors.CONNECTION_REFUSED: Outcome(502, "connection_refused"),
    errors.CONNECT_TIMEOUT: Outcome(504, "connection_timeout"),
    errors.TLS_FAILED: Outcome(502, "tls_protocol_error"),
    errors.CONNECTION_LOST: Outcome(502, "connection_terminated"),
    errors.ANSWER_TIMEOUT: Outcome(504, "http_response_timeout"),
    errors.ANSWER_MALFORMED: Outcome(502, "http_protocol_error"),
    errors.ANSWER_HEADERS_TOO_LARGE: Outcome(502, "http_response_header_section_size"),
    errors.ANSWER_INCOMPLETE: Outcome(502, "http_response_incomplete"),
    errors.REPLY_MALFORMED: Outcome(502, "http_protocol_error"),
    errors.REPLY_INVALID: Outcome(502, "http_protocol_error"),
    errors.BROKER_UNREACHABLE: Outcome(503, "destination_unavailable"),
    errors.BROKER_TIMEOUT: Outcome(504, "connection_write_timeout"),
    errors.BROKER_REFUSED: Outcome(502, "proxy_internal_response"),
    errors.TOPIC_UNKNOWN: Outcome(503, "destination_not_found"),
}
"""Status of each cause. 499 is never sent: the caller has gone, the log says so."""


class Subject(NamedTuple):
    """What is known about a refused request: each part may be missing."""

    service: str | None
    department: Department | None
    trace: str


class Problem(NamedTuple):
    """An answer ready to be sent; `fields` are complete header lines."""

    status: int
    fields: bytes
    body: bytes


def problem_type(cause: Cause) -> str:
    """Return the URI reference that names the kind of problem (RFC 9457 §3.1.1)."""
    return PROBLEM_TYPE + cause.code


def problem(fault: Fault, subject: Subject, language: Language) -> Problem:
    """Make the answer for a fault."""
    cause = fault.cause
    status, error = STATUSES[cause]
    body: dict[str, object] = {
        "type": problem_type(cause),
        "title": _text(cause.title, language),
        "status": status,
        "detail": _detail(fault, language),
        "cause": cause.code,
        "side": cause.side.value,
        "trace": subject.trace,
    }
    if subject.service is not None:
        body["service"] = subject.service
    if subject.department is not None:
        body["department"] = subject.department.id
        body["department_name"] = subject.department.name
        if subject.department.phone is not None:
            body["phone"] = subject.department.phone
    if fault.nearest:
        body["nearest"] = list(fault.nearest)
    if fault.violations:
        body["errors"] = [
            {"pointer": pointer, "rule": rule, "detail": _text(message, language)}
            for pointer, rule, message in fault.violations
        ]
    return Problem(status, _fields(fault, status, error, language), orjson.dumps(body))


def _fields(fault: Fault, status: int, error: str, language: Language) -> bytes:
    lines = [
        "Content-Type: application/problem+json",
        f"Content-Language: {'zh-CN' if language == 'zh' else 'en'}",
        f'Proxy-Status: gateway; error={error}; details="{fault.cause.code}"',
        "Cache-Control: no-store",
    ]
    if fault.retry_after is not None:
        lines.append(f"Retry-After: {max(1, math.ceil(fault.retry_after))}")
    elif status == 503:
        lines.append("Retry-After: 1")
    if status == 401:
        lines.append('WWW-Authenticate: ApiKey realm="gateway", header="X-Api-Key"')
    if fault.allow:
        lines.append(f"Allow: {', '.join(fault.allow)}")
    if fault.quota is not None:
        limit, window, left = fault.quota
        lines.append(f'RateLimit-Policy: "channel";q={limit};w={window}')
        lines.append(f'RateLimit: "channel";r={left};t={math.ceil(fault.retry_after or 0)}')
    return "".join(f"{line}\r\n" for line in lines).encode()


def _detail(fault: Fault, language: Language) -> str:
    detail = _text(fault.detail or fault.cause.advice, language)
    if not fault.nearest:
        return detail
    names = ", ".join(fault.nearest)
    return f"{detail} 相近的服务：{names}" if language == "zh" else f"{detail} Nearest: {names}"


def _text(text: errors.Text, language: Language) -> str:
    return text.zh if language == "zh" else text.en


def explanation(code: str) -> dict[str, object] | None:
    """What `/problems/{code}` answers: the cause in both languages; None for an unknown code."""
    cause = CAUSES.get(code)
    if cause is None:
        return None
    side: Side = cause.side
    return {
        "type": problem_type(cause),
        "code": cause.code,
        "side": side.value,
        "status": STATUSES[cause].status,
        "title": {"en": cause.title.en, "zh": cause.title.zh},
        "advice": {"en": cause.advice.en, "zh": cause.advice.zh},
    }
