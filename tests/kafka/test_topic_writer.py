from __future__ import annotations

import pytest

from gateway.errors import RECORD_TOO_LARGE, Fault, StartError
from gateway.kafka.connection import KafkaConnection
from gateway.kafka.record import OutgoingRecord
from gateway.kafka.topic_writer import TopicWriter
from tests.doubles.kafka_topic import records, topic_name
from tests.doubles.ports import refusing_port


async def test_a_record_is_written_and_its_place_told(bootstrap: str) -> None:
    topic = topic_name("written")
    record = OutgoingRecord("id", "-", topic, b"key", b"value", (("ce_id", b"id"),))
    async with TopicWriter(KafkaConnection(bootstrap)) as writer:
        first = await writer.send(record)
        second = await writer.send(record)
    assert (first.offset, second.offset) == (0, 1)
    assert first.partition == second.partition
    found = await records(bootstrap, topic)
    assert [(one.key, one.value, one.headers) for one in found] == [
        (b"key", b"value", (("ce_id", b"id"),))
    ] * 2


async def test_what_cannot_be_written_is_a_fault(apache: str) -> None:
    record = OutgoingRecord("id", "-", topic_name("written"), None, bytes(2 << 20), ())
    async with TopicWriter(KafkaConnection(apache)) as writer:
        with pytest.raises(Fault) as refused:
            await writer.send(record)
    assert refused.value.cause is RECORD_TOO_LARGE


async def test_brokers_that_cannot_be_reached_are_named() -> None:
    with refusing_port() as port, pytest.raises(StartError, match=f"127.0.0.1:{port}"):
        await TopicWriter(KafkaConnection(f"127.0.0.1:{port}")).__aenter__()
