"""What the outbox reports of its spool.

Room rule: as `gateway.telemetry.metrics`; it satisfies the events that the room `kafka` asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.telemetry.cells import Children, Counter, Histogram
from gateway.telemetry.department_families import (
    DRAIN_RESULTS,
    POSSIBLE_DUPLICATES,
    SPOOL_AGE,
    SPOOL_BYTES,
    SPOOL_COMMIT,
    SPOOL_DRAINED,
    SPOOL_LIMIT,
    SPOOL_REASONS,
    SPOOL_RECORDS,
    SPOOL_REFUSALS,
    SPOOL_REFUSED,
    SPOOL_SPOOLED,
    SPOOL_UP,
    SPOOL_WAIT,
)
from gateway.telemetry.reading import Reading, counters, gauge, histograms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["SpoolMeter", "SpoolReading"]


class SpoolReading(NamedTuple):
    """The spool at a scrape; `age` is the oldest record's in seconds."""

    up: bool
    records: int
    size: int
    limit: int
    age: float


class SpoolMeter:
    """Counts by service; a service has all its series from the time its route is built."""

    __slots__ = ("_commits", "_drained", "_duplicates", "_refused", "_spooled", "_waits")

    def __init__(self) -> None:
        self._commits = Children(SPOOL_COMMIT, Histogram)
        self._commits.child()
        self._spooled = Children(SPOOL_SPOOLED, Counter)
        self._drained = Children(SPOOL_DRAINED, Counter)
        self._refused = Children(SPOOL_REFUSED, Counter)
        self._waits = Children(SPOOL_WAIT, Histogram)
        self._duplicates = Children(POSSIBLE_DUPLICATES, Counter)

    def begin(self, service_id: str) -> None:
        """Make the service's series, so that they exist before the first event."""
        for reason in SPOOL_REASONS:
            self._spooled.child(service_id, reason)
        for result in DRAIN_RESULTS:
            self._drained.child(service_id, result)
        for reason in SPOOL_REFUSALS:
            self._refused.child(service_id, reason)
        self._waits.child(service_id)
        self._duplicates.child(service_id)

    def spooled(self, service: str, reason: str) -> None:
        """A record of the service was written to the spool."""
        self._spooled.child(service, reason).value += 1

    def drained(self, service: str, result: str, waited: float) -> None:
        """A record left the spool, `waited` seconds after it was written."""
        self._drained.child(service, result).value += 1
        if result == "published":
            self._waits.child(service).observe(waited)

    def refused(self, service: str, reason: str) -> None:
        """The spool could not take a record."""
        self._refused.child(service, reason).value += 1

    def committed(self, operations: int, seconds: float) -> None:  # noqa: ARG002  # the event's form
        """One commit with its fsync is through."""
        self._commits.child().observe(seconds)

    def possible_duplicate(self, service: str) -> None:
        """A record was sent again that may already have been written."""
        self._duplicates.child(service).value += 1

    def read(self, ask: Callable[[], SpoolReading] | None) -> Iterator[Reading]:
        """Yield the families of the spool; without one the gauges are empty."""
        now = None if ask is None else ask()
        for family, value in (
            (SPOOL_UP, now and now.up),
            (SPOOL_RECORDS, now and now.records),
            (SPOOL_BYTES, now and now.size),
            (SPOOL_LIMIT, now and now.limit),
            (SPOOL_AGE, now and now.age),
        ):
            yield gauge(family, [] if value is None else [((), float(value))])
        yield histograms(self._commits)
        yield counters(self._spooled)
        yield counters(self._drained)
        yield counters(self._refused)
        yield histograms(self._waits)
        yield counters(self._duplicates)
