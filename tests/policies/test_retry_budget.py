"""Retry budget: retries stay within the minimum or the share of the requests of the window."""

from __future__ import annotations

import tracemalloc

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from gateway.policies.retry_budget import RetryBudget
from gateway.routing.model import RetryBudget as Rule

USUAL = Rule(share=0.2, window=10.0, minimum=3)


def granted(budget: RetryBudget, now: float, asked: int) -> int:
    return sum(budget.grant(now) for _ in range(asked))


def requested(budget: RetryBudget, now: float, count: int) -> None:
    for _ in range(count):
        budget.requested(now)


def requested_every_second(budget: RetryBudget, start: int, end: int) -> None:
    for second in range(start, end):
        budget.requested(float(second))


def test_the_minimum_is_granted_without_any_request() -> None:
    assert granted(RetryBudget(USUAL), 0.0, 10) == 3


def test_the_share_of_the_requests_is_granted_when_it_is_more_than_the_minimum() -> None:
    budget = RetryBudget(USUAL)
    requested(budget, 0.0, 100)
    assert granted(budget, 0.0, 100) == 20


def test_the_share_is_not_rounded_up_and_not_added_to_the_minimum() -> None:
    budget = RetryBudget(USUAL)
    requested(budget, 0.0, 19)
    assert granted(budget, 0.0, 100) == 3
    budget.requested(0.0)
    assert granted(budget, 0.0, 100) == 1


def test_a_refused_retry_costs_nothing() -> None:
    budget = RetryBudget(USUAL)
    assert granted(budget, 0.0, 100) == 3
    requested(budget, 0.0, 20)
    assert granted(budget, 0.0, 100) == 1


def test_retries_are_forgotten_after_the_window_and_not_before() -> None:
    budget = RetryBudget(USUAL)
    assert granted(budget, 0.0, 3) == 3
    assert granted(budget, 9.9, 1) == 0
    assert granted(budget, 10.0, 10) == 3


def test_a_step_of_retries_is_kept_until_its_last_one_is_a_window_old() -> None:
    budget = RetryBudget(USUAL)
    assert budget.grant(0.0)
    assert granted(budget, 0.9375, 10) == 2
    assert granted(budget, 10.9, 10) == 0
    assert granted(budget, 10.9375, 10) == 3


def test_a_step_of_retries_ends_after_a_tenth_of_the_window() -> None:
    budget = RetryBudget(USUAL)
    assert budget.grant(0.0)
    assert budget.grant(1.0)
    assert granted(budget, 10.0, 10) == 2


def test_requests_are_forgotten_after_the_window_and_not_before() -> None:
    budget = RetryBudget(USUAL)
    requested(budget, 0.0, 100)
    assert granted(budget, 9.9, 1) == 1
    assert granted(budget, 10.0, 100) == 2


def test_a_step_of_requests_goes_when_its_first_one_is_a_window_old() -> None:
    budget = RetryBudget(USUAL)
    requested(budget, 0.0, 1)
    requested(budget, 0.9375, 50)
    requested(budget, 1.0, 25)
    assert granted(budget, 10.0, 100) == 5


def test_requests_of_earlier_windows_are_worth_nothing() -> None:
    budget = RetryBudget(USUAL)
    for second in range(100):
        requested(budget, float(second), 10)
    assert granted(budget, 99.0, 1000) == 20


def test_a_service_that_never_fails_needs_no_more_memory_with_time() -> None:
    budget = RetryBudget(USUAL)
    tracemalloc.start()
    requested_every_second(budget, 0, 100)
    before = tracemalloc.get_traced_memory()[0]
    requested_every_second(budget, 100, 1000)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 10_000


def test_new_numbers_apply_at_once_to_what_is_counted() -> None:
    budget = RetryBudget(USUAL)
    requested(budget, 0.0, 100)
    assert granted(budget, 0.0, 100) == 20
    budget.retune(Rule(share=0.5, window=10.0, minimum=3))
    assert granted(budget, 0.0, 100) == 30
    budget.retune(Rule(share=0.01, window=10.0, minimum=60))
    assert granted(budget, 0.0, 100) == 10


def test_a_shorter_window_forgets_sooner_and_in_finer_steps() -> None:
    budget = RetryBudget(USUAL)
    requested(budget, 0.0, 100)
    budget.retune(Rule(share=0.2, window=1.0, minimum=3))
    requested(budget, 0.5, 25)
    requested(budget, 0.6, 25)
    assert granted(budget, 0.9, 1) == 1
    assert granted(budget, 1.0, 100) == 9
    assert granted(budget, 1.5, 100) == 0
    assert granted(budget, 2.0, 100) == 3


def test_a_shorter_window_puts_the_next_retry_into_a_step_of_its_own() -> None:
    budget = RetryBudget(USUAL)
    assert budget.grant(0.0)
    budget.retune(Rule(share=0.2, window=1.0, minimum=3))
    assert budget.grant(0.5)
    assert granted(budget, 1.0, 10) == 2


class BudgetMachine(RuleBasedStateMachine):
    """Any calls at any times, against every single event of the past."""

    @initialize(share=st.sampled_from([0.05, 0.2, 0.5, 1.0]), minimum=st.integers(1, 5))
    def build(self, share: float, minimum: int) -> None:
        self.now = 1000.0
        self.rule = Rule(share=share, window=10.0, minimum=minimum)
        self.budget = RetryBudget(self.rule)
        self.requests: list[float] = []
        self.retries: list[float] = []

    @rule(seconds=st.one_of(st.floats(0.0, 1.5), st.sampled_from([1.0, 10.0, 11.0])))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(count=st.integers(1, 40))
    def come(self, count: int) -> None:
        requested(self.budget, self.now, count)
        self.requests += [self.now] * count

    @rule(count=st.integers(1, 10))
    def ask(self, count: int) -> None:
        for _ in range(count):
            wanted = within(self.retries, self.now - self.rule.window) + 1
            surely = within(self.requests, self.now - self.rule.window * 0.9 + 1e-6)
            at_most = within(self.requests, self.now - self.rule.window)
            if self.budget.grant(self.now):
                self.retries.append(self.now)
                assert wanted <= max(self.rule.minimum, self.rule.share * at_most)
            else:
                kept = within(self.retries, self.now - self.rule.window * 1.1 - 1e-6) + 1
                assert kept > max(self.rule.minimum, self.rule.share * surely)

    @rule(share=st.sampled_from([0.05, 0.5]), minimum=st.integers(1, 5))
    def retune(self, share: float, minimum: int) -> None:
        self.rule = Rule(share=share, window=self.rule.window, minimum=minimum)
        self.budget.retune(self.rule)


def within(times: list[float], since: float) -> int:
    return sum(time > since for time in times)


BudgetMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnyCallsAtAnyTimes = BudgetMachine.TestCase
