"""What is reported of cases: their states, their store, and who is told of them.

Room rule: as `gateway.telemetry.metrics`; it satisfies the events that the room `cases` asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway.telemetry.cells import Children, Counter, Histogram
from gateway.telemetry.department_families import (
    CALLBACKS,
    CASES,
    CASES_EXPIRED,
    CASES_READ,
    CASES_REJECTED,
    CASES_STORE_DURATION,
    CASES_STORE_UP,
    CASES_SWEPT,
    CASES_TRANSITIONS,
    DEAD_LETTERS,
    IDEMPOTENCY,
    LETTERS,
    REJECTIONS,
)
from gateway.telemetry.reading import Reading, counters, gauge, histograms

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

__all__ = ["CaseMeter"]


class CaseMeter:
    """One for the process."""

    __slots__ = ("_callbacks", "_counted", "_durations", "_expired", "_idempotency", "_letters",
                 "_read", "_rejected", "_swept", "_transitions", "_up")  # fmt: skip

    def __init__(self) -> None:
        self._counted: Mapping[Any, int] = {}
        self._transitions = Children(CASES_TRANSITIONS, Counter)
        self._rejected = Children(CASES_REJECTED, Counter)
        self._expired = Children(CASES_EXPIRED, Counter)
        self._swept = Children(CASES_SWEPT, Counter)
        self._swept.child()
        self._up: bool | None = None
        self._durations = Children(CASES_STORE_DURATION, Histogram)
        self._read = Children(CASES_READ, Counter)
        self._idempotency = Children(IDEMPOTENCY, Counter)
        self._callbacks = Children(CALLBACKS, Counter)
        self._letters = Children(DEAD_LETTERS, Counter)

    def begin(self, service_id: str) -> None:
        """Make the service's series, so that they exist before the first event."""
        self._expired.child(service_id)
        for reason in REJECTIONS:
            self._rejected.child(service_id, reason)
        for reason in LETTERS:
            self._letters.child(service_id, reason)

    def transition(self, service: str, state: str) -> None:
        """A case of the service entered `state`."""
        self._transitions.child(service, state).value += 1

    def rejected(self, service: str, reason: str) -> None:
        """An event was refused by the table of states."""
        self._rejected.child(service, reason).value += 1

    def expired(self, service: str) -> None:
        """A case ran out of the time it had."""
        self._expired.child(service).value += 1

    def swept(self, count: int) -> None:
        """So many cases were removed at the end of their retention."""
        self._swept.child().value += count

    def store_up(self, up: bool) -> None:  # noqa: FBT001  # the event of the room cases
        """The store answers, or no longer."""
        self._up = up

    def store_duration(self, operation: str, seconds: float) -> None:
        """An operation of the store took so long, its commit included."""
        self._durations.child(operation).observe(seconds)

    def counted(self, cases: Mapping[Any, int]) -> None:
        """So many cases are in the store, by service and state (a pair of texts)."""
        self._counted = cases

    def read(self, channel: str, result: str) -> None:
        """A channel asked about a case: `found` or `unknown`."""
        self._read.child(channel, result).value += 1

    def repeated(self, service: str, result: str) -> None:
        """A request came with a key: `first`, `replayed`, `joined`, `conflict` or `reused`."""
        self._idempotency.child(service, result).value += 1

    def callback(self, channel: str, result: str) -> None:
        """A callback was tried: `delivered`, `retry`, `refused` or `dead`."""
        self._callbacks.child(channel, result).value += 1

    def dead_letter(self, service: str, reason: str) -> None:
        """A record was written to a dead letter topic."""
        self._letters.child(service, reason).value += 1

    def readings(self, services: Container[str]) -> Iterator[Reading]:
        """Yield the families of cases; counts are shown of `services` only: labels are theirs."""
        shown = ((key, float(n)) for key, n in self._counted.items() if key[0] in services)
        yield gauge(CASES, shown)
        for children in (self._transitions, self._rejected, self._expired, self._swept):
            yield counters(children)
        yield gauge(CASES_STORE_UP, [] if self._up is None else [((), float(self._up))])
        yield histograms(self._durations)
        for children in (self._read, self._idempotency, self._callbacks, self._letters):
            yield counters(children)
