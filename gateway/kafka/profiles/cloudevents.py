"""The profile `cloudevents`: CloudEvents 1.0 in the binary content mode of its Kafka binding.

Room rule: as `gateway.kafka.profiles`. Attributes are `ce_` headers in UTF-8 without
percent-encoding, the data's media type is the header `content-type`, the value is the data.

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

A reply names its request in `ce_correlationid`; its value, `content-type` and `ce_httpstatus` are
the answer's body, type and status (200 when there is none).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.kafka.profiles.reply_fields import answer, header_values, only_id, status
from gateway.kafka.profiles.request_fields import asked_reply, passed_on, requested, timestamp

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.kafka.profiles.request_fields import HeaderList
    from gateway.kafka.record import IncomingRecord
    from gateway.message import ServiceReply, ServiceRequest
    from gateway.routing.model import KafkaBackend

__all__ = ["CloudEvents"]

_CORRELATION: Final = "ce_correlationid"
_REPLY_TO: Final = "ce_replyto"


class CloudEvents:
    """A request as an event, an event that names it as the reply."""

    __slots__ = ()

    name: Final = "cloudevents"

    def request_headers(
        self,
        backend: KafkaBackend,
        request: ServiceRequest,
        *,
        event_id: str,
        now: datetime,
        deadline: datetime | None,
    ) -> HeaderList:
        """Return the headers of the record that carries `request`."""
        service = request.service_id
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", event_id.encode()),
            ("ce_source", f"/gateway/services/{service}".encode()),
            ("ce_type", f"{service}.request".encode()),
            ("ce_time", timestamp(now)),
        ]
        headers += requested(request)
        headers += asked_reply(
            backend, event_id, deadline, correlation=_CORRELATION, reply_to=_REPLY_TO
        )
        headers += passed_on(request)
        return headers

    def correlation_id(self, record: IncomingRecord) -> str | None:
        """Return the id of the request that `record` answers; None when there is not just one."""
        return only_id(record.headers, _CORRELATION)

    def is_request(self, record: IncomingRecord) -> bool:
        """Tell a request from a reply: only requests ask for an answer."""
        return bool(header_values(record.headers, _REPLY_TO))

    def reply_of(self, record: IncomingRecord) -> ServiceReply:
        """Return the answer that `record` is; raises `Fault` (`reply_malformed`)."""
        return answer(record.headers, status(record.headers), record.value or b"")
