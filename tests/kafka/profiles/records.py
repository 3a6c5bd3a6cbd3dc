"""A request and reply records, for the tests of every profile."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from gateway.kafka.profiles import PROFILES
from gateway.kafka.record import IncomingRecord
from gateway.message import ServiceRequest, WholeBody
from gateway.routing.model import KafkaBackend, KafkaMode

if TYPE_CHECKING:
    from gateway.message import RawHeaders

ID = "00112233445566778899aabbccddeeff0123456789abcdef"
NOW = datetime(2026, 3, 1, 8, 30, 0, 123456, tzinfo=timezone(timedelta(hours=8)))
DEADLINE = NOW + timedelta(seconds=5)
TRACEPARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CALLER = (
    (b"Host", b"gateway"),
    (b"Authorization", b"Bearer forged"),
    (b"Content-Type", b"application/json; charset=utf-8"),
    (b"kafka_correlationId", b"forged"),
    (b"Accept-Language", b"zh-CN"),
    (b"Accept", b"application/json"),
)

ACCEPT = KafkaBackend("hrss.pension.requests", KafkaMode.ACCEPT)
REPLY = KafkaBackend("hrss.pension.requests", KafkaMode.REPLY, reply_topic="hrss.pension.replies")


def request(
    headers: RawHeaders = (),
    *,
    path: str = "/v1/cards/%E5%8D%A1",
    query: str = "",
    tracestate: bytes | None = None,
) -> ServiceRequest:
    """A request as the entry makes it."""
    return ServiceRequest(
        service_id="hrss.pension",
        method="POST",
        path=path,
        query=query,
        headers=headers,
        fields=b"",
        body=WholeBody(b""),
        arrived=0.0,
        api_key=b"secret-key",
        request_id="r1",
        trace_id="t1",
        traceparent=TRACEPARENT,
        tracestate=tracestate,
    )


def sent(
    profile: str, backend: KafkaBackend = REPLY, what: ServiceRequest | None = None
) -> list[tuple[str, bytes]]:
    """The headers of the record that carries `what`, a request with everything if not given."""
    full = request(CALLER, query="a=1&b=%20", tracestate=b"vendor=1")
    return PROFILES[profile].request_headers(
        backend, what or full, event_id=ID, now=NOW, deadline=DEADLINE
    )


def reply(*headers: tuple[str, bytes], value: bytes | None = b"body") -> IncomingRecord:
    """A record on a reply topic."""
    return IncomingRecord("replies", 0, 0, None, value, headers)


def echoed(correlation: str, reply_to: str) -> list[tuple[str, bytes]]:
    """The headers of that request for a profile that names the id and the reply topic so."""
    return [
        ("ce_id", b"00112233445566778899aabbccddeeff0123456789abcdef"),
        ("ce_httpmethod", b"POST"),
        ("ce_httppath", b"/v1/cards/%E5%8D%A1"),
        ("ce_httpquery", b"a=1&b=%20"),
        (correlation, b"00112233445566778899aabbccddeeff0123456789abcdef"),
        (reply_to, b"hrss.pension.replies"),
        ("ce_expirytime", b"2026-03-01T00:30:05.123Z"),
        ("content-type", b"application/json; charset=utf-8"),
        ("accept-language", b"zh-CN"),
        ("accept", b"application/json"),
        ("traceparent", TRACEPARENT),
        ("tracestate", b"vendor=1"),
    ]
