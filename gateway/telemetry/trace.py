"""W3C Trace Context, level 2: the trace a request belongs to and what the next hop is told.

Names in quotes are section headings of that specification.

Room rule: pure functions on bytes; the random numbers are arguments. A header that does not
parse is never passed on and never refused: the request only starts a trace of its own.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["TraceContext", "incoming"]

SAMPLED: Final = 0x01
RANDOM: Final = 0x02
MAX_MEMBERS: Final = 32

# "version-format" and "Versioning of traceparent": lower-case hex digits only, the IDs not zero;
# a version above 00, never ff, may go on after a dash.
_TRACEPARENT: Final = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]([0-9a-f])(-.*)?",
    re.DOTALL,
)
# "Tracestate Header Field Values": members may be empty or have blanks around them; a value does
# not end with one. Possessive, so that a long list of blanks costs no more than its length.
_VALUE: Final = rb"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
_MEMBER: Final = rb"[a-z0-9][a-z0-9_\-*/@]{0,255}=" + _VALUE
_SLOT: Final = rb"[ \t]*+(?:%b[ \t]*+)?+" % _MEMBER
_TRACESTATE: Final = re.compile(rb"%b(?:,%b)*+" % (_SLOT, _SLOT))


class TraceContext:
    """The trace's ID and our span's in lower-case hex, and the two headers for the next hop."""

    __slots__ = ("header", "span_id", "trace_id", "tracestate")

    def __init__(
        self, trace_id: str, span_id: str, header: bytes, tracestate: bytes | None
    ) -> None:
        self.trace_id: Final = trace_id
        self.span_id: Final = span_id
        self.header: Final = header
        self.tracestate: Final = tracestate


def incoming(
    traceparent: bytes | None, tracestate: tuple[bytes, ...], new_trace: int, new_span: int
) -> TraceContext:
    """Continue the caller's trace, or start one, with a span of our own.

    `traceparent` is the field's value without outer blanks; when the field was sent twice, both
    joined by a comma, which never parses, since it is a single value. `tracestate` holds each
    field line. `new_trace` has 128 random bits and `new_span` 64; neither is zero.

    A trace that starts here has the flag of random IDs and is not sampled ("Sampled Flag": the
    default of whoever makes no decision). Of a trace that goes on these two flags stay as
    received and the others are cleared ("Other Flags"); what the next hop gets is always version
    00, the highest that is known here ("Versioning of traceparent"). Without a valid
    `traceparent` the `tracestate` is not looked at ("Tracestate Header").
    """
    span_id = new_span.to_bytes(8, "big").hex()
    match = None if traceparent is None else _TRACEPARENT.fullmatch(traceparent)
    if match is None:
        return _started(new_trace, span_id)
    version, trace, flags, more = match.groups()
    if more is not None and version == b"00":
        return _started(new_trace, span_id)
    trace_id = trace.decode()
    kept = int(flags, 16) & (SAMPLED | RANDOM)
    header = f"00-{trace_id}-{span_id}-0{kept}".encode()
    return TraceContext(trace_id, span_id, header, _combined(tracestate) if tracestate else None)


def _started(new_trace: int, span_id: str) -> TraceContext:
    trace_id = new_trace.to_bytes(16, "big").hex()
    header = f"00-{trace_id}-{span_id}-0{RANDOM}".encode()
    return TraceContext(trace_id, span_id, header, None)


def _combined(fields: tuple[bytes, ...]) -> bytes | None:
    """Return the members of all fields as one list in their order; None when one is invalid.

    "Tracestate Header Field Values": several fields are one list (RFC 9110, section 5.3), empty
    members are allowed, and there are at most 32. A key that occurs twice is left to those who
    read it. "Tracestate Limits": 512 characters are the least that has to be passed on, so a
    longer list is passed on whole; the limit on a request's headers bounds it.
    """
    state = b",".join(fields)
    members = state.count(b"=")  # no other place of a valid list has this character
    return state if 0 < members <= MAX_MEMBERS and _TRACESTATE.fullmatch(state) else None
