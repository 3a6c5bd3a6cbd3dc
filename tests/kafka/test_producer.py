from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gateway.errors import BROKER_UNREACHABLE, RECORD_TOO_LARGE
from gateway.kafka.connection import KafkaConnection
from gateway.kafka.producer import SupervisedProducer
from gateway.kafka.record import Acknowledged
from tests.doubles.kafka_topic import records, topic_name
from tests.doubles.ports import refusing_port, silent_port
from tests.kafka.producing import outgoing, publish, refused

if TYPE_CHECKING:
    from tests.doubles.kafka_events import RecordedEvents

HEADERS = (("ce_id", b"1"), ("plain", "中文".encode()), ("empty", b""), ("ce_id", b"2"))


async def test_an_acknowledgement_names_where_the_record_is(
    bootstrap: str, producer: SupervisedProducer, events: RecordedEvents
) -> None:
    topic = topic_name("place")
    sent = [await publish(producer, outgoing(topic, b"%d" % n)) for n in range(3)]
    found = await records(bootstrap, topic)
    assert [(r.partition, r.offset) for r in found] == [(a.partition, a.offset) for a in sent]
    assert {a.topic for a in sent} == {topic}
    assert events.produces == ["svc", "svc", "svc"]


async def test_key_value_and_headers_arrive_byte_by_byte(
    bootstrap: str, producer: SupervisedProducer
) -> None:
    topic = topic_name("bytes")
    record = outgoing(topic, bytes(range(256)), b"\x00\xff")
    await publish(producer, record._replace(headers=HEADERS))
    (found,) = await records(bootstrap, topic)
    assert (found.key, found.value) == (b"\x00\xff", bytes(range(256)))
    assert found.headers == HEADERS


async def test_an_empty_body_is_an_empty_value_and_no_tombstone(
    bootstrap: str, producer: SupervisedProducer
) -> None:
    topic = topic_name("empty")
    await publish(producer, outgoing(topic, b"", None))
    (found,) = await records(bootstrap, topic)
    assert (found.key, found.value) == (None, b"")


async def test_records_of_one_key_stay_in_one_partition_and_in_order(
    bootstrap: str, producer: SupervisedProducer
) -> None:
    topic = topic_name("order")
    keys = [b"case-%d" % n for n in range(5)]
    async with asyncio.TaskGroup() as group:
        for number in range(100):
            record = outgoing(topic, b"%d" % number, keys[number % 5])
            group.create_task(publish(producer, record))
    found = await records(bootstrap, topic)
    assert len(found) == 100
    for index, key in enumerate(keys):
        of_key = [record for record in found if record.key == key]
        assert len({record.partition for record in of_key}) == 1
        assert [int(r.value or b"") for r in of_key] == list(range(index, 100, 5))


async def test_a_record_that_is_too_large_harms_nothing_after_it(
    bootstrap: str, producer: SupervisedProducer, events: RecordedEvents
) -> None:
    topic = topic_name("large")
    large = outgoing(topic, bytes(2_000_000))
    assert await refused(producer, large) == (RECORD_TOO_LARGE, False)
    await publish(producer, outgoing(topic, b"small"))
    assert [record.value for record in await records(bootstrap, topic)] == [b"small"]
    assert events.restarts == 0


async def test_sends_that_are_cancelled_harm_nothing_after_them(
    bootstrap: str, producer: SupervisedProducer, events: RecordedEvents
) -> None:
    topic = topic_name("cancelled")
    await publish(producer, outgoing(topic, b"first"))
    sending = [
        asyncio.create_task(publish(producer, outgoing(topic, b"%d" % number)))
        for number in range(200)
    ]
    for task in sending[::2]:
        task.cancel()
    await asyncio.sleep(0)
    for task in sending[1::4]:
        task.cancel()
    results = await asyncio.gather(*sending, return_exceptions=True)
    await publish(producer, outgoing(topic, b"last"))
    values = [record.value for record in await records(bootstrap, topic)]
    acknowledged = [b"%d" % n for n, r in enumerate(results) if isinstance(r, Acknowledged)]
    assert len(acknowledged) >= 50
    assert len(values) == len(set(values))
    assert {b"first", b"last", *acknowledged} <= set(values)
    assert events.restarts == 0


async def test_before_it_is_started_a_record_is_refused_at_once(events: RecordedEvents) -> None:
    supervised = SupervisedProducer(KafkaConnection("127.0.0.1:1"), events)
    assert await refused(supervised, outgoing("t", b"")) == (BROKER_UNREACHABLE, False)


async def test_after_it_is_closed_a_record_is_refused_at_once(
    producer: SupervisedProducer, events: RecordedEvents
) -> None:
    await producer.close(1.0)
    assert not producer.connected
    assert events.connections == [True, False]
    assert await refused(producer, outgoing("t", b"")) == (BROKER_UNREACHABLE, False)


async def test_closing_waits_for_what_is_on_its_way(
    bootstrap: str, producer: SupervisedProducer
) -> None:
    topic = topic_name("closing")
    await publish(producer, outgoing(topic, b"first", None))
    sending = asyncio.create_task(publish(producer, outgoing(topic, b"last", None)))
    await asyncio.sleep(0)
    await producer.close(10.0)
    assert (await sending).topic == topic
    assert {record.value for record in await records(bootstrap, topic)} == {b"first", b"last"}


async def test_starting_and_closing_without_a_broker_take_no_time(events: RecordedEvents) -> None:
    with refusing_port() as port:
        supervised = SupervisedProducer(KafkaConnection(f"127.0.0.1:{port}"), events)
        supervised.start()
        await asyncio.sleep(0.05)
        async with asyncio.timeout(5):
            await supervised.close(30.0)
    assert events.connections == []


async def test_closing_does_not_wait_for_a_connection_that_never_opens(
    events: RecordedEvents,
) -> None:
    with silent_port() as port:
        supervised = SupervisedProducer(KafkaConnection(f"127.0.0.1:{port}"), events)
        supervised.start()
        await asyncio.sleep(0.05)
        async with asyncio.timeout(5):
            await supervised.close(30.0)
