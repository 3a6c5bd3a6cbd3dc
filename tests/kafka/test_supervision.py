"""Every way in which a producer of aiokafka goes bad, provoked on the wire, and what it costs.

A hung stop and brokers that come, go and stay away are in `test_outage.py`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from gateway.errors import BROKER_REFUSED, BROKER_TIMEOUT, RECORD_TOO_LARGE, Fault
from tests.doubles.kafka_proxy import KafkaProxy
from tests.doubles.kafka_topic import create, partitions, records, topic_name
from tests.kafka.producing import outgoing, publish, refused, through

if TYPE_CHECKING:
    from tests.doubles.kafka_events import RecordedEvents

NOT_LEADER = 6
TOPIC_AUTHORIZATION_FAILED = 29
POLICY_VIOLATION = 44
OUT_OF_ORDER_SEQUENCE_NUMBER = 45
INVALID_PRODUCER_EPOCH = 47
UNKNOWN_PRODUCER_ID = 59


async def values(bootstrap: str, topic: str) -> list[bytes | None]:
    return [record.value for record in await records(bootstrap, topic)]


@pytest.mark.parametrize(
    "code", [OUT_OF_ORDER_SEQUENCE_NUMBER, UNKNOWN_PRODUCER_ID, INVALID_PRODUCER_EPOCH]
)
async def test_a_gap_a_lost_id_and_a_fence_cost_a_new_producer_and_no_record(
    bootstrap: str, events: RecordedEvents, code: int
) -> None:
    topic = topic_name("again")
    await partitions(bootstrap, topic)
    async with KafkaProxy(bootstrap) as proxy, through(proxy.address, events) as supervised:
        await publish(supervised, outgoing(topic, b"before"))
        proxy.refuse(code)
        await publish(supervised, outgoing(topic, b"during"))
        await publish(supervised, outgoing(topic, b"after"))
    assert await values(bootstrap, topic) == [b"before", b"during", b"after"]
    assert events.restarts == 1


async def test_a_record_that_is_refused_costs_a_new_producer_and_is_not_sent(
    bootstrap: str, events: RecordedEvents
) -> None:
    topic = topic_name("refused")
    await partitions(bootstrap, topic)
    async with KafkaProxy(bootstrap) as proxy, through(proxy.address, events) as supervised:
        proxy.refuse(POLICY_VIOLATION)
        assert await refused(supervised, outgoing(topic, b"refused")) == (BROKER_REFUSED, False)
        await events.until(lambda happened: happened.restarts == 1)
        await publish(supervised, outgoing(topic, b"after"))
    assert await values(bootstrap, topic) == [b"after"]


async def test_a_missing_permission_costs_no_producer(
    bootstrap: str, events: RecordedEvents
) -> None:
    topic = topic_name("denied")
    await partitions(bootstrap, topic)
    async with KafkaProxy(bootstrap) as proxy, through(proxy.address, events) as supervised:
        proxy.refuse(TOPIC_AUTHORIZATION_FAILED)
        assert await refused(supervised, outgoing(topic, b"denied")) == (BROKER_REFUSED, False)
    assert await values(bootstrap, topic) == []
    assert events.restarts == 0


async def test_a_sender_that_has_died_is_succeeded_by_another(
    bootstrap: str, events: RecordedEvents, caplog: pytest.LogCaptureFixture
) -> None:
    # aiokafka's own burial of a dead sender raises on the loop, after it has failed the records.
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    topic = topic_name("dead")
    await partitions(bootstrap, topic)
    async with KafkaProxy(bootstrap) as proxy, through(proxy.address, events) as supervised:
        await publish(supervised, outgoing(topic, b"before"))
        proxy.refuse(NOT_LEADER, NOT_LEADER)  # told twice of one batch, aiokafka's sender dies
        assert await refused(supervised, outgoing(topic, b"during")) == (BROKER_TIMEOUT, True)
        await events.until(lambda happened: happened.restarts == 1)
        await publish(supervised, outgoing(topic, b"after"))
    assert await values(bootstrap, topic) == [b"before", b"after"]
    assert "Unexpected error in sender routine" in caplog.text


async def test_what_a_black_hole_made_give_up_never_arrives_unless_it_is_sent_again(
    bootstrap: str, events: RecordedEvents
) -> None:
    topic = topic_name("black.hole")
    await partitions(bootstrap, topic)
    async with (
        KafkaProxy(bootstrap) as proxy,
        through(proxy.address, events, outage_grace=0.5) as supervised,
    ):
        await publish(supervised, outgoing(topic, b"before"))
        proxy.black_hole()
        assert await refused(supervised, outgoing(topic, b"given up")) == (BROKER_TIMEOUT, True)
        await proxy.heal()
        await events.until_connected()
        await publish(supervised, outgoing(topic, b"control"))
        assert await values(bootstrap, topic) == [b"before", b"control"]
        await publish(supervised, outgoing(topic, b"given up"))
    assert await values(bootstrap, topic) == [b"before", b"control", b"given up"]


async def test_what_brokers_that_answer_but_confirm_nothing_made_give_up_never_arrives(
    bootstrap: str, events: RecordedEvents
) -> None:
    topic = topic_name("unconfirmed")
    await partitions(bootstrap, topic)
    async with (
        KafkaProxy(bootstrap) as proxy,
        through(proxy.address, events, request_timeout=1.0) as supervised,
    ):
        await publish(supervised, outgoing(topic, b"before"))
        proxy.swallow()
        assert await refused(supervised, outgoing(topic, b"given up")) == (BROKER_TIMEOUT, True)
        proxy.pass_on()
        await publish(supervised, outgoing(topic, b"control"))
        assert await values(bootstrap, topic) == [b"before", b"control"]
    assert events.connections == [True, False]  # only closing took it away
    assert events.restarts == 1


async def test_a_connection_is_reset_so_that_the_kernel_does_not_send_on(
    embedded: str, events: RecordedEvents
) -> None:
    topic = topic_name("reset")
    await partitions(embedded, topic)
    async with KafkaProxy(embedded) as proxy, through(proxy.address, events) as supervised:
        await publish(supervised, outgoing(topic, b"before"))
        proxy.swallow()
        waiting = asyncio.create_task(publish(supervised, outgoing(topic, b"given up")))
        await proxy.until_swallowed()
        before = len(proxy.ends)
        await supervised.close(0.0)
        with pytest.raises(Fault):
            await waiting
        await proxy.until_ended(before + 1)
    assert set(proxy.ends[before:]) == {"reset"}


async def test_a_record_over_its_topics_limit_is_refused_before_it_is_sent(
    apache: str, events: RecordedEvents
) -> None:
    topic = topic_name("small")
    await create(apache, topic, {"max.message.bytes": "2000"})
    async with KafkaProxy(apache) as proxy, through(proxy.address, events) as supervised:
        proxy.swallow()
        assert await refused(supervised, outgoing(topic, bytes(3000))) == (RECORD_TOO_LARGE, False)
        proxy.pass_on()
        await publish(supervised, outgoing(topic, b"after"))
    assert await values(apache, topic) == [b"after"]
    assert events.restarts == 0


async def test_many_records_at_once_do_not_add_up_to_a_batch_that_is_too_large(
    apache: str, events: RecordedEvents
) -> None:
    topic = topic_name("small")
    await create(apache, topic, {"max.message.bytes": "2000"})
    bodies = [b"%03d" % number + bytes(600) for number in range(50)]
    async with KafkaProxy(apache) as proxy, through(proxy.address, events) as supervised:
        async with asyncio.TaskGroup() as group:
            for body in bodies:
                group.create_task(publish(supervised, outgoing(topic, body)))
        acknowledged = await publish(supervised, outgoing(topic, b"last"))
    assert await values(apache, topic) == [*bodies, b"last"]
    assert acknowledged.offset == 50
    assert events.restarts == 0


async def test_records_go_to_the_same_partition_alone_and_together(
    apache: str, events: RecordedEvents
) -> None:
    small, large = topic_name("small"), topic_name("large")
    for topic in (small, large):
        await partitions(apache, topic)
    await set_limit(apache, small, 2000)
    async with KafkaProxy(apache) as proxy, through(proxy.address, events) as supervised:
        for number in range(8):
            key = b"case-%d" % number
            places = [
                await publish(supervised, outgoing(topic, b"", key)) for topic in (small, large)
            ]
            assert places[0].partition == places[1].partition


async def test_a_topic_may_take_more_than_the_default(apache: str, events: RecordedEvents) -> None:
    topic = topic_name("large")
    await create(apache, topic, {"max.message.bytes": "5000000"})
    async with KafkaProxy(apache) as proxy, through(proxy.address, events) as supervised:
        await publish(supervised, outgoing(topic, bytes(3_000_000)))
    assert len((await values(apache, topic))[0] or b"") == 3_000_000


async def test_a_limit_that_was_lowered_a_moment_ago_costs_one_producer(
    apache: str, events: RecordedEvents
) -> None:
    topic = topic_name("lowered")
    await create(apache, topic, {})
    async with KafkaProxy(apache) as proxy, through(proxy.address, events) as supervised:
        await publish(supervised, outgoing(topic, b"before"))
        await set_limit(apache, topic, 1000)
        assert await refused(supervised, outgoing(topic, bytes(5000))) == (RECORD_TOO_LARGE, False)
        await publish(supervised, outgoing(topic, b"after"))
    assert await values(apache, topic) == [b"before", b"after"]
    assert events.restarts == 1


async def set_limit(bootstrap: str, topic: str, limit: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    setting = {"max.message.bytes": str(limit)}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, setting)])
    await admin.close()
