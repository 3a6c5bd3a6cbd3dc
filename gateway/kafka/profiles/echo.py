"""The pattern of most frameworks: the reply goes to the topic and with the id that a request names.

Room rule: as `gateway.kafka.profiles`. A profile of this kind is the names of two headers. The
record carries beside them `ce_id`, `ce_httpmethod`, `ce_httppath` and `ce_httpquery`, in mode
`reply` `ce_expirytime`, and `content-type`, `content-encoding`, `accept`, `accept-language`,
`traceparent` and `tracestate` as far as the request has them: raw UTF-8, none of them read by a
framework on its own. There is no header for a reply partition: Spring and SmallRye write it in
four bytes, NestJS in decimal digits under Spring's name, and none of them needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.kafka.profiles.reply_fields import answer, header_values, only_id, status, typed
from gateway.kafka.profiles.request_fields import asked_reply, passed_on, requested

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.kafka.profiles.request_fields import HeaderList
    from gateway.kafka.record import IncomingRecord
    from gateway.message import ServiceReply, ServiceRequest
    from gateway.routing.model import KafkaBackend

__all__ = ["Echo"]


@dataclass(frozen=True, slots=True)
class Echo:
    """`correlation` and `reply_to` are header names; `statuses` are those that name a status."""

    name: str
    correlation: str
    reply_to: str
    statuses: tuple[str, ...] = ()

    def request_headers(
        self,
        backend: KafkaBackend,
        request: ServiceRequest,
        *,
        event_id: str,
        now: datetime,  # noqa: ARG002  # of the protocol: a Kafka record has a time of its own
        deadline: datetime | None,
    ) -> HeaderList:
        """Return the headers of the record that carries `request`."""
        headers = self.identity(event_id)
        headers += self.http_part(request)
        headers += asked_reply(
            backend, event_id, deadline, correlation=self.correlation, reply_to=self.reply_to
        )
        headers += passed_on(request)
        return headers

    def identity(self, event_id: str) -> HeaderList:
        """Return the id of the event, by which duplicates are known."""
        return [("ce_id", event_id.encode())]

    def http_part(self, request: ServiceRequest) -> HeaderList:
        """Return method, path and query of the request."""
        return requested(request)

    def correlation_id(self, record: IncomingRecord) -> str | None:
        """Return the id of the request that `record` answers; None when there is not just one."""
        return only_id(record.headers, self.correlation)

    def is_request(self, record: IncomingRecord) -> bool:
        """Tell a request from a reply: only requests ask for an answer."""
        return bool(header_values(record.headers, self.reply_to))

    def reply_of(self, record: IncomingRecord) -> ServiceReply:
        """Return the answer that `record` is; raises `Fault` (`reply_malformed`)."""
        body = record.value or b""
        code = status(record.headers, *self.statuses)
        return answer(typed(record.headers, body), code, body)
