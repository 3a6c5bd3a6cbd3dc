"""Topics that rows of the spool cannot go to just now: the brokers do not know them, or their
partitions have no leader.

Room rule: decides; `now` is an argument. Brokers that have just come back may not know all their
topics yet, so a missing one is asked for again for a while before its rows are refused. A question
takes seconds, so it is not asked for every row, and only for one topic in a pass through the spool.
Rows of a topic without a leader are not refused: it is certain that they can go later.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["AGAIN", "PATIENCE", "UnavailableTopics"]

PATIENCE: Final = 60.0
"""Seconds, chosen, that a topic may be missing before its rows are refused."""
AGAIN: Final = 5.0
"""Seconds, chosen, between two questions for a topic, or two tries of one without a leader."""


class _Missing(NamedTuple):
    since: float
    again: float


class UnavailableTopics:
    """Remembers which topics could not be sent to when they were last tried."""

    def __init__(self) -> None:
        self._missing: dict[str, _Missing] = {}
        self._leaderless: dict[str, float] = {}
        self._chosen_at = 0.0
        self.question: str | None = None

    def choose(self, now: float) -> None:
        """A pass begins: choose the missing topic that may be asked for in it, as `question`."""
        self._leaderless = {t: again for t, again in self._leaderless.items() if again > now}
        due = [topic for topic, known in self._missing.items() if known.again <= now]
        self.question = min(due, key=lambda topic: self._missing[topic].again, default=None)
        self._chosen_at = now

    def end(self) -> None:
        """A pass has seen all rows: a topic that was not asked for then has none any more."""
        known = self._missing.get(self.question or "")
        if self.question is not None and known is not None and known.again <= self._chosen_at:
            del self._missing[self.question]

    def missing(self, topic: str, now: float) -> bool:
        """Note that nobody knows `topic`; true when it has been so for too long."""
        known = self._missing.get(topic)
        since = now if known is None else known.since
        self._missing[topic] = _Missing(since, now + AGAIN)
        return now - since > PATIENCE

    def no_leader(self, topic: str, now: float) -> None:
        """Note that a partition of `topic` has nobody to take its records."""
        self._leaderless[topic] = now + AGAIN

    def found(self, topic: str) -> None:
        """The brokers know `topic`."""
        if self._missing:
            self._missing.pop(topic, None)

    def wait(self, topic: str, now: float) -> bool:
        """True while rows of `topic` are to wait, without a question."""
        if self._leaderless.get(topic, now) > now:
            return True
        known = self._missing.get(topic)
        if known is None:
            return False
        if now >= known.again:
            return topic != self.question
        return now - known.since <= PATIENCE

    def given_up(self, topic: str, now: float) -> bool:
        """True while rows of `topic` are to be refused, without a question."""
        known = self._missing.get(topic)
        return known is not None and now < known.again and now - known.since > PATIENCE
