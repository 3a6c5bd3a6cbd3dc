"""What the request records of several profiles have in common: HTTP's part, times, the trace.

Room rule: as `gateway.kafka.profiles`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gateway.message import RawHeaders, ServiceRequest
    from gateway.routing.model import KafkaBackend

__all__ = ["HeaderList", "asked_reply", "passed_on", "requested", "timestamp"]

HeaderList = list[tuple[str, bytes]]
"""Record headers in the making."""

PASSED_ON: Final = (b"content-encoding", b"accept", b"accept-language")
"""What a caller's headers say about the data and the answer; nothing else of them is passed on:
no credentials, no cookies, no `ce-` attributes of the caller's own."""

_STRUCTURED: Final = b"application/cloudevents"


def requested(request: ServiceRequest) -> HeaderList:
    """Return method, path and query: `ce_httpmethod`, `ce_httppath` and, if any, `ce_httpquery`."""
    headers = [
        ("ce_httpmethod", request.method.encode()),
        ("ce_httppath", request.path.encode("utf-8", "surrogateescape")),
    ]
    if request.query:
        headers.append(("ce_httpquery", request.query.encode("utf-8", "surrogateescape")))
    return headers


def asked_reply(
    backend: KafkaBackend,
    event_id: str,
    deadline: datetime | None,
    *,
    correlation: str,
    reply_to: str,
) -> HeaderList:
    """Return the headers that ask for a reply, by their names; none where nobody waits for one."""
    if backend.reply_topic is None:
        return []
    headers = [(correlation, event_id.encode()), (reply_to, backend.reply_topic.encode())]
    if deadline is not None:
        headers.append(("ce_expirytime", timestamp(deadline)))
    return headers


def passed_on(request: ServiceRequest) -> HeaderList:
    """Return what is passed on of the caller's headers, and the trace context."""
    passed: dict[bytes, bytes] = {}
    _collect(request.headers, passed)
    headers = [(name.decode(), value) for name, value in passed.items()]
    headers.append(("traceparent", request.traceparent))
    if request.tracestate:
        headers.append(("tracestate", request.tracestate))
    return headers


def timestamp(moment: datetime) -> bytes:
    """Return `moment`, which has a zone, as RFC 3339 in UTC with milliseconds."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z").encode()


def _collect(headers: RawHeaders, passed: dict[bytes, bytes]) -> None:
    for field, value in headers:
        name = field.lower()
        if name == b"content-type" and name not in passed:
            passed[name] = _binary_mode(value)
        elif name in PASSED_ON:
            passed[name] = passed[name] + b", " + value if name in passed else value


def _binary_mode(content_type: bytes) -> bytes:
    """Return `content_type`, unless it would turn the record into an event of the caller's making.

    A record whose content type begins with `application/cloudevents` is read as a structured
    event, with the attributes that stand in its value; SmallRye does so in its own profile, too.
    """
    if not content_type.lower().startswith(_STRUCTURED):
        return content_type
    return b"application/json" if b"+json" in content_type.lower() else b"application/octet-stream"
