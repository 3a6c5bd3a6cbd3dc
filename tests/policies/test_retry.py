"""Retry: the first reason against a retry is the one that is told; only a retry costs budget."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from gateway.policies.retry import RetryDecision, backoff, decide
from gateway.routing.model import METHODS, Retry

Facts = dict[str, Any]
"""Arguments of `decide` that differ from the usual ones."""


class Budget:
    """Counts how often it is asked."""

    def __init__(self, *, answer: bool = True) -> None:
        self.answer = answer
        self.asked = 0

    def __call__(self) -> bool:
        self.asked += 1
        return self.answer


REASONS: list[tuple[RetryDecision, Facts]] = [
    (RetryDecision.EXHAUSTED, {"attempt": 2}),
    (RetryDecision.NOT_RETRIABLE, {"retriable": False}),
    (RetryDecision.REFUSED_UNSAFE, {"method": "POST", "may_have_been_sent": True}),
    (RetryDecision.REFUSED_BODY, {"body_taken": True}),
    (RetryDecision.REFUSED_TIME, {"time_left": 0.9}),
    (RetryDecision.REFUSED_BUDGET, {"budget": Budget(answer=False)}),
]


def decided(facts: Facts) -> RetryDecision:
    usual: Facts = {
        "rule": Retry(attempts=2),
        "attempt": 1,
        "method": "GET",
        "may_have_been_sent": False,
        "body_taken": False,
        "retriable": True,
        "time_left": 1.0,
        "needed": 1.0,
        "budget": Budget(),
    }
    return decide(**(usual | facts))


def test_with_nothing_against_it_a_retry_is_made() -> None:
    assert decided({}) is RetryDecision.MADE


@pytest.mark.parametrize(("decision", "facts"), REASONS)
def test_each_reason_alone_prevents_the_retry(decision: RetryDecision, facts: Facts) -> None:
    assert decided(facts) is decision


@pytest.mark.parametrize("present", list(product([False, True], repeat=len(REASONS))))
def test_of_several_reasons_the_first_is_told(present: tuple[bool, ...]) -> None:
    facts: Facts = {}
    told = RetryDecision.MADE
    for holds, (decision, fact) in zip(present, REASONS, strict=True):
        if holds:
            facts.update(fact)
            told = decision if told is RetryDecision.MADE else told
    assert decided(facts) is told


@pytest.mark.parametrize(("decision", "facts"), REASONS[:-1])
def test_a_retry_that_is_not_made_does_not_ask_the_budget(
    decision: RetryDecision, facts: Facts
) -> None:
    budget = Budget()
    assert decided({**facts, "budget": budget}) is decision
    assert budget.asked == 0


def test_a_retry_that_is_made_asks_the_budget_once() -> None:
    budget = Budget()
    decided({"budget": budget})
    assert budget.asked == 1


def test_attempts_count_the_first_try_as_well() -> None:
    assert decided({"rule": Retry(attempts=1)}) is RetryDecision.EXHAUSTED
    assert decided({"rule": Retry(attempts=3), "attempt": 2}) is RetryDecision.MADE


@pytest.mark.parametrize("method", [*METHODS, "TRACE", "get"])
def test_what_may_have_been_sent_is_repeated_for_idempotent_methods_only(method: str) -> None:
    idempotent = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"}
    decision = decided({"method": method, "may_have_been_sent": True})
    assert (decision is RetryDecision.MADE) == (method in idempotent)
    assert decided({"method": method}) is RetryDecision.MADE


def test_a_service_that_is_idempotent_by_its_own_word_has_every_method_repeated() -> None:
    rule = Retry(attempts=2, idempotent=True)
    decision = decided({"rule": rule, "method": "POST", "may_have_been_sent": True})
    assert decision is RetryDecision.MADE


def test_the_time_that_is_needed_just_fits_into_the_same_time_left() -> None:
    assert decided({"time_left": 0.5, "needed": 0.5}) is RetryDecision.MADE
    assert decided({"time_left": 0.4999, "needed": 0.5}) is RetryDecision.REFUSED_TIME


def test_decisions_are_the_results_that_the_metric_counts() -> None:
    counted = set(RetryDecision) - {RetryDecision.EXHAUSTED, RetryDecision.NOT_RETRIABLE}
    assert counted == {
        "made",
        "refused_unsafe",
        "refused_budget",
        "refused_time",
        "refused_body",
    }


@pytest.mark.parametrize(
    ("attempt", "limit"), [(1, 0.025), (2, 0.05), (3, 0.1), (4, 0.2), (5, 0.25), (5000, 0.25)]
)
def test_the_pause_is_any_part_of_a_limit_that_doubles_up_to_a_quarter_second(
    attempt: int, limit: float
) -> None:
    assert backoff(attempt, 0.0) == 0.0
    assert backoff(attempt, 0.5) == pytest.approx(limit / 2)
    assert backoff(attempt, 1.0) == pytest.approx(limit)
