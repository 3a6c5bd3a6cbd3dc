"""Retry: whether a request that failed may be sent once more, and after what pause.

Room rule: a decision, without state of its own. The order of the questions is part of it: the
first "no" is the one that is reported, and the budget comes last so that only a retry that is
made spends it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.routing.model import Retry

__all__ = ["IDEMPOTENT_METHODS", "RetryDecision", "backoff", "decide"]

IDEMPOTENT_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""Methods that may be repeated even after they were received (RFC 9110, 9.2.2)."""

_BACKOFF_LIMITS: Final[tuple[float, ...]] = (0.025, 0.05, 0.1, 0.2, 0.25)
"""Seconds after the first try, the second and so on; the last is for all that follow."""


class RetryDecision(StrEnum):
    """The values are those of the label `result` of `gateway_retries_total`.

    EXHAUSTED and NOT_RETRIABLE are not counted there: no retry was wanted.
    """

    MADE = "made"
    EXHAUSTED = "exhausted"
    NOT_RETRIABLE = "not_retriable"
    REFUSED_UNSAFE = "refused_unsafe"
    REFUSED_BODY = "refused_body"
    REFUSED_TIME = "refused_time"
    REFUSED_BUDGET = "refused_budget"


def decide(  # noqa: PLR0913  # nine facts make the decision; each is given by its name
    *,
    rule: Retry,
    attempt: int,
    method: str,
    may_have_been_sent: bool,
    body_taken: bool,
    retriable: bool,
    time_left: float,
    needed: float,
    budget: Callable[[], bool],
) -> RetryDecision:
    """Decide after try number `attempt` (from 1) has failed.

    `retriable` is false for a fault that the next try would meet again. `may_have_been_sent` is
    the fault's own word. `body_taken`: part of the body has been read and is gone. `time_left` is
    until the request's deadline and `needed` the least that pause and try take, in seconds.
    `budget` is asked at most once, and a True from it is spent.
    """
    if attempt >= rule.attempts:
        return RetryDecision.EXHAUSTED
    if not retriable:
        return RetryDecision.NOT_RETRIABLE
    if may_have_been_sent and not rule.idempotent and method not in IDEMPOTENT_METHODS:
        return RetryDecision.REFUSED_UNSAFE
    if body_taken:
        return RetryDecision.REFUSED_BODY
    if time_left < needed:
        return RetryDecision.REFUSED_TIME
    return RetryDecision.MADE if budget() else RetryDecision.REFUSED_BUDGET


def backoff(attempt: int, random: float) -> float:
    """Seconds to wait after try number `attempt` (from 1): anything up to a limit that doubles.

    The limit is 25 ms after the first try and never above 250 ms. `random` is in [0, 1). Source:
    "full jitter" in "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    return random * _BACKOFF_LIMITS[min(attempt, len(_BACKOFF_LIMITS)) - 1]
