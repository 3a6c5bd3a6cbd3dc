"""Why records on a wanted topic could be missed now, topic by topic; told whenever that changes.

Room rule: values and the telling of them; who looks at the brokers is `reply_reader`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.kafka.events import KafkaEvents

__all__ = [
    "AWAY",
    "DENIED",
    "MISSING",
    "NOT_WANTED",
    "NOT_YET",
    "NO_POSITION",
    "ReplyObstacles",
]

NOT_WANTED: Final = "no service expects replies on it"
NOT_YET: Final = "the gateway has not looked at it yet"
AWAY: Final = "the brokers do not answer"
MISSING: Final = "the topic does not exist, or the gateway may not see it"
DENIED: Final = "the gateway may not read the topic"
NO_POSITION: Final = "a partition has no position; it may be without a leader"

log = logging.getLogger(__name__)


class ReplyObstacles:
    """The wanted topics, and what stands in the way of each."""

    def __init__(self, events: KafkaEvents) -> None:
        self._events = events
        self._why: dict[str, str] = {}
        self.wanted: frozenset[str] = frozenset()

    def want(self, topics: frozenset[str]) -> None:
        """Exactly these are wanted; at a new one nobody has looked yet."""
        for topic in self.wanted - topics:
            if self._why.pop(topic, None) is None:
                self._events.positioned(topic, False)  # noqa: FBT003  # the protocol's signature
        for topic in topics - self.wanted:
            self._why[topic] = NOT_YET
            self._events.positioned(topic, False)  # noqa: FBT003  # as above
        self.wanted = topics

    def of(self, topic: str) -> str | None:
        """Return why records on `topic` could be missed, None when they cannot."""
        return self._why.get(topic) if topic in self.wanted else NOT_WANTED

    def as_dict(self) -> dict[str, str]:
        """Return the obstacles of all wanted topics that have one."""
        return dict(self._why)

    def found(self, looked: frozenset[str], obstacles: Mapping[str, str]) -> None:
        """Take over what a look at the topics `looked` found; others may be wanted by now."""
        for topic in looked & self.wanted:
            why = obstacles.get(topic)
            if (topic in self._why) != (why is not None):
                level = logging.INFO if why is None else logging.WARNING
                log.log(level, "Replies on %s: %s", topic, why or "positioned")
                self._events.positioned(topic, why is None)
            if why is None:
                self._why.pop(topic, None)
            else:
                self._why[topic] = why

    def all_have(self, why: str) -> None:
        """The same stands in the way of every wanted topic."""
        self.found(self.wanted, dict.fromkeys(self.wanted, why))
