"""What the spool tells whoever counts: telemetry's object has these methods and is passed in.

Room rule: as `gateway.kafka.events`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

__all__ = ["DrainResult", "Refusal", "SpoolEvents", "SpoolReason"]


class SpoolReason(StrEnum):
    """Why a record was written to the spool.

    `late`: not acknowledged in the time that its service gives. `away`: the brokers cannot be
    reached, or the delivery failed. `order`: an earlier record of its key is not settled yet.
    `journal`: its service asks for it.
    """

    LATE = "late"
    AWAY = "away"
    ORDER = "order"
    JOURNAL = "journal"


class DrainResult(StrEnum):
    """How a record left the spool: the brokers have it, or refused it for good."""

    PUBLISHED = "published"
    REFUSED = "refused"


class Refusal(StrEnum):
    """Why the spool took no record: its limits, or the disk."""

    FULL = "full"
    FAILED = "failed"


class SpoolEvents(Protocol):
    """Receives what happens here. `service` is a service ID from the routes."""

    def spooled(self, service: str, reason: SpoolReason) -> None:
        """A record is on the disk."""

    def drained(self, service: str, result: DrainResult, seconds: float) -> None:
        """A record that was answered as spooled is settled, `seconds` after it arrived."""

    def refused(self, service: str, reason: Refusal) -> None:
        """A record that needed the spool was not taken."""

    def committed(self, operations: int, seconds: float) -> None:
        """A transaction with that many operations took `seconds` to reach the disk."""

    def possible_duplicate(self, service: str) -> None:
        """A record is sent again that the brokers may have already; it says so itself."""
