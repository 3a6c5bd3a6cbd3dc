"""Topics that rows of the spool go to and that the brokers do not know.

Room rule: decides; `now` is an argument. Brokers that have just come back may not know all their
topics yet, so a missing one is asked for again for a while before its rows are refused. A question
takes seconds, so it is not asked for every row.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["PATIENCE", "MissingTopics"]

PATIENCE: Final = 60.0
"""Seconds that a topic may be missing before its rows are refused."""
AGAIN: Final = 5.0
"""Seconds between two questions."""


class _Missing(NamedTuple):
    since: float
    again: float


class MissingTopics:
    """Remembers which topics were missing when they were last asked for."""

    def __init__(self) -> None:
        self._missing: dict[str, _Missing] = {}

    def missing(self, topic: str, now: float) -> bool:
        """Note that nobody knows `topic`; true when it has been so for too long."""
        known = self._missing.get(topic)
        since = now if known is None else known.since
        self._missing[topic] = _Missing(since, now + AGAIN)
        return now - since > PATIENCE

    def found(self, topic: str) -> None:
        """The brokers know `topic`."""
        if self._missing:
            self._missing.pop(topic, None)

    def wait(self, topic: str, now: float) -> bool:
        """True while rows of `topic` are to wait, without a question."""
        known = self._missing.get(topic)
        return known is not None and now < known.again and now - known.since <= PATIENCE

    def given_up(self, topic: str, now: float) -> bool:
        """True while rows of `topic` are to be refused, without a question."""
        known = self._missing.get(topic)
        return known is not None and now < known.again and now - known.since > PATIENCE
