"""What the room `kafka` reports of records and replies.

Room rule: as `gateway.telemetry.metrics`; it satisfies the events that room asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.telemetry.cells import Children, Counter, Histogram
from gateway.telemetry.department_families import (
    KAFKA_CONNECTED,
    KAFKA_PRODUCE_DURATION,
    KAFKA_PRODUCER_RESTARTS,
    KAFKA_REPLIES_POSITIONED,
    KAFKA_REPLY_WAIT,
    KAFKA_WAITS,
    REPLIES,
    REPLY_FATES,
)
from gateway.telemetry.reading import Reading, counters, gauge, histograms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["KafkaMeter"]


class KafkaMeter:
    """What the room `kafka` reports; it satisfies the events that room asks for."""

    __slots__ = ("_durations", "_is_connected", "_positioned", "_replies", "_reply_waits",
                 "_restarts")  # fmt: skip

    def __init__(self) -> None:
        self._durations = Children(KAFKA_PRODUCE_DURATION, Histogram)
        self._replies = Children(REPLIES, Counter)
        self._reply_waits = Children(KAFKA_REPLY_WAIT, Histogram)
        self._restarts = Children(KAFKA_PRODUCER_RESTARTS, Counter)
        self._restarts.child()
        self._is_connected = False
        self._positioned: set[str] = set()

    def begin(self, service_id: str) -> None:
        """Make the service's series, so that they exist before the first event."""
        self._durations.child(service_id)
        for fate in REPLY_FATES:
            self._replies.child(service_id, fate)

    def produced(self, service: str, seconds: float) -> None:
        """A record of the service was acknowledged `seconds` after it was handed over."""
        self._durations.child(service).observe(seconds)

    def replied(self, service: str, fate: str) -> None:
        """A record on a reply topic met its fate; service `-` when nobody can be named."""
        self._replies.child(service, fate).value += 1

    def waited(self, service: str, seconds: float) -> None:
        """A request waited so long for its reply."""
        self._reply_waits.child(service).observe(seconds)

    def producer_restarted(self) -> None:
        """A faulty producer was abandoned and replaced."""
        self._restarts.child().value += 1

    def connected(self, up: bool) -> None:  # noqa: FBT001  # the event of the room kafka
        """The producer has, or has lost, its connection to the brokers."""
        self._is_connected = up

    def positioned(self, topic: str, ready: bool) -> None:  # noqa: FBT001  # as above
        """The reply topic is, or is no longer, read from a known position."""
        if ready:
            self._positioned.add(topic)
        else:
            self._positioned.discard(topic)

    def read(
        self, reply_topics: Iterable[str], waits: Mapping[str, Callable[[], int]]
    ) -> Iterator[Reading]:
        """Yield the families of Kafka; only `reply_topics` are shown, and who waits now."""
        positioned = (((topic,), topic in self._positioned) for topic in sorted(reply_topics))
        yield histograms(self._durations)
        yield counters(self._replies)
        yield gauge(KAFKA_CONNECTED, [((), self._is_connected)])
        yield counters(self._restarts)
        yield gauge(KAFKA_REPLIES_POSITIONED, positioned)
        yield histograms(self._reply_waits)
        yield gauge(KAFKA_WAITS, (((service,), ask()) for service, ask in waits.items()))
