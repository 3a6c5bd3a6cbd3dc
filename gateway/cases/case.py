"""What a case is: one request to a department that answers in its own time, and all we know of it.

Room rule: as `gateway.cases`. Values only, immutable: one is made for every receipt, hence named
tuples. What a department or a citizen wrote (answers, notes) is in no `repr`, so that it cannot
get into a log or the text of an exception.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.routing.model import KafkaMode

__all__ = ["PROGRESS", "Answer", "Case", "Durable", "Place", "State", "Step", "Verdict"]

Durable = Literal["kafka", "local"]
"""Where the request is safe: on all in-sync replicas, or fsynced on this node."""


class State(StrEnum):
    """Where a case stands.

    The first six are the gateway's own: the way of the record and of its answer. The others are
    the department's progress, in this order: 预受理, 补正, 已补正, 不予受理, 受理, 特别程序,
    特别程序结束, 办结, 领取.
    """

    RECEIVED = "received"
    SPOOLED = "spooled"
    PUBLISHED = "published"
    ANSWERED = "answered"
    FAILED = "failed"
    EXPIRED = "expired"
    PRE_ACCEPTED = "pre_accepted"
    CORRECTION_REQUIRED = "correction_required"
    CORRECTED = "corrected"
    NOT_ACCEPTED = "not_accepted"
    ACCEPTED = "accepted"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    CLOSED = "closed"
    DELIVERED = "delivered"


PROGRESS: Final = frozenset(
    {
        State.PRE_ACCEPTED,
        State.CORRECTION_REQUIRED,
        State.CORRECTED,
        State.NOT_ACCEPTED,
        State.ACCEPTED,
        State.SUSPENDED,
        State.RESUMED,
        State.CLOSED,
        State.DELIVERED,
    }
)
"""The states that a department's status topic may name."""


class Verdict(StrEnum):
    """What became of an event: taken, refused (and why), or known already."""

    TAKEN = "taken"
    STALE = "stale"
    ILLEGAL = "illegal"
    UNKNOWN_STATE = "unknown_state"
    REPEATED = "repeated"


class Place(NamedTuple):
    """Where a record is; partition and offset are None when the broker did not say."""

    topic: str
    partition: int | None
    offset: int | None


class Answer(NamedTuple):
    """The department's answer; `fields` are its other header lines, each ended by CRLF."""

    status: int
    content_type: str | None
    body: bytes
    fields: bytes = b""

    @property
    def content_encoding(self) -> str | None:
        """How the body is encoded (RFC 9110, 8.4), None when it is not."""
        for line in self.fields.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-encoding":
                return value.strip().decode("latin-1")
        return None

    def __repr__(self) -> str:
        return f"Answer({self.status}, {self.content_type!r}, {len(self.body)} bytes)"


class Step(NamedTuple):
    """One line of a case's history; `rejected` says why an event was kept and not followed.

    `state` is None when the department's word is in no map. `at` is UTC.
    """

    state: State | None
    at: datetime
    durability: Durable | None = None
    version: int | None = None
    note: str | None = None
    rejected: Verdict | None = None

    def __repr__(self) -> str:
        refusal = f", rejected={self.rejected}" if self.rejected else ""
        return f"Step({self.state}, {self.at:%FT%T}, version={self.version}{refusal})"


class Case(NamedTuple):
    """One case. Times are UTC.

    `id` is the receipt's id, the record's event id and the correlation id. `partition` and
    `offset` are where the record was first acknowledged. `expires_at` is until when an answer or
    progress is awaited; None: no clock runs (any more). `version` is the last data version taken
    from the department. `unlisted` counts steps that `history` has no room for.
    """

    id: str
    service: str
    department: str
    channel: str
    topic: str
    mode: KafkaMode
    state: State
    accepted_at: datetime
    updated_at: datetime
    durability: Durable | None = None
    partition: int | None = None
    offset: int | None = None
    expires_at: datetime | None = None
    possible_duplicate: bool = False
    version: int | None = None
    unlisted: int = 0
    history: tuple[Step, ...] = ()
    answer: Answer | None = None

    @property
    def revision(self) -> int:
        """How many steps the case has had: of two versions of it the newer one has more."""
        return len(self.history) + self.unlisted

    def __repr__(self) -> str:
        return f"Case({self.id}, {self.service}, {self.state})"
