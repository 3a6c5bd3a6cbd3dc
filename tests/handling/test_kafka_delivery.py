"""Delivery over Kafka without a broker; with one, `tests/whole/test_kafka.py` has it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pytest

from gateway.errors import Fault
from gateway.handling.kafka_delivery import KafkaDelivery, KafkaLink
from gateway.handling.request_record import RequestRecord
from gateway.kafka.connection import KafkaConnection
from gateway.kafka.producer import SupervisedProducer
from gateway.kafka.replies import ReplyInbox
from tests.doubles.gateway import http_service, routes_text
from tests.doubles.kafka_events import RecordedEvents
from tests.handling.snapshots import a_request, snapshot

if TYPE_CHECKING:
    from gateway.handling.route_runtime import ServiceRuntime

SERVICES: Final = routes_text(
    http_service("edu.payment", "http://127.0.0.1:1"),
    """
    hrss.card:
      title: 补卡
      department: hrss
      kafka: {topic: cards, mode: accept, key: header:X-Subject}
    """,
    """
    hrss.pension:
      title: 养老金
      department: hrss
      kafka: {topic: pension, mode: reply, reply_topic: pension.replies}
    """,
)
SUBJECT: Final = ((b"X-Subject", b"MADE-UP-0001"),)


async def service(id_: str) -> ServiceRuntime:
    return (await snapshot(SERVICES)).services[id_]


def unconnected() -> KafkaLink:
    """A producer and an inbox that were never started."""
    connection, events = KafkaConnection("127.0.0.1:1"), RecordedEvents()
    return KafkaLink(SupervisedProducer(connection, events), ReplyInbox(connection, events))


def delivery(link: KafkaLink | None) -> KafkaDelivery:
    return KafkaDelivery(link, time.monotonic, lambda: datetime.now(UTC))


async def refused(it: KafkaDelivery, id_: str, record: RequestRecord) -> Fault:
    record.deadline = time.monotonic() + 5
    with pytest.raises(Fault) as caught:
        await it.deliver(await service(id_), a_request(id_, headers=SUBJECT), record)
    return caught.value


async def test_without_a_broker_address_the_fault_names_the_option_in_both_languages() -> None:
    fault = await refused(delivery(None), "hrss.card", RequestRecord(0.0, "POST"))
    assert fault.cause.code == "broker_unreachable"
    assert not fault.may_have_been_sent
    assert fault.detail is not None
    assert "--kafka" in fault.detail.en
    assert "--kafka" in fault.detail.zh


@pytest.mark.parametrize(
    ("id_", "cause", "topic"),
    [
        ("hrss.card", "broker_unreachable", "cards"),
        ("hrss.pension", "replies_not_ready", "pension"),
    ],
)
async def test_while_the_broker_is_away_nothing_is_sent_and_nothing_waits(
    id_: str, cause: str, topic: str
) -> None:
    record = RequestRecord(0.0, "POST")
    async with asyncio.timeout(1):
        fault = await refused(delivery(unconnected()), id_, record)
    assert (fault.cause.code, fault.may_have_been_sent) == (cause, False)
    assert fault.retry_after is not None
    assert record.destination == topic


async def test_a_request_without_its_key_never_reaches_the_broker() -> None:
    runtime, record = await service("hrss.card"), RequestRecord(0.0, "POST")
    with pytest.raises(Fault, match="record_key_missing"):
        await delivery(unconnected()).deliver(runtime, a_request("hrss.card"), record)
    assert record.department_time is None
    assert record.attempts == 0
