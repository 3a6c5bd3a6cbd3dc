"""Circuit breaker: a system that fails is left alone for a while, then tried with one request.

Room rule: a decision; time is an argument.

    CLOSED     every request passes; outcomes of the last `window` seconds are counted
    OPEN       none passes, for `pause` seconds from the opening
    HALF_OPEN  one request passes, the probe; the others are refused until it is settled

    CLOSED     share of failures reached   -> OPEN
    OPEN       pause over                  -> HALF_OPEN
    HALF_OPEN  probe settled SUCCESS       -> CLOSED, with nothing counted
    HALF_OPEN  probe settled FAILURE       -> OPEN, for another pause
    HALF_OPEN  probe settled ABANDONED     -> HALF_OPEN, and the next request is the probe

A ticket is the number of the state in which it was given, and every change of state takes a new
number. The outcome of a request that began before a change is therefore recognised and ignored.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gateway.routing.model import Breaker

__all__ = ["BreakerState", "CircuitBreaker", "Outcome"]

_STEPS: Final = 10
"""Parts of the window: outcomes are forgotten at an age of 0.9 to 1.1 windows."""

_PROBE_WAIT: Final = 1.0
"""Seconds to wait while a probe is out: its end is not known, and `Retry-After` counts whole
seconds (RFC 9110, 10.2.3)."""


class BreakerState(IntEnum):
    """The values are those of the metric `gateway_breaker_state`."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class Outcome(Enum):
    """How a permitted request ended.

    FAILURE: through the department's fault. ABANDONED: without telling anything about the
    department, for example because the caller went away.
    """

    SUCCESS = "success"
    FAILURE = "failure"
    ABANDONED = "abandoned"


# Looking a member up in its enum costs more than all the rest of `settle`.
_FAILURE: Final = Outcome.FAILURE
_ABANDONED: Final = Outcome.ABANDONED


class _Step:
    """What was settled in one part of the window, from `start` on."""

    __slots__ = ("failed", "settled", "start")

    def __init__(self, start: float) -> None:
        self.start = start
        self.settled = 0
        self.failed = 0


class CircuitBreaker:
    """The breaker of one service. A ticket other than 0 has to be settled exactly once."""

    __slots__ = (
        "_closed",
        "_failed",
        "_opened_at",
        "_probing",
        "_rule",
        "_settled",
        "_step_until",
        "_steps",
        "_ticket",
    )

    def __init__(self, rule: Breaker) -> None:
        self._rule = rule
        self._ticket = 1
        self._closed = True
        self._probing = False
        self._opened_at = 0.0
        self._forget()

    def permit(self, now: float) -> int:
        """Return the ticket to settle when the request has ended, or 0 when it must not pass."""
        if self._closed:
            return self._ticket
        if self._probing or now < self._opened_at + self._rule.pause:
            return 0
        self._probing = True
        return self._ticket

    def settle(self, ticket: int, outcome: Outcome, now: float) -> None:
        """Say how the request of `ticket` ended. Once for each ticket, whatever happened to it."""
        if ticket != self._ticket:
            return
        if not self._closed:
            self._settle_probe(outcome, now)
            return
        if outcome is _ABANDONED:
            return
        if now >= self._step_until:
            self._begin_step(now)
        step = self._steps[-1]
        step.settled += 1
        self._settled += 1
        if outcome is _FAILURE:
            step.failed += 1
            self._failed += 1
        rule = self._rule
        if self._settled >= rule.requests and self._failed / self._settled >= rule.failures:
            self._open(now)

    def state(self, now: float) -> BreakerState:
        """The state at `now`; its value is the metric."""
        if self._closed:
            return BreakerState.CLOSED
        if self._probing or now >= self._opened_at + self._rule.pause:
            return BreakerState.HALF_OPEN
        return BreakerState.OPEN

    def retry_after(self, now: float) -> float:
        """Seconds after which a request that is refused now may be worth another try."""
        if self._closed:
            return 0.0
        if self._probing:
            return _PROBE_WAIT
        return max(0.0, self._opened_at + self._rule.pause - now)

    def retune(self, rule: Breaker) -> None:
        """Adopt new numbers: state, tickets and counts stay; a running pause gets the new length.

        What is counted already is judged by the new numbers when the next request is settled.
        """
        self._rule = rule
        self._step_until = float("-inf")

    def _settle_probe(self, outcome: Outcome, now: float) -> None:
        self._probing = False
        if outcome is _FAILURE:
            self._open(now)
            return
        self._ticket += 1
        if outcome is not _ABANDONED:
            self._closed = True

    def _open(self, now: float) -> None:
        self._ticket += 1
        self._closed = False
        self._opened_at = now
        self._forget()

    def _begin_step(self, now: float) -> None:
        steps = self._steps
        oldest_kept = now - self._rule.window
        while steps and steps[0].start <= oldest_kept:
            gone = steps.popleft()
            self._settled -= gone.settled
            self._failed -= gone.failed
        steps.append(_Step(now))
        self._step_until = now + self._rule.window / _STEPS

    def _forget(self) -> None:
        self._steps: deque[_Step] = deque()
        self._step_until = float("-inf")
        self._settled = 0
        self._failed = 0
