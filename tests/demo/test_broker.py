from __future__ import annotations

from aiokafka import AIOKafkaProducer

from gateway.demo.broker import EmbeddedBroker
from tests.demo.demo_process import alive


async def test_it_takes_records_at_the_address_that_it_names() -> None:
    async with EmbeddedBroker() as broker:
        async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
            sent = await producer.send_and_wait("topic", b"value", partition=0)
        assert sent.offset == 0


async def test_it_ends_with_its_block() -> None:
    async with EmbeddedBroker() as broker:
        assert alive(broker.pid)
    assert not alive(broker.pid)


async def test_it_can_be_killed_as_by_a_crash() -> None:
    async with EmbeddedBroker() as broker:
        await broker.kill()
        assert not alive(broker.pid)
