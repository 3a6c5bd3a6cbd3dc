from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from gateway.demo.broker import EmbeddedBroker
from gateway.demo.kafka_department import kafka_department
from gateway.demo.plan import RequestTopic
from gateway.errors import StartError
from tests.doubles.ports import refusing_port

TOPICS = (
    RequestTopic("hrss.card-replacement", "cards", replies=False),
    RequestTopic("hrss.pension-query", "pensions", replies=True),
)


async def test_a_request_is_answered_on_the_topic_that_it_names() -> None:
    async with EmbeddedBroker() as broker:
        producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
        replies = AIOKafkaConsumer(
            "answers", bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest"
        )
        async with kafka_department(TOPICS, broker.bootstrap), producer, replies:
            asked = [("ce_correlationid", b"c1"), ("ce_replyto", b"answers")]
            await producer.send_and_wait("cards", b"{}", headers=[("ce_id", b"1")])
            await producer.send_and_wait("pensions", b"", key=b"DEMO-0002", headers=asked)
            async with asyncio.timeout(20):
                record: Any = await replies.getone()
    headers = dict(record.headers)
    assert headers["ce_correlationid"] == b"c1"
    assert headers["ce_httpstatus"] == b"200"
    assert json.loads(record.value)["subject"] == "DEMO-0002"


async def test_it_ends_quietly_when_the_broker_has_gone() -> None:
    async with EmbeddedBroker() as broker, kafka_department(TOPICS, broker.bootstrap):
        await broker.kill()


async def test_a_broker_that_is_not_there_is_a_clear_error() -> None:
    with refusing_port() as port, pytest.raises(StartError, match=f"127.0.0.1:{port}"):
        await kafka_department(TOPICS, f"127.0.0.1:{port}").__aenter__()
