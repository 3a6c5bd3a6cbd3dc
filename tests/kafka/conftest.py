"""Brokers for the tests of this room: the embedded one always, a real one when there is one.

`KAFKA_BOOTSTRAP` is the address of a real Apache Kafka and `KAFKA_JARS` the folder with its jars,
both as `python -m tests.kafka.broker.start` prints them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.kafka.connection import KafkaConnection
from gateway.kafka.producer import SupervisedProducer
from tests.doubles.kafka_events import RecordedEvents
from tests.kafka.broker.apache_kafka import ApacheKafka

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

NO_APACHE = "tool missing: Apache Kafka (KAFKA_BOOTSTRAP is not set: tests/kafka/broker/start.py)"


@pytest.fixture(scope="session")
def embedded() -> Iterator[str]:
    """The address of an embedded broker that all tests share."""
    command = [sys.executable, "-m", "gateway.demo.broker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip()
        process.terminate()


@pytest.fixture(params=["embedded", "apache"])
def bootstrap(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> str:
    """The address of a broker: each test that asks for it runs on both kinds."""
    record_property("kafka_broker", request.param)
    address = (
        request.getfixturevalue("embedded")
        if request.param == "embedded"
        else request.getfixturevalue("apache")
    )
    return str(address)


@pytest.fixture(scope="session")
def apache() -> str:
    """The address of a real Apache Kafka, else the test is skipped."""
    address = os.environ.get("KAFKA_BOOTSTRAP")
    if not address:
        pytest.skip(NO_APACHE)
    return address


@pytest.fixture(scope="session")
def jars() -> Path:
    """The jars of Apache Kafka, for tests with a node of their own, else they are skipped."""
    folder = os.environ.get("KAFKA_JARS")
    if not folder:
        pytest.skip(NO_APACHE.replace("KAFKA_BOOTSTRAP", "KAFKA_JARS"))
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
