from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Fault
from gateway.handling.idempotency_key import fingerprint, idempotency_key
from gateway.message import ServiceRequest, WholeBody


def asked(**changes: Any) -> ServiceRequest:
    values: dict[str, Any] = {
        "service_id": "svc",
        "method": "POST",
        "path": "/a",
        "query": "b=1",
        "headers": [(b"Content-Type", b"application/json")],
        "fields": b"",
        "body": WholeBody(b""),
        "arrived": 0.0,
        "api_key": None,
        "request_id": "r",
        "trace_id": "t",
        "traceparent": b"",
        "tracestate": None,
    }
    return ServiceRequest(**values | changes)


def test_a_quoted_and_a_bare_key_are_the_same() -> None:
    quoted = idempotency_key([(b"Idempotency-Key", b'"8e03978e-40d5"')])
    assert quoted == idempotency_key([(b"idempotency-key", b"8e03978e-40d5")]) == "8e03978e-40d5"


def test_an_escaped_quote_is_a_part_of_the_key() -> None:
    assert idempotency_key([(b"Idempotency-Key", rb'"a\"b\\c"')]) == r'a"b\c'


def test_a_request_without_a_key_has_none() -> None:
    assert idempotency_key([(b"Idempotency-Keys", b"x")]) is None


@pytest.mark.parametrize(
    "lines",
    [[b""], [b'""'], [b"a b"], [b"a" * 256], [b'"a'], ["键".encode()], [b"a", b"a"], [b"\x01"]],
)
def test_a_key_that_could_be_read_in_two_ways_is_refused(lines: list[bytes]) -> None:
    with pytest.raises(Fault, match="idempotency_key_refused"):
        idempotency_key([(b"Idempotency-Key", line) for line in lines])


@given(st.binary(max_size=300))
def test_any_bytes_are_a_key_or_refused(value: bytes) -> None:
    try:
        key = idempotency_key([(b"Idempotency-Key", value)])
    except Fault:
        return
    assert key is not None
    assert 1 <= len(key) <= 255


def test_two_requests_are_the_same_only_when_everything_is() -> None:
    prints = [
        fingerprint(asked(), b"{}"),
        fingerprint(asked(method="PUT"), b"{}"),
        fingerprint(asked(path="/ab"), b"{}"),
        fingerprint(asked(path="/ab", query="=1"), b"{}"),
        fingerprint(asked(query=""), b"{}"),
        fingerprint(asked(headers=[]), b"{}"),
        fingerprint(asked(), b"{ }"),
        fingerprint(asked(query="b=1{"), b"}"),
    ]
    assert all(one != other for one, other in combinations(prints, 2))
    assert fingerprint(asked(request_id="another"), b"{}") == prints[0]
