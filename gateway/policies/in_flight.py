"""Requests in flight: a cap that keeps one slow department from holding all of the gateway.

Room rule: a decision; whoever entered leaves exactly once, however the request ended.
"""

from __future__ import annotations

__all__ = ["InFlightLimit"]


class InFlightLimit:
    """At most `limit` requests between `enter` and `leave`."""

    __slots__ = ("_count", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0

    @property
    def count(self) -> int:
        """Requests that have entered and not left."""
        return self._count

    def enter(self) -> bool:
        """Take a place; False when all are taken, and then there is nothing to leave."""
        if self._count >= self._limit:
            return False
        self._count += 1
        return True

    def leave(self) -> None:
        """Give the place back. One `leave` too many does not make room for one more."""
        if self._count:
            self._count -= 1

    def retune(self, limit: int) -> None:
        """Adopt a new limit; with more than that inside, nobody enters until enough have left."""
        self._limit = limit
