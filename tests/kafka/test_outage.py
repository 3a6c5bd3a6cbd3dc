"""Brokers that are not there, go, stop answering and come back while records are sent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gateway.demo.broker import EmbeddedBroker
from gateway.errors import BROKER_TIMEOUT, BROKER_UNREACHABLE, Fault
from gateway.kafka.connection import KafkaConnection
from gateway.kafka.producer import SupervisedProducer
from tests.doubles.kafka_topic import records, topic_name
from tests.doubles.tcp_proxy import TcpProxy
from tests.kafka.outbox_desk import until
from tests.kafka.producing import outgoing, publish, refused, silence, through, wake

if TYPE_CHECKING:
    from gateway.kafka.record import Acknowledged
    from tests.doubles.kafka_events import RecordedEvents
    from tests.kafka.broker.apache_kafka import ApacheKafka


async def test_it_connects_by_itself_when_the_broker_comes_later(
    embedded: str, events: RecordedEvents
) -> None:
    async with TcpProxy() as proxy:
        supervised = SupervisedProducer(KafkaConnection(proxy.address), events)
        supervised.start()
        assert await refused(supervised, outgoing("t", b"")) == (BROKER_UNREACHABLE, False)
        await proxy.open(embedded)
        await events.until_connected()
        await publish(supervised, outgoing(topic_name("later"), b""))
        await supervised.close(1.0)
    assert events.restarts == 0


async def test_a_short_silence_delays_a_record_and_neither_loses_nor_doubles_it(
    events: RecordedEvents,
) -> None:
    topic = topic_name("silence")
    async with EmbeddedBroker() as broker, through(broker.bootstrap, events) as supervised:
        await publish(supervised, outgoing(topic, b"before"))
        silence(broker)
        waiting = asyncio.create_task(publish(supervised, outgoing(topic, b"during")))
        await events.until_connected(up=False)
        assert await refused(supervised, outgoing(topic, b"refused")) == (BROKER_UNREACHABLE, False)
        wake(broker)
        await waiting
        await events.until_connected()
        found = await records(broker.bootstrap, topic)
    assert [record.value for record in found] == [b"before", b"during"]
    assert events.restarts == 0


async def test_a_record_without_acknowledgement_may_have_been_sent(
    events: RecordedEvents,
) -> None:
    async with (
        EmbeddedBroker() as broker,
        through(broker.bootstrap, events, outage_grace=0.5) as supervised,
    ):
        topic = topic_name("killed")
        await publish(supervised, outgoing(topic, b"before"))
        await broker.kill()
        assert await refused(supervised, outgoing(topic, b"during")) == (BROKER_TIMEOUT, True)
        assert not supervised.connected
        assert events.connections == [True, False]


async def test_closing_while_the_broker_is_silent_takes_no_time(events: RecordedEvents) -> None:
    async with EmbeddedBroker() as broker, through(broker.bootstrap, events) as supervised:
        topic = topic_name("stuck")
        await publish(supervised, outgoing(topic, b"before"))
        silence(broker)
        stuck = asyncio.create_task(publish(supervised, outgoing(topic, b"during")))
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await supervised.close(0.2)
        with pytest.raises(Fault) as caught:
            await stuck
        wake(broker)
    assert (caught.value.cause, caught.value.may_have_been_sent) == (BROKER_TIMEOUT, True)


async def test_what_was_given_up_is_not_delivered_when_the_broker_returns(
    own_apache: ApacheKafka, events: RecordedEvents, caplog: pytest.LogCaptureFixture
) -> None:
    topic = topic_name("given.up")
    async with through(own_apache.bootstrap, events, outage_grace=0.5) as supervised:
        await publish(supervised, outgoing(topic, b"before"))
        own_apache.kill()
        sending = asyncio.create_task(publish(supervised, outgoing(topic, b"given up")))
        await asyncio.sleep(0)
        sending.cancel()
        await events.until_connected(up=False)
        # The producer that holds the record is given up before another one is tried.
        await until(lambda: "Kafka cannot be reached" in caplog.text)
        await asyncio.to_thread(own_apache.start)
        await events.until_connected()
        await publish(supervised, outgoing(topic, b"after"))
        found = await records(own_apache.bootstrap, topic)
    assert [record.value for record in found] == [b"before", b"after"]
    assert events.restarts == 1


async def test_no_acknowledgement_is_false_while_the_broker_is_killed_and_comes_back(
    own_apache: ApacheKafka, events: RecordedEvents
) -> None:
    topic = topic_name("kill")
    acknowledged: dict[bytes, Acknowledged] = {}
    stop = asyncio.Event()

    async def send_on(supervised: SupervisedProducer, sender: int) -> None:
        number = 0
        while not stop.is_set():
            value = b"%d-%d" % (sender, number)
            try:
                acknowledged[value] = await publish(supervised, outgoing(topic, value))
            except Fault:
                await asyncio.sleep(0.05)
            number += 1

    async with through(own_apache.bootstrap, events) as supervised, asyncio.TaskGroup() as group:
        for sender in range(4):
            group.create_task(send_on(supervised, sender))
        for _ in range(2):
            await events.until_produced(100)
            own_apache.kill()
            await events.until_connected(up=False)
            await asyncio.to_thread(own_apache.start)
            await events.until_connected()
        stop.set()
    found = await records(own_apache.bootstrap, topic)
    places = [(record.value, record.partition, record.offset) for record in found]
    for value, sent in acknowledged.items():
        assert [place[1:] for place in places if place[0] == value] == [
            (sent.partition, sent.offset)
        ]
