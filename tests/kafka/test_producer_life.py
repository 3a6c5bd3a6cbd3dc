from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import cycle

import pytest
from aiokafka.errors import OutOfOrderSequenceNumber
from aiokafka.structs import RecordMetadata, TopicPartition

from gateway.errors import (
    BROKER_REFUSED,
    BROKER_UNREACHABLE,
    RECORD_TOO_LARGE,
    TOPIC_UNKNOWN,
    Fault,
)
from gateway.kafka.producer_life import (
    MAX_REQUEST_SIZE,
    BatchRefused,
    Delivery,
    OutOfSequence,
    known_offset,
)
from tests.doubles.kafka_proxy import KafkaProxy
from tests.doubles.kafka_topic import create, partitions, records, topic_name
from tests.kafka.producing import begun, outgoing

REQUEST_TIMED_OUT = 7
MESSAGE_TOO_LARGE = 10
POLICY_VIOLATION = 44


async def on_its_way(delivery: Delivery) -> None:
    """Wait until a request has it: what is handed over later is not in the same one."""
    while delivery.batch.retry_count == 0:  # noqa: ASYNC110  # the sender tells nobody
        await asyncio.sleep(0)


async def test_what_no_topic_takes_harms_nothing(bootstrap: str) -> None:
    topic = topic_name("largest")
    async with begun(bootstrap) as producer:
        with pytest.raises(Fault) as caught:
            await producer.deliver(outgoing(topic, bytes(MAX_REQUEST_SIZE)))
        assert not producer.unfit.is_set()
        assert (await producer.deliver(outgoing(topic, b"after"))).offset == 0
    assert (caught.value.cause, caught.value.may_have_been_sent) == (RECORD_TOO_LARGE, False)


async def test_a_record_may_be_a_batch_of_its_own(bootstrap: str) -> None:
    topic = topic_name("alone")
    async with begun(bootstrap) as producer:
        sending = [
            asyncio.create_task(producer.deliver(outgoing(topic, b"%d" % n), alone=n % 2 == 0))
            for n in range(20)
        ]
        sent = await asyncio.gather(*sending)
    found = {record.offset: record.value for record in await records(bootstrap, topic)}
    assert [found[place.offset or 0] for place in sent] == [b"%d" % n for n in range(20)]


async def test_after_a_refused_record_the_sequence_has_a_gap(apache: str) -> None:
    topic = topic_name("gap")
    await create(apache, topic, {"max.message.bytes": "1000"})
    async with begun(apache) as producer:
        await producer.deliver(outgoing(topic, b"before"))
        with pytest.raises(Fault):
            await producer.deliver(outgoing(topic, bytes(5000)))
        assert producer.unfit.is_set()
        with pytest.raises(Fault) as caught:
            await producer.deliver(outgoing(topic, b"after"))
    assert (caught.value.cause, caught.value.may_have_been_sent) == (BROKER_UNREACHABLE, False)
    assert [record.value for record in await records(apache, topic)] == [b"before"]


@pytest.mark.parametrize("alone", [True, False])
async def test_what_waits_behind_a_refused_record_is_not_sent_by_this_life(
    bootstrap: str, *, alone: bool
) -> None:
    topic = topic_name("behind")
    await partitions(bootstrap, topic)
    async with KafkaProxy(bootstrap) as proxy, begun(proxy.address) as producer:
        proxy.refuse(MESSAGE_TOO_LARGE)
        first = await producer.hand_over(outgoing(topic, b"first"), alone=True)
        # It waits until the first is on its way, so it is in another batch behind it.
        second = await producer.hand_over(outgoing(topic, b"second"), alone=alone)
        third, fourth = (
            asyncio.create_task(producer.hand_over(outgoing(topic, value), alone=alone))
            for value in (b"third", b"fourth")
        )
        await asyncio.wait([first.future, second.future])
        with pytest.raises(BatchRefused):
            first.outcome()
        with pytest.raises(OutOfSequence):
            second.outcome()
        with pytest.raises(Fault if alone else OutOfSequence):  # it had no place yet, or one
            (await third).outcome()
        last = await fourth  # it waited for its turn, and had a place after all had failed
        await asyncio.wait([last.future])
        with pytest.raises(OutOfSequence):
            last.outcome()
        assert producer.unfit.is_set()
    assert [record.value for record in await records(bootstrap, topic)] == []


async def test_nothing_follows_a_refused_record_however_busy_the_producer_is(
    bootstrap: str,
) -> None:
    # New batches wake aiokafka's sender also between the end of a request and the callbacks of the
    # batches in it: the next batch of the partition is on its way out by then.
    topic, *busy = (topic_name(name) for name in ("refused", *["busy"] * 12))
    for each in (topic, *busy):
        await partitions(bootstrap, each)
    sent: list[Delivery] = []
    async with KafkaProxy(bootstrap) as proxy, begun(proxy.address) as producer:

        async def send_on(*topics: str) -> None:
            with suppress(Fault):
                for each in cycle(topics):
                    sent.append(await producer.hand_over(outgoing(each, b"")))
                    await asyncio.sleep(0)

        for each in busy:
            await producer.deliver(outgoing(each, b""))
        proxy.refuse(MESSAGE_TOO_LARGE)
        first = await producer.hand_over(outgoing(topic, b"first"), alone=True)
        await on_its_way(first)
        await asyncio.gather(send_on(topic), *(send_on(*busy[n::3]) for n in range(3)))
        await asyncio.wait([first.future, *(one.future for one in sent)])
        with pytest.raises(BatchRefused):
            first.outcome()
        failed = [type(one.future.exception()) for one in sent if one.batch.tp.topic == topic]
    assert set(failed) == {OutOfOrderSequenceNumber}
    assert [record.value for record in await records(bootstrap, topic)] == []


async def test_a_gap_of_one_partition_keeps_back_no_other_topic(bootstrap: str) -> None:
    gap, whole = topic_name("gap"), topic_name("whole")
    for topic in (gap, whole):
        await partitions(bootstrap, topic)
    async with KafkaProxy(bootstrap) as proxy, begun(proxy.address) as producer:
        await producer.deliver(outgoing(whole, b"before"))
        proxy.refuse(MESSAGE_TOO_LARGE)
        refused = await producer.hand_over(outgoing(gap, b"refused"))
        await on_its_way(refused)
        behind = [await producer.hand_over(outgoing(whole, b"%d" % n)) for n in range(3)]
        await asyncio.wait([refused.future, *(one.future for one in behind)])
        with pytest.raises(BatchRefused):
            refused.outcome()
        assert [one.outcome().offset for one in behind] == [1, 2, 3]


async def test_a_refusal_after_another_try_may_be_of_a_record_that_is_there(
    bootstrap: str,
) -> None:
    topic = topic_name("tried")
    await partitions(bootstrap, topic)
    async with KafkaProxy(bootstrap) as proxy, begun(proxy.address) as producer:
        proxy.refuse(REQUEST_TIMED_OUT)  # as a leader says that has written it
        proxy.refuse(POLICY_VIOLATION)
        with pytest.raises(Fault) as caught:
            await producer.deliver(outgoing(topic, b"tried"))
        assert producer.unfit.is_set()
    assert (caught.value.cause, caught.value.may_have_been_sent) == (BROKER_REFUSED, True)


async def test_a_topic_that_goes_while_a_record_waits_for_its_turn_is_unknown(
    bootstrap: str,
) -> None:
    topic = topic_name("deleted")
    await partitions(bootstrap, topic)
    async with (
        KafkaProxy(bootstrap) as proxy,
        begun(proxy.address, request_timeout=1.0) as producer,
        asyncio.timeout(20),
    ):
        await producer.deliver(outgoing(topic, b"before"))
        proxy.swallow()
        on_its_way, *others = [
            asyncio.create_task(producer.hand_over(outgoing(topic, b"%d" % number), alone=True))
            for number in range(4)
        ]
        await proxy.until_swallowed()
        proxy.hide(topic)
        await proxy.heal()  # what was swallowed is tried again, with the metadata of now
        with pytest.raises(Fault) as caught:
            await others[-1]
        assert (caught.value.cause, caught.value.may_have_been_sent) == (TOPIC_UNKNOWN, False)
        with pytest.raises(Fault) as caught:
            (await on_its_way).outcome()
        assert (caught.value.cause, caught.value.may_have_been_sent) == (BROKER_UNREACHABLE, True)
        with pytest.raises(OutOfSequence):
            (await others[0]).outcome()
        with pytest.raises(Fault) as caught:
            await others[1]
        assert (caught.value.cause, caught.value.may_have_been_sent) == (BROKER_UNREACHABLE, False)


async def test_a_topic_that_cannot_exist_is_unknown_in_bounded_time(apache: str) -> None:
    async with begun(apache) as producer, asyncio.timeout(10):
        with pytest.raises(Fault) as caught:
            await producer.deliver(outgoing("not/a topic", b""))
        assert not producer.unfit.is_set()
    assert (caught.value.cause, caught.value.may_have_been_sent) == (TOPIC_UNKNOWN, False)


async def test_a_record_that_waits_is_seen_and_drained(bootstrap: str) -> None:
    topic = topic_name("drained")
    async with begun(bootstrap) as producer:
        assert producer.oldest_wait() == 0.0
        await producer.deliver(outgoing(topic, b"first"))
        sending = asyncio.create_task(producer.deliver(outgoing(topic, b"last")))
        await asyncio.sleep(0)
        assert producer.oldest_wait() > 0.0
        await producer.end(10.0)
        assert (await sending).offset == 1


async def test_a_life_that_is_to_end_takes_nothing_more(bootstrap: str) -> None:
    topic = topic_name("ending")
    await partitions(bootstrap, topic)
    async with KafkaProxy(bootstrap) as proxy, begun(proxy.address) as producer:
        await producer.deliver(outgoing(topic, b"before"))
        proxy.swallow()
        waiting = await producer.hand_over(outgoing(topic, b"waiting"))
        await proxy.until_swallowed()
        ending = asyncio.create_task(producer.end(10.0))
        await producer.over.wait()
        with pytest.raises(Fault) as caught:
            await producer.hand_over(outgoing(topic, b"too late"))
        assert (caught.value.cause, caught.value.may_have_been_sent) == (BROKER_UNREACHABLE, False)
        proxy.pass_on()
        await proxy.heal()
        await ending
        assert waiting.outcome().offset == 1
    found = {record.value for record in await records(bootstrap, topic)}
    assert found == {b"before", b"waiting"}


async def test_brokers_that_answer_are_reachable(bootstrap: str) -> None:
    async with begun(bootstrap) as producer:
        assert producer.has_live_connection()
        assert await producer.reachable()


@pytest.mark.parametrize(
    ("offset", "log_start", "known"),
    [(7, 0, 7), (0, 0, 0), (7, None, 7), (-1, -1, None), (0, -1, None), (3, -1, None)],
)
def test_the_offset_of_a_duplicate_is_not_known(
    offset: int, log_start: int | None, known: int | None
) -> None:
    place = TopicPartition("topic", 0)
    assert known_offset(RecordMetadata("topic", 0, place, offset, 1, 0, log_start)) == known
