from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from gateway.kafka.aiokafka_internals import abandon_producer
from gateway.kafka.record import OutgoingRecord
from gateway.kafka.topic_limits import DEFAULT_LIMIT, TopicLimits, ask_limits, batch_size
from tests.doubles.kafka_proxy import KafkaProxy
from tests.doubles.kafka_topic import create, topic_name, writer
from tests.kafka.outbox_desk import until
from tests.kafka.producing import questions

if TYPE_CHECKING:
    from collections.abc import Iterable


class Brokers:
    """Answers the questions of `TopicLimits`."""

    def __init__(self, limits: dict[str, int] | None) -> None:
        self.limits = limits
        self.questions: list[set[str]] = []
        self._asked = asyncio.Event()

    async def ask(self, topics: Iterable[str]) -> dict[str, int] | None:
        self.questions.append(set(topics))
        self._asked.set()
        return self.limits

    async def until_asked(self, times: int) -> None:
        async with asyncio.timeout(10):
            while len(self.questions) < times:
                self._asked.clear()
                await self._asked.wait()


async def test_a_topic_is_asked_for_once_and_known_from_then_on() -> None:
    brokers = Brokers({"small": 2000})
    limits = TopicLimits(brokers.ask)
    limits.start()
    assert [await limits.limit("small") for _ in range(3)] == [2000] * 3
    assert brokers.questions == [{"small"}]
    await limits.close()


async def test_what_the_brokers_do_not_tell_is_kafkas_default() -> None:
    brokers = Brokers({})
    limits = TopicLimits(brokers.ask)
    limits.start()
    assert await limits.limit("hidden") == DEFAULT_LIMIT
    await limits.close()


async def test_a_limit_is_refreshed_and_kept_when_nobody_answers() -> None:
    brokers = Brokers({"topic": 1})
    limits = TopicLimits(brokers.ask, refresh=0.01)
    limits.start()
    assert await limits.limit("topic") == 1
    brokers.limits = {"topic": 2}
    await brokers.until_asked(len(brokers.questions) + 2)
    assert await limits.limit("topic") == 2
    brokers.limits = None
    await brokers.until_asked(len(brokers.questions) + 1)
    assert await limits.limit("topic") == 2
    await limits.close()


@pytest.mark.looptime
async def test_nobody_waits_long_for_an_answer() -> None:
    limits = TopicLimits(Brokers(None).ask)  # never started: nobody asks
    assert await limits.limit("topic") == DEFAULT_LIMIT
    assert asyncio.get_running_loop().time() == pytest.approx(1.0, abs=0.1)
    assert await limits.limit("topic") == DEFAULT_LIMIT
    assert asyncio.get_running_loop().time() == pytest.approx(1.0, abs=0.1)


async def test_a_real_broker_tells_the_limits_of_the_topics_that_it_has(apache: str) -> None:
    small, plain = topic_name("small"), topic_name("plain")
    await create(apache, small, {"max.message.bytes": "2000"})
    await create(apache, plain, {})
    async with writer(apache) as producer:
        found = await ask_limits(producer.client, {small, plain, "not.there"})
    assert found == {small: 2000, plain: DEFAULT_LIMIT}


async def test_a_broker_that_does_not_know_the_question_leaves_the_default(embedded: str) -> None:
    async with writer(embedded) as producer:
        assert await ask_limits(producer.client, {"topic"}) is None


async def test_a_broker_that_does_not_answer_is_not_waited_for(embedded: str) -> None:
    async with KafkaProxy(embedded) as proxy, writer(proxy.address) as producer:
        proxy.black_hole()
        assert await ask_limits(producer.client, {"topic"}, 0.2) is None
        await proxy.heal()


async def test_a_producer_that_is_abandoned_meanwhile_is_no_end_of_who_asks(
    embedded: str,
) -> None:
    async with KafkaProxy(embedded) as proxy, writer(embedded) as healthy:
        producer = AIOKafkaProducer(bootstrap_servers=proxy.address)
        await producer.start()
        proxy.black_hole()
        asking = asyncio.create_task(ask_limits(producer.client, {"topic"}))
        limits = TopicLimits(lambda topics: ask_limits(producer.client, topics))
        limits.start()
        first = asyncio.create_task(limits.limit("topic"))
        await until(lambda: questions("kafka-limits-question") == 2)
        await abandon_producer(producer, KafkaConnectionError())
        async with asyncio.timeout(4):
            assert await asking is None
            assert await first == DEFAULT_LIMIT
        producer = healthy
        assert await limits.limit("another") == DEFAULT_LIMIT
        assert "kafka-limits" in {task.get_name() for task in asyncio.all_tasks()}
        await limits.close()


async def test_whoever_asks_can_be_cancelled(embedded: str) -> None:
    async with KafkaProxy(embedded) as proxy, writer(proxy.address) as producer:
        proxy.black_hole()
        asking = asyncio.create_task(ask_limits(producer.client, {"topic"}))
        await until(lambda: questions("kafka-limits-question") == 1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert questions("kafka-limits-question") == 0
        await proxy.heal()


async def test_whoever_is_cancelled_as_the_producer_is_abandoned_is_cancelled(
    embedded: str,
) -> None:
    async with KafkaProxy(embedded) as proxy:
        producer = AIOKafkaProducer(bootstrap_servers=proxy.address)
        await producer.start()
        proxy.black_hole()
        asking = asyncio.create_task(ask_limits(producer.client, {"topic"}))
        await until(lambda: questions("kafka-limits-question") == 1)
        tasks = {task.get_name(): task for task in asyncio.all_tasks()}
        tasks["kafka-limits-question"].add_done_callback(lambda _: asking.cancel())
        await abandon_producer(producer, KafkaConnectionError())
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_nobody_is_asked_before_a_broker_is_known() -> None:
    producer = AIOKafkaProducer(bootstrap_servers="127.0.0.1:1")
    assert await ask_limits(producer.client, {"topic"}) is None
    await abandon_producer(producer, KafkaConnectionError())


@pytest.mark.parametrize("size", [0, 1, 63, 64, 8191, 8192, 100_000])
async def test_a_record_takes_no_more_than_was_reckoned_and_little_less(
    apache: str, size: int
) -> None:
    headers = tuple((f"header-{number}", bytes(number)) for number in range(20))
    record = OutgoingRecord("e", "s", topic_name("size"), b"key", bytes(size), headers)
    reckoned = batch_size(record)
    async with writer(apache) as producer:
        batch = producer.create_batch()
        batch.append(timestamp=None, key=record.key, value=record.value, headers=list(headers))
        built = len(batch._build())  # noqa: SLF001  # what goes over the wire
    assert reckoned - 30 <= built <= reckoned
