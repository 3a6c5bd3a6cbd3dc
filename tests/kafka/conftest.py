"""What tests of this room ask for beside a broker: a node of their own, a producer, an inbox.

`KAFKA_JARS` is the folder with Apache Kafka's jars, as `python -m tests.kafka.broker.start` prints
it.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.kafka.connection import KafkaConnection
from gateway.kafka.producer import SupervisedProducer
from gateway.kafka.quiet_logging import RepeatFilter
from tests.doubles.kafka_events import RecordedEvents
from tests.doubles.kafka_topic import partitions, topic_name
from tests.kafka.broker.apache_kafka import ApacheKafka
from tests.kafka.reply_desk import REPLIES, Department, Handed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from gateway.kafka.replies import ReplyInbox


@pytest.fixture(autouse=True)
def _nothing_held_back() -> None:
    """Undo what a gateway did to aiokafka's log that an earlier test started in this process."""
    for name in list(logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        logger.filters[:] = [one for one in logger.filters if not isinstance(one, RepeatFilter)]


@pytest.fixture(scope="session")
def jars() -> Path:
    """The jars of Apache Kafka, for tests with a node of their own, else they are skipped."""
    folder = os.environ.get("KAFKA_JARS")
    if not folder:
        pytest.skip(
            "tool missing: Apache Kafka (KAFKA_JARS is not set: tests/kafka/broker/start.py)"
        )
    return Path(folder)


@pytest.fixture
def own_apache(
    jars: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> Iterator[ApacheKafka]:
    """A real Apache Kafka node of the test's own, to kill and start again."""
    record_property("kafka_broker", "apache")
    with ApacheKafka(jars, tmp_path) as node:
        yield node


@pytest.fixture
async def events() -> RecordedEvents:
    return RecordedEvents()


@pytest.fixture
async def producer(bootstrap: str, events: RecordedEvents) -> AsyncIterator[SupervisedProducer]:
    """A supervised producer that has connected."""
    supervised = SupervisedProducer(KafkaConnection(bootstrap), events)
    supervised.start()
    await events.until_connected()
    yield supervised
    await supervised.close(5.0)


@pytest.fixture
async def department(bootstrap: str) -> Department:
    topic = topic_name("replies")
    await partitions(bootstrap, topic)
    return Department(bootstrap, topic)


@pytest.fixture
async def handed() -> Handed:
    return Handed()


@pytest.fixture
async def inbox(
    bootstrap: str, department: Department, events: RecordedEvents, handed: Handed
) -> AsyncIterator[ReplyInbox]:
    """An inbox that is positioned on the department's topic."""
    opened = handed.inbox(bootstrap, events)
    opened.want({department.topic: REPLIES})
    opened.start()
    await events.until(lambda happened: happened.positions[department.topic])
    yield opened
    await opened.close()
