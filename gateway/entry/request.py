"""From a request on the wire to a `ServiceRequest`: the rules of the door, in one walk.

Room rule: as `gateway.entry`; pure but for random IDs. `gateway explain` uses this very code.
"""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.entry.target import read_target, split_target
from gateway.errors import Fault
from gateway.http.headers import HeaderRules, SortedHeaders
from gateway.message import ServiceRequest
from gateway.telemetry.trace import incoming

if TYPE_CHECKING:
    from gateway.entry.forwarded import ForwardedFields
    from gateway.message import Body, RawHeaders

__all__ = ["CONSUMED", "RESERVED", "RequestReader", "WireRequest"]

CONSUMED: Final = (
    b"host", b"expect", b"x-api-key", b"x-service-id", b"x-request-id", b"traceparent",
    b"tracestate", b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host",
    b"x-forwarded-port", b"x-real-ip",
)  # fmt: skip
"""Headers that the door reads and does not pass on as they came."""

RESERVED: Final = b"x-gateway-"
"""The gateway's own header names towards departments; from outside they are dropped."""

_SINGLE: Final = frozenset((b"x-api-key", b"x-service-id", b"expect", b"host"))
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")


class WireRequest:
    """What the reader needs of a request, wherever it came from."""

    __slots__ = ("arrived", "body", "headers", "method", "peer", "target")

    def __init__(
        self, method: str, target: str, headers: RawHeaders, body: Body, peer: str, arrived: float
    ) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.peer = peer
        self.arrived = arrived


class RequestReader:
    """Reads requests; `forwarded` knows which proxies are trusted."""

    def __init__(self, forwarded: ForwardedFields) -> None:
        self._rules = HeaderRules(CONSUMED, RESERVED)
        self._forwarded = forwarded
        self._bits = random.Random().getrandbits  # noqa: S311  # IDs to find lines by, no secrets

    def read(self, wire: WireRequest) -> tuple[ServiceRequest, bool]:
        """Return the request and whether it waits for `100 Continue`; raises `Fault`."""
        path, query = split_target(wire.target)
        sorted_headers = self._rules.sort(wire.headers)
        consumed = sorted_headers.consumed
        if sorted_headers.repeated & _SINGLE:
            raise Fault(errors.HEADER_REFUSED)
        target = read_target(path, query, consumed.get(b"x-service-id"))
        state = consumed.get(b"tracestate")
        trace = incoming(
            consumed.get(b"traceparent"),
            () if state is None else (state,),
            self._bits(128) or 1,
            self._bits(64) or 1,
        )
        request_id = self._request_id(consumed.get(b"x-request-id"))
        request = ServiceRequest(
            target.service_id,
            wire.method,
            target.path,
            target.query,
            wire.headers,
            self._fields(sorted_headers, wire.peer, request_id, trace.header, trace.tracestate),
            wire.body,
            wire.arrived,
            consumed.get(b"x-api-key"),
            request_id.decode(),
            trace.trace_id,
            trace.header,
            trace.tracestate,
        )
        return request, _waits_for_continue(consumed.get(b"expect"))

    def _fields(
        self,
        headers: SortedHeaders,
        peer: str,
        request_id: bytes,
        traceparent: bytes,
        tracestate: bytes | None,
    ) -> bytes:
        return b"%b%bVia: 1.1 gateway\r\nX-Request-Id: %b\r\ntraceparent: %b\r\n%b" % (
            headers.passed,
            self._forwarded.lines(peer, headers.consumed),
            request_id,
            traceparent,
            b"" if tracestate is None else b"tracestate: %b\r\n" % tracestate,
        )

    def _request_id(self, given: bytes | None) -> bytes:
        if given is not None and _REQUEST_ID.fullmatch(given) is not None:
            return given
        return b"%032x" % self._bits(128)


def _waits_for_continue(expect: bytes | None) -> bool:
    if expect is None:
        return False
    if expect.lower() != b"100-continue":
        raise Fault(errors.EXPECTATION_FAILED)
    return True
