"""What tests of this room ask for beside a broker: a node of their own, a producer, its events.

`KAFKA_JARS` is the folder with Apache Kafka's jars, as `python -m tests.kafka.broker.start` prints
it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.kafka.connection import KafkaConnection
from gateway.kafka.producer import SupervisedProducer
from tests.doubles.kafka_events import RecordedEvents
from tests.kafka.broker.apache_kafka import ApacheKafka

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


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
