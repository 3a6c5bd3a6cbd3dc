"""What was seen in a run: what callers were told, what the topics hold, what the cases say.

Times are seconds on the loop's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.loss.schedule import Kind

__all__ = ["Attempt", "CaseSeen", "Evidence", "Place", "Receipt", "Record", "Span"]


class Place(NamedTuple):
    """Where a record stands."""

    topic: str
    partition: int | None
    offset: int | None


class Receipt(NamedTuple):
    """What a 202 says: the request's ID, where it is durable, and its place if it has one."""

    id: str
    durability: str | None
    place: Place


class Span(NamedTuple):
    """A time in which something was away."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """One POST: the `number`th of its lane, and what came of it.

    `status` is None when no answer came; `error` then says what came instead. `event_id` is the
    receipt's, or the one that the department's answer names. `cause` is a problem's.
    """

    service: str
    lane: str
    number: int
    at: Span
    status: int | None = None
    receipt: Receipt | None = None
    event_id: str | None = None
    answers: tuple[str, int] | None = None
    cause: str | None = None
    error: str | None = None

    @property
    def acknowledged(self) -> bool:
        """Whether the caller was told that the request is taken."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a topic, as a department reads it; `replayed` is its `ce_replayed`."""

    place: Place
    event_id: str
    lane: str
    number: int
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class CaseSeen:
    """What `GET /cases/{id}` answered to the channel that submitted; status 0 is no answer.

    `answer` is the body of the department's.
    """

    status: int
    state: str = ""
    durability: str = ""
    place: Place | None = None
    possible_duplicate: bool = False
    history: tuple[str, ...] = ()
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A run. `ordered` are the services whose records have a key; `once` those whose callers repeat
    a request under one `Idempotency-Key` until they are told that it is taken.

    `cases` is by event ID; `strangers` are the statuses that another channel, and a forger, got.
    `gateway_away` are the times from a kill to the gateway's return. `accidents` are what the
    gateway did that nobody asked for, and the lines of its log that tell of a fault in itself.
    `complete` says that this is all of a run with the faults `planned`, not a piece of one.
    """

    attempts: tuple[Attempt, ...]
    records: tuple[Record, ...]
    topics: Mapping[str, str]
    ordered: frozenset[str]
    once: frozenset[str] = frozenset()
    replying: frozenset[str] = frozenset()
    cases: Mapping[str, CaseSeen] | None = None
    strangers: tuple[int, ...] = ()
    gateway_away: tuple[Span, ...] = ()
    spool_left: float = 0
    accidents: tuple[str, ...] = ()
    planned: frozenset[Kind] = frozenset()
    complete: bool = False
