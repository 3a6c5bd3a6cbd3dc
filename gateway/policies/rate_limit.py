"""Rate limit: the token bucket of one channel.

Room rule: a decision; time is an argument. In any t seconds at most `burst + rate * t` requests
pass. The bucket is refilled when it is asked, so an idle channel costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gateway.routing.model import Rate

__all__ = ["TokenBucket"]

_ROUNDING: Final = 1e-3
"""Part of a token that may be missing. A caller that comes exactly when it was told to must not
be refused because the clock's last binary digit fell the other way; the part is owed, not given:
the next token takes as much longer."""

_ENOUGH: Final = 1.0 - _ROUNDING


class TokenBucket:
    """A bucket of `burst` tokens, full at first, refilled evenly at `rate`; a request takes one.

    A time before the latest one seen counts as that latest one.
    """

    __slots__ = ("_at", "_burst", "_per_second", "_tokens")

    def __init__(self, rate: Rate, burst: int, now: float) -> None:
        self._per_second = rate.per_second
        self._burst = float(burst)
        self._tokens = self._burst
        self._at = now

    def take(self, now: float) -> float:
        """Take a token and return 0.0, or take none and return the seconds until there is one."""
        tokens = self._tokens
        if now > self._at:
            tokens += (now - self._at) * self._per_second
            if tokens > self._burst:
                tokens = self._burst
            self._at = now
        if tokens >= _ENOUGH:
            self._tokens = tokens - 1.0
            return 0.0
        self._tokens = tokens
        return (1.0 - tokens) / self._per_second

    def remaining(self, now: float) -> int:
        """Whole tokens that could be taken at once: `r` of the field `RateLimit`."""
        return int(self._level(now) + _ROUNDING)

    def retune(self, rate: Rate, burst: int, now: float) -> None:
        """Adopt new numbers; what is in the bucket stays, as far as the new one holds it."""
        level = self._level(now)
        self._per_second = rate.per_second
        self._burst = float(burst)
        self._tokens = min(level, self._burst)
        self._at = max(now, self._at)

    def _level(self, now: float) -> float:
        elapsed = max(0.0, now - self._at)
        return min(self._burst, self._tokens + elapsed * self._per_second)
