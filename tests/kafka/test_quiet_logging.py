from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from gateway.demo.broker import EmbeddedBroker
from gateway.kafka.connection import KafkaConnection
from gateway.kafka.producer import SupervisedProducer
from gateway.kafka.quiet_logging import MOST_TEMPLATES, RepeatFilter, quiet_aiokafka
from gateway.kafka.record import OutgoingRecord
from tests.doubles.kafka_events import RecordedEvents
from tests.doubles.kafka_topic import topic_name
from tests.kafka.producing import publish

if TYPE_CHECKING:
    import pytest


class Log:
    """A filter with a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.filter = RepeatFilter(10.0, lambda: self.now)

    def passes(self, template: str, *arguments: object, logger: str = "aiokafka.conn") -> str:
        """Return what is logged, empty when it is held back."""
        record = logging.LogRecord(logger, logging.WARNING, "f", 1, template, arguments, None)
        return record.getMessage() if self.filter.filter(record) else ""


def test_the_first_passes_and_then_one_in_ten_seconds_with_the_number_held_back() -> None:
    log = Log()
    assert log.passes("no broker %d", 1) == "no broker 1"
    for log.now in (0.0, 5.0, 9.9):
        assert log.passes("no broker %d", 2) == ""
    log.now = 10.0
    assert log.passes("no broker %d", 3) == "no broker 3 [3 more like this were not logged]"
    assert log.passes("no broker %d", 4) == ""
    log.now = 30.0
    log.passes("no broker %d", 5)
    log.now = 40.0
    assert log.passes("no broker %d", 6) == "no broker 6"


def test_other_messages_and_other_loggers_are_not_held_back() -> None:
    log = Log()
    assert log.passes("one")
    assert log.passes("two")
    assert log.passes("one", logger="aiokafka.client")


def test_messages_that_are_all_different_use_bounded_memory() -> None:
    log = Log()
    for number in range(2 * MOST_TEMPLATES + 1):
        assert log.passes(f"made up {number}")
    assert len(log.filter._seen) <= MOST_TEMPLATES  # noqa: SLF001  # the bound itself


async def test_a_broker_that_is_away_makes_no_flood(caplog: pytest.LogCaptureFixture) -> None:
    events = RecordedEvents()
    before = _filters()
    quiet_aiokafka()
    quiet_aiokafka()
    try:
        async with EmbeddedBroker() as broker:
            connection = KafkaConnection(broker.bootstrap)
            producer = SupervisedProducer(connection, events, outage_grace=0.5)
            producer.start()
            await events.until_connected()
            await publish(producer, OutgoingRecord("e", "s", topic_name("flood"), None, b"", ()))
            await broker.kill()
            await events.until_connected(up=False)
            await producer.close(0.0)
    finally:
        for logger, filters in before.items():
            logging.getLogger(logger).filters[:] = filters
    said = [(r.name, r.msg) for r in caplog.records if r.name.startswith("aiokafka")]
    assert said
    assert len(said) == len(set(said))


def _filters() -> dict[str, list[logging.Filter]]:
    names = [name for name in logging.root.manager.loggerDict if name.startswith("aiokafka")]
    return {name: list(logging.getLogger(name).filters) for name in names}  # type: ignore[arg-type]  # only Filters here
