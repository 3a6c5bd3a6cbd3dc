from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.telemetry.trace import incoming

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
NEW_TRACE = 0x11112222333344445555666677778888
NEW_SPAN = 0x00F067AA0BA902B7
OURS = "00f067aa0ba902b7"
STARTED = f"00-11112222333344445555666677778888-{OURS}-02".encode()


def header(traceparent: str) -> bytes:
    return incoming(traceparent.encode(), (), NEW_TRACE, NEW_SPAN).header


def state(*tracestate: bytes) -> bytes | None:
    traceparent = f"00-{TRACE}-{PARENT}-01".encode()
    return incoming(traceparent, tracestate, NEW_TRACE, NEW_SPAN).tracestate


def test_a_callers_trace_goes_on_with_a_span_of_our_own() -> None:
    context = incoming(f"00-{TRACE}-{PARENT}-01".encode(), (b"rojo=1",), NEW_TRACE, NEW_SPAN)
    assert (context.trace_id, context.span_id) == (TRACE, OURS)
    assert context.header == f"00-{TRACE}-{OURS}-01".encode()
    assert context.tracestate == b"rojo=1"


def test_without_a_trace_one_starts_that_is_random_and_not_sampled() -> None:
    context = incoming(None, (), NEW_TRACE, NEW_SPAN)
    assert (context.trace_id, context.span_id) == ("11112222333344445555666677778888", OURS)
    assert context.header == STARTED
    assert context.tracestate is None


@pytest.mark.parametrize(
    ("received", "passed_on"),
    [("00", "00"), ("01", "01"), ("02", "02"), ("03", "03"), ("ff", "03"), ("fc", "00")],
)
def test_the_flags_sampled_and_random_are_kept_and_the_others_cleared(
    received: str, passed_on: str
) -> None:
    kept = header(f"00-{TRACE}-{PARENT}-{received}")
    assert kept == f"00-{TRACE}-{OURS}-{passed_on}".encode()


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "00",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}-01-",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}-01,00-{TRACE}-{PARENT}-01",
        f"01-{TRACE}-{PARENT}-01,01-{TRACE}-{PARENT}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT.upper()}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}g-{PARENT}-01",
        f"00_{TRACE}_{PARENT}_01",
        f"00-{TRACE}-{PARENT}-0x",
        f"00-{TRACE}-{PARENT}-01\n",
        f"0-{TRACE}-{PARENT}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"FE-{TRACE}-{PARENT}-01",
        f"01-{TRACE}-{PARENT}-01more",
        f"01-{TRACE}-{PARENT}-0",
    ],
)
def test_a_traceparent_that_is_not_valid_starts_a_new_trace(traceparent: str) -> None:
    assert header(traceparent) == STARTED


@pytest.mark.parametrize("more", ["", "-", "-what comes later", "-01-02"])
def test_a_future_version_is_read_as_far_as_it_is_known_and_passed_on_as_version_00(
    more: str,
) -> None:
    assert header(f"cc-{TRACE}-{PARENT}-01{more}") == f"00-{TRACE}-{OURS}-01".encode()


def test_without_a_valid_traceparent_the_tracestate_is_dropped() -> None:
    for traceparent in (None, b"00-broken"):
        assert incoming(traceparent, (b"rojo=1",), NEW_TRACE, NEW_SPAN).tracestate is None


def test_several_tracestate_fields_are_one_list_in_their_order() -> None:
    assert state(b"rojo=1,congo=2", b"k=3") == b"rojo=1,congo=2,k=3"


@pytest.mark.parametrize(
    "tracestate",
    [
        b"rojo=00f067aa0ba902b7 , \tcongo=t61rcWkgMzE",
        b"rojo=1,,congo=2,",
        b"tenant@system=1",
        b"0_-*/@=1",
        b"k=a b!~",
        b"k=1,k=2",
        b"k" * 256 + b"=" + b"v" * 256,
        b",".join(b"k%d=1" % number for number in range(32)),
        b",".join(b"k%d=%b" % (number, b"v" * 100) for number in range(32)),
    ],
)
def test_a_valid_tracestate_is_passed_on_as_it_is(tracestate: bytes) -> None:
    assert state(tracestate) == tracestate


@pytest.mark.parametrize(
    "tracestate",
    [
        b"",
        b" ,\t,",
        b"k",
        b"k=",
        b"=v",
        b"K=v",
        b"k =v",
        b"k=a=b",
        b"k=v\x00",
        b"k=\xe4\xb8\xad",
        b"@k=v",
        b"k=1;l=2,m",
        b"k" * 257 + b"=v",
        b"k=" + b"v" * 257,
        b",".join(b"k%d=1" % number for number in range(33)),
    ],
)
def test_a_tracestate_that_is_empty_or_not_valid_is_dropped_and_the_trace_goes_on(
    tracestate: bytes,
) -> None:
    context = incoming(f"00-{TRACE}-{PARENT}-01".encode(), (tracestate,), NEW_TRACE, NEW_SPAN)
    assert context.tracestate is None
    assert context.trace_id == TRACE


@given(st.binary(max_size=80), st.lists(st.binary(max_size=60), max_size=3))
@example(b"00-" + b"\xff" * 52, [])
def test_whatever_the_bytes_the_next_hop_gets_valid_headers(
    traceparent: bytes, tracestate: list[bytes]
) -> None:
    context = incoming(traceparent, tuple(tracestate), NEW_TRACE, NEW_SPAN)
    assert re.fullmatch(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]", context.header)
    assert context.tracestate is None or re.fullmatch(rb"[\t\x20-\x7e]+", context.tracestate)
