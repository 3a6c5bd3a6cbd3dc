"""From a request on the wire to a `ServiceRequest`: the rules of the door, in one walk.

Room rule: as `gateway.entry`; pure but for random IDs. `gateway explain` uses this very code.
"""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Final, Protocol

from gateway import errors
from gateway.entry.target import Target, authority, read_target, split_target
from gateway.errors import Fault
from gateway.http.headers import HeaderRules, SortedHeaders
from gateway.message import ServiceRequest
from gateway.telemetry.trace import incoming

if TYPE_CHECKING:
    from gateway.entry.forwarded import ForwardedFields
    from gateway.message import Body, RawHeaders
    from gateway.telemetry.trace import TraceContext

__all__ = ["CONSUMED", "RESERVED", "RequestReader", "WireRequest"]

CONSUMED: Final = (
    b"host", b"expect", b"x-api-key", b"x-service-id", b"x-request-id", b"traceparent",
    b"tracestate", b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host",
    b"x-forwarded-port", b"x-real-ip",
    # Servers that believe these would see another path or method than the one that was admitted.
    b"x-original-url", b"x-rewrite-url", b"x-http-method-override", b"x-http-method",
    b"x-method-override",
)  # fmt: skip
"""Headers that the door reads, or drops, and does not pass on as they came."""

RESERVED: Final = (b"x-gateway-", b"x-forwarded-")
"""How header names begin in which only the gateway speaks to departments; those of `CONSUMED` that
begin so are made anew, others from outside are dropped."""

_SINGLE: Final = frozenset((b"x-api-key", b"x-service-id", b"expect", b"host"))
_NAMING: Final = frozenset((b"x-request-id", b"traceparent"))
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,128}")


class WireRequest(Protocol):
    """What the reader needs of a request, wherever it came from."""

    method: str
    target: str
    headers: RawHeaders
    peer: str
    arrived: float

    @property
    def body(self) -> Body:
        """The body, whole or on its way."""


class RequestReader:
    """Reads requests; `forwarded` knows which proxies are trusted."""

    def __init__(self, forwarded: ForwardedFields) -> None:
        self._rules = HeaderRules(CONSUMED, RESERVED)
        self._forwarded = forwarded
        self._bits = random.Random().getrandbits  # noqa: S311  # IDs to find lines by, no secrets

    def read(self, wire: WireRequest, *, of_gateway: bool = False) -> tuple[ServiceRequest, bool]:
        """Return the request and whether it waits for `100 Continue`; raises `Fault`.

        `of_gateway`: the target is a resource of the gateway's own and names no service.
        """
        sorted_headers = self._rules.sort(wire.headers)
        consumed = sorted_headers.consumed
        if sorted_headers.repeated & _SINGLE:
            raise Fault(errors.HEADER_REFUSED)
        if not wire.target.startswith("/"):
            _check_authority(wire.target, consumed)
        if of_gateway:
            target = Target("", *split_target(wire.target))
        else:
            target = read_target(wire.target, consumed.get(b"x-service-id"))
        trace = self._trace(consumed)
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

    def identify(self, headers: RawHeaders) -> tuple[str, str]:
        """Return request ID and trace ID of a request that is refused before `read` is done."""
        given = {lower: value for name, value in headers if (lower := name.lower()) in _NAMING}
        return self._request_id(given.get(b"x-request-id")).decode(), self._trace(given).trace_id

    def _trace(self, given: dict[bytes, bytes]) -> TraceContext:
        state = given.get(b"tracestate")
        return incoming(
            given.get(b"traceparent"),
            () if state is None else (state,),
            self._bits(128) or 1,
            self._bits(64) or 1,
        )

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


def _check_authority(target: str, consumed: dict[bytes, bytes]) -> None:
    """A target in absolute form and `Host` say the same, or two systems could disagree.

    RFC 9112 §3.2.2 lets the target win; here nobody has to.
    """
    named = authority(target)
    if named is None:
        return
    host = consumed.setdefault(b"host", named.encode("latin-1")).decode("latin-1")
    if _without_port(named) != _without_port(host):
        raise Fault(errors.MALFORMED_REQUEST)


def _without_port(host: str) -> str:
    """The host in lower case without the port that is its scheme's own."""
    return host.lower().removesuffix(":80").removesuffix(":443")
