"""The header profile `cloudevents`: a request as a record, a reply record as an answer.

Room rule: pure functions on values, byte-exact, with golden fixtures. The form is CloudEvents 1.0
in the binary content mode of its Kafka protocol binding: attributes are `ce_` headers in UTF-8
without percent-encoding, the data's media type is the header `content-type`, the value is the data.

| attribute | value |
|---|---|
| `ce_specversion` | `1.0` |
| `ce_id` | the event id, which is the receipt's `id` |
| `ce_source` | `/gateway/services/{service_id}` |
| `ce_type` | `{service_id}.request` |
| `ce_time` | when the gateway made the record, RFC 3339 in UTC |
| `ce_httpmethod`, `ce_httppath` | as sent; the path is what follows the service ID |
| `ce_httpquery` | as sent, when there is one |
| `ce_correlationid` | mode `reply`: the event id again |
| `ce_replyto` | mode `reply`: the topic for the answer |
| `ce_expirytime` | mode `reply`: nobody waits for an answer after it (the extension of that name) |

There is no `ce_subject`: what would make a good one identifies a citizen.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from gateway.errors import REPLY_MALFORMED, Fault, Text
from gateway.kafka.record import OutgoingRecord
from gateway.message import ServiceReply

if TYPE_CHECKING:
    from gateway.kafka.record import IncomingRecord, RecordHeaders
    from gateway.message import RawHeaders, ServiceRequest
    from gateway.routing.model import KafkaBackend

__all__ = ["correlation_id", "is_request", "reply_of", "request_record"]

PASSED_ON: Final = (b"content-encoding", b"accept", b"accept-language")
"""What a caller's headers say about the data and the answer; nothing else of them is passed on:
no credentials, no cookies, no `ce-` attributes of the caller's own."""

ANSWERED_WITH: Final = (
    "content-type",
    "content-encoding",
    "content-language",
    "cache-control",
    "etag",
    "last-modified",
    "location",
)
"""Headers of a reply record that become headers of the answer."""

WITHOUT_CONTENT: Final = (204, 205, 304)
"""RFC 9110, 15.3.5, 15.3.6 and 15.4.5: answers that have no content."""

_STRUCTURED: Final = b"application/cloudevents"
_FIELD_VALUE: Final = re.compile(rb"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")
_STATUS: Final = re.compile(rb"[2-5][0-9][0-9]")
_ID: Final = re.compile(rb"[\x21-\x7e]{1,128}")


def request_record(
    backend: KafkaBackend,
    request: ServiceRequest,
    body: bytes,
    *,
    key: bytes | None,
    event_id: str,
    now: datetime,
    deadline: datetime | None = None,
) -> OutgoingRecord:
    """Return the record that carries `request` with its whole `body` to its department.

    `key` is what `record_key` said; an empty body is an empty value, not a null one. `deadline` is
    used in mode `reply` only: an accepted request does not expire. Both times have a zone.
    """
    service = request.service_id
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.encode()),
        ("ce_source", f"/gateway/services/{service}".encode()),
        ("ce_type", f"{service}.request".encode()),
        ("ce_time", _timestamp(now)),
        ("ce_httpmethod", request.method.encode()),
        ("ce_httppath", request.path.encode("utf-8", "surrogateescape")),
    ]
    if request.query:
        headers.append(("ce_httpquery", request.query.encode("utf-8", "surrogateescape")))
    if backend.reply_topic is not None:
        headers.append(("ce_correlationid", event_id.encode()))
        headers.append(("ce_replyto", backend.reply_topic.encode()))
        if deadline is not None:
            headers.append(("ce_expirytime", _timestamp(deadline)))
    headers += _passed_on(request.headers)
    headers.append(("traceparent", request.traceparent))
    if request.tracestate:
        headers.append(("tracestate", request.tracestate))
    return OutgoingRecord(service, backend.topic, key, body, tuple(headers))


def correlation_id(record: IncomingRecord) -> str | None:
    """Return the id of the request that `record` answers; None when it names none or several."""
    values = _values(record.headers, "ce_correlationid")
    if len(values) != 1 or not _ID.fullmatch(values[0]):
        return None
    return values[0].decode("ascii")


def is_request(record: IncomingRecord) -> bool:
    """Tell a request from a reply, for topics that carry both: only requests ask for an answer."""
    return bool(_values(record.headers, "ce_replyto"))


def reply_of(record: IncomingRecord) -> ServiceReply:
    """Return the answer that `record` is.

    Raises `Fault` (`reply_malformed`) when `ce_httpstatus` is not one number of 200-599, or a
    header that goes to the caller is there twice or is no field value of RFC 9110 (5.5).
    """
    status = _status(record.headers)
    fields = [(name, value) for name in ANSWERED_WITH for value in _field_values(record, name)]
    body = record.value or b""
    if status in WITHOUT_CONTENT:
        fields = [field for field in fields if not field[0].startswith("content-")]
        body = b""
    block = b"".join(b"%b: %b\r\n" % (name.encode(), value) for name, value in fields)
    return ServiceReply(status, block, body)


def _timestamp(moment: datetime) -> bytes:
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z").encode()


def _passed_on(headers: RawHeaders) -> list[tuple[str, bytes]]:
    passed: dict[bytes, bytes] = {}
    for field, value in headers:
        name = field.lower()
        if name == b"content-type" and name not in passed:
            passed[name] = _binary_mode(value)
        elif name in PASSED_ON:
            passed[name] = passed[name] + b", " + value if name in passed else value
    return [(name.decode(), value) for name, value in passed.items()]


def _binary_mode(content_type: bytes) -> bytes:
    """Return `content_type`, unless it would turn the record into an event of the caller's making.

    A record whose content type begins with `application/cloudevents` is read as a structured
    event, with the attributes that stand in its value.
    """
    if not content_type.lower().startswith(_STRUCTURED):
        return content_type
    return b"application/json" if b"+json" in content_type.lower() else b"application/octet-stream"


def _status(headers: RecordHeaders) -> int:
    values = _values(headers, "ce_httpstatus")
    if not values:
        return 200
    if len(values) != 1 or not _STATUS.fullmatch(values[0]):
        raise _malformed("ce_httpstatus", "one number from 200 to 599", "200 至 599 的一个数字")
    return int(values[0])


def _field_values(record: IncomingRecord, name: str) -> list[bytes]:
    values = [value.strip(b" \t") for value in _values(record.headers, name)]
    if len(values) > 1 or not all(_FIELD_VALUE.fullmatch(value) for value in values):
        raise _malformed(name, "one HTTP field value", "一个合法的 HTTP 字段值")
    return values


def _values(headers: RecordHeaders, wanted: str) -> list[bytes]:
    return [value for name, value in headers if name.lower() == wanted]


def _malformed(name: str, expected_en: str, expected_zh: str) -> Fault:
    detail = Text(
        f"The record header {name} of the department's reply is not {expected_en}.",
        f"该部门答复记录的 {name} 头不是{expected_zh}。",
    )
    return Fault(REPLY_MALFORMED, may_have_been_sent=True, detail=detail)
