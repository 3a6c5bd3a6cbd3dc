from __future__ import annotations

import pytest

from gateway.errors import StartError
from gateway.kafka.connection import KafkaConnection
from gateway.kafka.topic_reader import TopicReader
from tests.doubles.kafka_topic import topic_name, write, writer
from tests.doubles.ports import refusing_port, silent_port


async def read(reader: TopicReader, topic: str, seconds: float = 30) -> list[bytes | None]:
    return [record.value async for record in reader.records(topic, seconds)]


async def test_all_records_are_read_in_order_within_a_partition(bootstrap: str) -> None:
    topic = topic_name("read")
    async with writer(bootstrap) as producer:
        for number in range(300):
            await producer.send(topic, b"%d" % number, key=b"-")
        await producer.flush()
    async with TopicReader(KafkaConnection(bootstrap)) as reader:
        assert await read(reader, topic) == [b"%d" % number for number in range(300)]
        assert reader.complete
        assert len(await read(reader, topic)) == 300


async def test_a_record_keeps_key_headers_and_time(bootstrap: str) -> None:
    topic = topic_name("read")
    await write(bootstrap, topic, None, [("name", b"\xff")], partition=0)
    async with TopicReader(KafkaConnection(bootstrap)) as reader:
        record = await reader.record(topic, 0, 0)
    assert record is not None
    assert (record.key, record.value, record.headers) == (b"-", None, (("name", b"\xff"),))
    assert record.timestamp is not None
    assert record.timestamp > 1_600_000_000_000
    assert not record.log_append_time


@pytest.mark.parametrize(("partition", "offset"), [(0, 1), (0, 2**62), (99, 0)])
async def test_where_no_record_is_there_is_none(
    bootstrap: str, partition: int, offset: int
) -> None:
    topic = topic_name("read")
    await write(bootstrap, topic, b"", [], partition=0)
    async with TopicReader(KafkaConnection(bootstrap)) as reader:
        assert await reader.record(topic, partition, offset) is None


async def test_a_topic_that_is_not_there_is_empty_and_is_not_made(bootstrap: str) -> None:
    topic = topic_name("absent")
    async with TopicReader(KafkaConnection(bootstrap)) as reader:
        assert await read(reader, topic) == []
        assert reader.complete
        assert await reader.record(topic, 0, 0) is None
    async with TopicReader(KafkaConnection(bootstrap)) as reader:
        assert topic not in await reader.topics()


async def test_reading_that_takes_too_long_says_that_it_is_not_complete(bootstrap: str) -> None:
    topic = topic_name("read")
    await write(bootstrap, topic, b"", [])
    async with TopicReader(KafkaConnection(bootstrap)) as reader:
        assert await read(reader, topic, seconds=0) == []
        assert not reader.complete


async def test_brokers_that_refuse_or_are_silent_are_named() -> None:
    with refusing_port() as port, pytest.raises(StartError, match=f"127.0.0.1:{port}"):
        await TopicReader(KafkaConnection(f"127.0.0.1:{port}")).__aenter__()


async def test_brokers_that_are_silent_are_given_up() -> None:
    with silent_port() as port:
        reader = TopicReader(KafkaConnection(f"127.0.0.1:{port}"), connect_timeout=0.5)
        with pytest.raises(StartError, match="no answer in time"):
            await reader.__aenter__()
