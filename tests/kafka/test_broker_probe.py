from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError
from aiokafka.structs import BrokerMetadata

from gateway.kafka.aiokafka_internals import abandon_producer
from gateway.kafka.broker_probe import any_broker_answers
from tests.doubles.kafka_proxy import KafkaProxy
from tests.doubles.ports import refusing_port, silent_port
from tests.kafka.outbox_desk import until
from tests.kafka.producing import questions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def client(*addresses: str) -> AsyncIterator[AIOKafkaClient]:
    """A client that knows brokers at `addresses` and has asked none of them yet."""
    known = AIOKafkaClient()
    pairs = [address.split(":") for address in addresses]
    known.cluster._brokers = {  # noqa: SLF001  # as the metadata of a cluster fill it
        node: BrokerMetadata(node, host, int(port), None) for node, (host, port) in enumerate(pairs)
    }
    try:
        yield known
    finally:
        await known.close()


async def test_a_broker_that_answers_is_there(bootstrap: str) -> None:
    async with client(bootstrap) as known:
        assert await any_broker_answers(known)
        assert await any_broker_answers(known)


async def test_one_that_refuses_is_not() -> None:
    with refusing_port() as port:
        async with client(f"127.0.0.1:{port}") as known, asyncio.timeout(5):
            assert not await any_broker_answers(known, 60.0)


async def test_one_that_hangs_is_not_when_the_time_is_over() -> None:
    with silent_port() as port:
        async with client(f"127.0.0.1:{port}") as known:
            assert not await any_broker_answers(known, 0.1)


async def test_one_that_hangs_does_not_hide_one_that_answers(embedded: str) -> None:
    async with await asyncio.start_server(_hang, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        for _ in range(5):
            async with client(f"{host}:{port}", embedded) as known:
                assert await any_broker_answers(known, 1.0)
                assert await any_broker_answers(known, 1.0)


@pytest.mark.parametrize("open_already", [True, False])
async def test_a_producer_that_is_abandoned_meanwhile_has_no_broker_that_answers(
    embedded: str, *, open_already: bool
) -> None:
    async with KafkaProxy(embedded) as proxy:
        producer = AIOKafkaProducer(bootstrap_servers=proxy.address)
        await producer.start()
        if open_already:
            assert await any_broker_answers(producer.client)
        proxy.black_hole()
        asking = asyncio.create_task(any_broker_answers(producer.client, 60.0))
        await until(lambda: questions("kafka-question") == 1)
        await abandon_producer(producer, KafkaConnectionError())
        async with asyncio.timeout(5):
            assert not await asking


async def test_whoever_asks_can_be_cancelled(embedded: str) -> None:
    async with KafkaProxy(embedded) as proxy, client(proxy.address) as known:
        proxy.black_hole()
        asking = asyncio.create_task(any_broker_answers(known, 60.0))
        await until(lambda: questions("kafka-question") == 1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert questions("kafka-question") == 0


async def _hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionResetError):
        while await reader.read(1000):
            pass
    writer.close()
