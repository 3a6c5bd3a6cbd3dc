"""What this room tells whoever counts: telemetry's object has these methods and is passed in.

Room rule: the methods are called on the event loop, must return at once and must not raise.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

__all__ = ["KafkaEvents", "ReplyFate"]


class ReplyFate(StrEnum):
    """What became of one record on a reply topic.

    `answered`: it was awaited, came on its service's topic, and could be read. `malformed`: it
    names no request, or it was awaited and is no reply. `late`: its request was given up before.
    `duplicate`: its request has an answer already. `foreign`: nobody here asked, or it came on
    another service's topic.
    """

    ANSWERED = "answered"
    LATE = "late"
    FOREIGN = "foreign"
    DUPLICATE = "duplicate"
    MALFORMED = "malformed"


class KafkaEvents(Protocol):
    """Receives what happens here. `service` is a service ID from the routes, or `-`."""

    def produced(self, service: str, seconds: float) -> None:
        """The brokers acknowledged a record `seconds` after it was handed over."""

    def replied(self, service: str, fate: ReplyFate) -> None:
        """A record arrived on a reply topic."""

    def producer_restarted(self) -> None:
        """A producer that had worked was given up and another one took its place."""

    def connected(self, up: bool) -> None:  # noqa: FBT001  # called by the supervisor alone
        """The producer can reach the brokers, or no longer; called when that changes."""

    def positioned(self, topic: str, ready: bool) -> None:  # noqa: FBT001  # as above
        """Replies on `topic` will be seen, or not; called when that changes."""
