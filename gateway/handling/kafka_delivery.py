"""Delivery over Kafka: a receipt once the brokers have the record, or the department's reply.

Room rule: as `gateway.handling`. A receipt is given for an acknowledged record and for nothing
else; a reply is expected before its request is produced.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import orjson

from gateway import errors
from gateway.errors import Fault
from gateway.kafka.cloudevents import request_record
from gateway.kafka.record import new_event_id
from gateway.kafka.record_key import record_key
from gateway.message import ServiceReply
from gateway.routing.model import KafkaBackend, KafkaMode

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.handling.request_record import RequestRecord
    from gateway.handling.route_runtime import ServiceRuntime
    from gateway.kafka.producer import SupervisedProducer
    from gateway.kafka.record import Acknowledged
    from gateway.kafka.replies import ReplyInbox
    from gateway.message import Body, ServiceRequest

__all__ = ["KafkaDelivery", "KafkaLink"]

_JSON: Final = b"Content-Type: application/json\r\n"
_NO_KAFKA: Final = errors.Text(
    "This gateway was started without a broker address (--kafka).",
    "本网关启动时未配置消息代理地址（--kafka）。",
)


class KafkaLink:
    """The way to the brokers: one producer and one inbox for all services."""

    __slots__ = ("inbox", "producer")

    def __init__(self, producer: SupervisedProducer, inbox: ReplyInbox) -> None:
        self.producer: Final = producer
        self.inbox: Final = inbox


class KafkaDelivery:
    """Carries requests to Kafka departments; `link` is None when no broker is configured.

    `clock` is the loop's; `wall_clock` gives the time in UTC for receipts and records.
    """

    def __init__(
        self,
        link: KafkaLink | None,
        clock: Callable[[], float],
        wall_clock: Callable[[], datetime],
    ) -> None:
        self._link = link
        self._clock = clock
        self._wall_clock = wall_clock

    async def deliver(
        self, runtime: ServiceRuntime, request: ServiceRequest, record: RequestRecord
    ) -> ServiceReply:
        """Return the receipt or the department's reply; raises `Fault`."""
        backend = runtime.kafka
        if backend is None or self._link is None:
            raise Fault(errors.BROKER_UNREACHABLE, detail=_NO_KAFKA)
        record.destination = backend.topic
        key = record_key(backend.key, request.headers, request.query)
        try:
            body = await _whole(request.body)
        finally:
            record.caller_time = request.body.waited
        start = self._clock()
        record.waits_for = errors.BROKER_TIMEOUT
        try:
            if backend.mode is KafkaMode.ACCEPT:
                return await self._accept(self._link, runtime, backend, request, record, key, body)
            return await self._ask(self._link, backend, request, record, key, body)
        finally:
            record.department_time = self._clock() - start

    async def _accept(
        self,
        link: KafkaLink,
        runtime: ServiceRuntime,
        backend: KafkaBackend,
        request: ServiceRequest,
        record: RequestRecord,
        key: bytes | None,
        body: bytes,
    ) -> ServiceReply:
        event_id = new_event_id()
        outgoing = request_record(
            backend, request, body, key=key, event_id=event_id, now=self._wall_clock()
        )
        record.attempts = 1
        acknowledged = await link.producer.send(outgoing)
        return _receipt(runtime, event_id, acknowledged, self._wall_clock())

    async def _ask(
        self,
        link: KafkaLink,
        backend: KafkaBackend,
        request: ServiceRequest,
        record: RequestRecord,
        key: bytes | None,
        body: bytes,
    ) -> ServiceReply:
        now = self._wall_clock()
        topic = backend.reply_topic or backend.topic
        with link.inbox.expect(topic, request.service_id) as expected:
            outgoing = request_record(
                backend,
                request,
                body,
                key=key,
                event_id=expected.id,
                now=now,
                deadline=now + timedelta(seconds=record.deadline - self._clock()),
            )
            record.attempts = 1
            await link.producer.send(outgoing)
            record.waits_for = errors.REPLY_TIMEOUT
            reply = await expected.reply()
        record.failed_answer = reply.status >= 500
        return reply


async def _whole(body: Body) -> bytes:
    """Read the body to its end: a record has its value in one piece."""
    at_hand = body.read_available()
    if at_hand is not None:
        return at_hand
    pieces = []
    while piece := await body.read():
        pieces.append(piece)
    return b"".join(pieces)


def _receipt(
    runtime: ServiceRuntime, event_id: str, acknowledged: Acknowledged, now: datetime
) -> ServiceReply:
    receipt = {
        "id": event_id,
        "service": runtime.id,
        "department": runtime.department.department.id,
        "durability": "kafka",
        "topic": acknowledged.topic,
        "partition": acknowledged.partition,
        "offset": acknowledged.offset,
        "accepted_at": now.astimezone(UTC).isoformat(timespec="milliseconds"),
    }
    return ServiceReply(202, _JSON, orjson.dumps(receipt))
