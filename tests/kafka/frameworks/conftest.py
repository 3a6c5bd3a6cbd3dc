"""The gateway's end of the line: a producer, an inbox, and a question to a department."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pytest

from gateway.kafka.connection import KafkaConnection
from gateway.kafka.producer import SupervisedProducer
from gateway.kafka.profiles import PROFILES, request_record
from gateway.kafka.replies import ReplyInbox, Subscription
from gateway.message import ServiceRequest, WholeBody
from gateway.routing.model import KafkaBackend, KafkaMode
from tests.doubles.kafka_topic import partitions, topic_name
from tests.kafka.producing import publish

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from gateway.message import ServiceReply
    from tests.doubles.kafka_events import RecordedEvents

PATIENCE: Final = 60.0
"""Seconds for a department that has just started to join its group and to answer."""

TRACEPARENT: Final = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass
class Topics:
    """Where one department works."""

    requests: str
    replies: str


@dataclass
class Line:
    """Asks a department through the room `kafka`, as a request at the unified entry would."""

    producer: SupervisedProducer
    inbox: ReplyInbox
    poisoned: list[str]
    topics: Topics
    profile: str = field(default="cloudevents")

    async def ask(self, body: bytes) -> ServiceReply:
        """Send one request and return the department's answer."""
        backend = KafkaBackend(
            self.topics.requests,
            KafkaMode.REPLY,
            reply_topic=self.topics.replies,
            profile=self.profile,
        )
        event_id = os.urandom(24).hex()
        record = request_record(
            backend, _request(), body, key=b"case-1", event_id=event_id, now=datetime.now(UTC)
        )
        async with asyncio.timeout(PATIENCE):
            with self.inbox.expect(self.topics.replies, "hrss.pension", event_id) as expected:
                await publish(self.producer, record)
                return await expected.reply()


@pytest.fixture
async def topics(apache: str, record_property: Callable[[str, object], None]) -> Topics:
    record_property("kafka_broker", "apache")
    made = Topics(topic_name("pension.requests"), topic_name("pension.replies"))
    for topic in (made.requests, made.replies):
        await partitions(apache, topic)
    return made


@pytest.fixture
async def line(
    apache: str, topics: Topics, profile: str, events: RecordedEvents
) -> AsyncIterator[Line]:
    """A line to a department that speaks `profile`, positioned on its reply topic."""
    poisoned: list[str] = []
    connection = KafkaConnection(apache)
    producer = SupervisedProducer(connection, events)
    inbox = ReplyInbox(
        connection,
        events,
        genuine=lambda _: True,
        late=lambda _: None,
        progress=lambda _: None,
        poison=lambda _record, reason: poisoned.append(reason),
    )
    inbox.want({topics.replies: Subscription((PROFILES[profile],), status=False)})
    producer.start()
    inbox.start()
    await events.until(lambda happened: happened.positions.get(topics.replies, False))
    await events.until_connected()
    yield Line(producer, inbox, poisoned, topics, profile)
    await inbox.close()
    await producer.close(5.0)


def _request() -> ServiceRequest:
    return ServiceRequest(
        service_id="hrss.pension",
        method="POST",
        path="/v1/accounts",
        query="month=2026-03",
        headers=((b"Content-Type", b"application/json"),),
        fields=b"",
        body=WholeBody(b""),
        arrived=0.0,
        api_key=None,
        request_id="r1",
        trace_id="t1",
        traceparent=TRACEPARENT,
        tracestate=None,
    )
