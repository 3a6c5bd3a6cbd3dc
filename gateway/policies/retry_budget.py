"""Retry budget: repeated requests are a bounded part of all, so that they cannot feed an outage.

Room rule: a decision; time is an argument. Whenever a retry is granted, the retries of the last
`window` seconds, this one among them, are at most `minimum` or at most `share` of the requests of
that time, whichever is more. Time is kept in steps of a tenth of the window; a step of requests is
forgotten by its first and a step of retries by its last, so that rounding never adds a retry.

Source: the retry budget of Gateway API GEP-3388 and of Envoy, by time instead of by concurrency.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gateway.routing.model import RetryBudget as RetryBudgetRule

__all__ = ["RetryBudget"]

_STEPS: Final = 10


class _Step:
    """`count` events; `at` is the first of requests and the last of retries."""

    __slots__ = ("at", "count")

    def __init__(self, at: float) -> None:
        self.at = at
        self.count = 1


class RetryBudget:
    """The budget of one service."""

    __slots__ = (
        "_made",
        "_request_step_until",
        "_request_steps",
        "_requests",
        "_retry_step_until",
        "_retry_steps",
        "_rule",
    )

    def __init__(self, rule: RetryBudgetRule) -> None:
        self._request_steps: deque[_Step] = deque()
        self._retry_steps: deque[_Step] = deque()
        self._request_step_until = float("-inf")
        self._retry_step_until = float("-inf")
        self._requests = 0
        self._made = 0
        self._rule = rule

    def requested(self, now: float) -> None:
        """A request has come: once for each, not for its retries."""
        self._requests += 1
        if now < self._request_step_until:
            self._request_steps[-1].count += 1
            return
        self._requests -= _forget(self._request_steps, now - self._rule.window)
        self._request_steps.append(_Step(now))
        self._request_step_until = now + self._rule.window / _STEPS

    def grant(self, now: float) -> bool:
        """Whether one more retry may be made now; True counts it as made."""
        rule = self._rule
        since = now - rule.window
        self._requests -= _forget(self._request_steps, since)
        self._made -= _forget(self._retry_steps, since)
        wanted = self._made + 1
        if wanted > rule.minimum and wanted > rule.share * self._requests:
            return False
        self._made = wanted
        if now < self._retry_step_until:
            step = self._retry_steps[-1]
            step.count += 1
            step.at = now
        else:
            self._retry_steps.append(_Step(now))
            self._retry_step_until = now + rule.window / _STEPS
        return True

    def retune(self, rule: RetryBudgetRule) -> None:
        """Adopt new numbers; the requests and retries of the window stay counted."""
        self._rule = rule
        self._request_step_until = float("-inf")
        self._retry_step_until = float("-inf")


def _forget(steps: deque[_Step], since: float) -> int:
    """Drop the steps whose `at` is not after `since`; return how many events they held."""
    forgotten = 0
    while steps and steps[0].at <= since:
        forgotten += steps.popleft().count
    return forgotten
