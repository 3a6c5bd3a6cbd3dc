"""Circuit breaker: opens on a share of failures, tries with one request, forgets what is old."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.policies.breaker import BreakerState, CircuitBreaker, Outcome
from gateway.routing.model import Breaker as Rule

USUAL = Rule(failures=0.5, requests=20, window=10.0, pause=5.0)
SUCCESS, FAILURE, ABANDONED = Outcome


def settled(breaker: CircuitBreaker, now: float, outcome: Outcome, count: int = 1) -> None:
    for _ in range(count):
        breaker.settle(breaker.permit(now), outcome, now)


def opened(now: float, rule: Rule = USUAL) -> CircuitBreaker:
    breaker = CircuitBreaker(rule)
    settled(breaker, now, FAILURE, rule.requests)
    assert breaker.state(now) is BreakerState.OPEN
    return breaker


def test_a_new_breaker_is_closed_and_lets_everything_pass() -> None:
    breaker = CircuitBreaker(USUAL)
    assert all(breaker.permit(0.0) for _ in range(100))
    assert breaker.state(0.0) is BreakerState.CLOSED
    assert breaker.retry_after(0.0) == 0.0


def test_the_states_have_the_values_of_the_metric() -> None:
    assert [state.value for state in (BreakerState.CLOSED, BreakerState.HALF_OPEN)] == [0, 1]
    assert BreakerState.OPEN.value == 2


def test_it_opens_at_the_share_of_failures() -> None:
    breaker = CircuitBreaker(USUAL)
    settled(breaker, 0.0, SUCCESS, 10)
    settled(breaker, 0.0, FAILURE, 9)
    assert breaker.state(0.0) is BreakerState.CLOSED
    settled(breaker, 0.0, FAILURE)
    assert breaker.state(0.0) is BreakerState.OPEN
    assert breaker.permit(0.0) == 0


def test_below_the_share_it_stays_closed_however_many_fail() -> None:
    breaker = CircuitBreaker(USUAL)
    for _ in range(1000):
        settled(breaker, 0.0, SUCCESS, 2)
        settled(breaker, 0.0, FAILURE)
    assert breaker.state(0.0) is BreakerState.CLOSED


def test_a_success_that_completes_the_number_of_requests_can_open_it() -> None:
    breaker = CircuitBreaker(USUAL)
    settled(breaker, 0.0, FAILURE, 19)
    assert breaker.state(0.0) is BreakerState.CLOSED
    settled(breaker, 0.0, SUCCESS)
    assert breaker.state(0.0) is BreakerState.OPEN


def test_a_share_that_is_no_binary_fraction_is_met_exactly() -> None:
    breaker = CircuitBreaker(Rule(failures=0.07, requests=100))
    settled(breaker, 0.0, SUCCESS, 93)
    settled(breaker, 0.0, FAILURE, 7)
    assert breaker.state(0.0) is BreakerState.OPEN


def test_abandoned_requests_count_for_nothing() -> None:
    breaker = CircuitBreaker(USUAL)
    settled(breaker, 0.0, ABANDONED, 100)
    settled(breaker, 0.0, FAILURE, 19)
    settled(breaker, 0.0, ABANDONED)
    assert breaker.state(0.0) is BreakerState.CLOSED


def test_outcomes_are_forgotten_after_the_window() -> None:
    breaker = CircuitBreaker(USUAL)
    settled(breaker, 0.0, FAILURE, 19)
    settled(breaker, 10.0, FAILURE)
    assert breaker.state(10.0) is BreakerState.CLOSED
    settled(breaker, 10.5, FAILURE, 19)
    assert breaker.state(10.5) is BreakerState.OPEN


def test_outcomes_are_kept_within_the_window() -> None:
    breaker = CircuitBreaker(USUAL)
    settled(breaker, 0.0, FAILURE, 19)
    settled(breaker, 9.9, FAILURE)
    assert breaker.state(9.9) is BreakerState.OPEN


def test_the_window_slides_in_steps_of_a_tenth() -> None:
    breaker = CircuitBreaker(USUAL)
    settled(breaker, 0.0, FAILURE, 5)
    settled(breaker, 0.9375, FAILURE, 5)
    settled(breaker, 1.0, FAILURE, 5)
    settled(breaker, 10.0, FAILURE, 14)
    assert breaker.state(10.0) is BreakerState.CLOSED
    settled(breaker, 10.1, FAILURE)
    assert breaker.state(10.1) is BreakerState.OPEN


def test_while_open_all_are_refused_and_told_how_long() -> None:
    breaker = opened(100.0)
    assert [breaker.permit(now) for now in (100.0, 102.0, 104.9)] == [0, 0, 0]
    assert breaker.retry_after(100.0) == pytest.approx(5.0)
    assert breaker.retry_after(103.0) == pytest.approx(2.0)
    assert breaker.state(104.9) is BreakerState.OPEN


def test_after_the_pause_exactly_one_probe_passes() -> None:
    breaker = opened(0.0)
    assert breaker.state(5.0) is BreakerState.HALF_OPEN
    assert breaker.retry_after(6.0) == 0.0
    assert breaker.permit(5.0) != 0
    assert [breaker.permit(now) for now in (5.0, 6.0, 3600.0)] == [0, 0, 0]
    assert breaker.state(3600.0) is BreakerState.HALF_OPEN
    assert breaker.retry_after(6.0) == 1.0


def test_a_probe_that_succeeds_closes_it_with_nothing_counted() -> None:
    breaker = opened(0.0)
    settled(breaker, 5.0, SUCCESS)
    assert breaker.state(5.0) is BreakerState.CLOSED
    assert breaker.retry_after(5.0) == 0.0
    settled(breaker, 5.0, FAILURE, 19)
    assert breaker.state(5.0) is BreakerState.CLOSED
    settled(breaker, 5.0, FAILURE)
    assert breaker.state(5.0) is BreakerState.OPEN


def test_a_probe_that_fails_opens_it_for_another_pause() -> None:
    breaker = opened(0.0)
    probe = breaker.permit(6.0)
    breaker.settle(probe, FAILURE, 8.0)
    assert breaker.state(8.0) is BreakerState.OPEN
    assert breaker.permit(12.9) == 0
    assert breaker.retry_after(12.0) == pytest.approx(1.0)
    assert breaker.permit(13.0) != 0


def test_a_probe_that_is_abandoned_makes_room_for_the_next_one() -> None:
    breaker = opened(0.0)
    settled(breaker, 5.0, ABANDONED)
    assert breaker.state(5.0) is BreakerState.HALF_OPEN
    assert breaker.permit(5.0) != 0
    assert breaker.permit(5.0) == 0


@pytest.mark.parametrize("late", Outcome)
def test_a_request_from_before_the_opening_says_nothing_in_any_later_state(late: Outcome) -> None:
    breaker = CircuitBreaker(USUAL)
    old = [breaker.permit(0.0) for _ in range(100)]
    settled(breaker, 0.0, FAILURE, 20)
    breaker.settle(old.pop(), late, 1.0)
    assert breaker.retry_after(1.0) == pytest.approx(4.0)
    breaker.settle(old.pop(), late, 5.0)
    assert breaker.state(5.0) is BreakerState.HALF_OPEN
    probe = breaker.permit(5.0)
    breaker.settle(old.pop(), late, 5.0)
    assert breaker.permit(5.0) == 0
    breaker.settle(probe, SUCCESS, 5.0)
    for ticket in old:
        breaker.settle(ticket, late, 5.0)
    assert breaker.state(5.0) is BreakerState.CLOSED
    settled(breaker, 5.0, FAILURE, 19)
    assert breaker.state(5.0) is BreakerState.CLOSED


@pytest.mark.parametrize("first", Outcome)
def test_a_probe_that_is_settled_twice_counts_once(first: Outcome) -> None:
    breaker = opened(0.0)
    probe = breaker.permit(5.0)
    breaker.settle(probe, first, 5.0)
    state = breaker.state(5.0)
    for outcome in Outcome:
        breaker.settle(probe, outcome, 5.0)
    assert breaker.state(5.0) is state
    if first is ABANDONED:
        assert breaker.permit(5.0) != 0


def test_a_refused_request_has_no_ticket_that_could_do_harm() -> None:
    breaker = opened(0.0)
    breaker.settle(breaker.permit(1.0), SUCCESS, 5.0)
    assert breaker.state(1.0) is BreakerState.OPEN


def test_new_numbers_judge_what_is_counted_already() -> None:
    breaker = CircuitBreaker(USUAL)
    settled(breaker, 0.0, FAILURE, 5)
    breaker.retune(Rule(failures=0.5, requests=6))
    assert breaker.state(0.0) is BreakerState.CLOSED
    settled(breaker, 0.0, FAILURE)
    assert breaker.state(0.0) is BreakerState.OPEN


def test_a_reload_keeps_tickets_and_an_open_state_with_the_new_pause() -> None:
    breaker = opened(0.0)
    breaker.retune(Rule(pause=2.0))
    assert breaker.state(1.9) is BreakerState.OPEN
    probe = breaker.permit(2.0)
    breaker.retune(Rule(pause=60.0))
    assert breaker.state(3.0) is BreakerState.HALF_OPEN
    breaker.settle(probe, SUCCESS, 3.0)
    assert breaker.state(3.0) is BreakerState.CLOSED


def test_a_shorter_window_applies_to_the_next_outcome() -> None:
    breaker = CircuitBreaker(Rule(window=600.0))
    settled(breaker, 0.0, FAILURE, 19)
    breaker.retune(Rule(window=1.0))
    settled(breaker, 1.0, FAILURE)
    assert breaker.state(1.0) is BreakerState.CLOSED


class BreakerMachine(RuleBasedStateMachine):
    """Any requests that end in any order, against a list of all that was settled."""

    @initialize(
        failures=st.sampled_from([0.1, 0.5, 1.0]),
        requests=st.integers(1, 6),
        window=st.sampled_from([1.0, 10.0]),
    )
    def build(self, failures: float, requests: int, window: float) -> None:
        self.now = 1000.0
        self.rule = Rule(failures=failures, requests=requests, window=window, pause=5.0)
        self.breaker = CircuitBreaker(self.rule)
        self.current: list[int] = []
        self.outdated: list[int] = []
        self.probe = 0
        self.opened_at: float | None = None
        self.counted: list[tuple[float, bool]] = []

    @rule(seconds=st.one_of(st.floats(0.0, 1.0), st.sampled_from([1.0, 5.0, 10.0])))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(count=st.integers(1, 8))
    def ask(self, count: int) -> None:
        for _ in range(count):
            ticket = self.breaker.permit(self.now)
            if self.opened_at is None:
                assert ticket
                self.current.append(ticket)
            elif self.probe or self.now < self.opened_at + self.rule.pause:
                assert not ticket
            else:
                assert ticket
                self.probe = ticket

    @precondition(lambda self: self.current)
    @rule(data=st.data(), outcome=st.sampled_from(Outcome))
    def settle_one(self, data: st.DataObject, outcome: Outcome) -> None:
        ticket = self.current.pop(data.draw(st.integers(0, len(self.current) - 1)))
        self.breaker.settle(ticket, outcome, self.now)
        if outcome is ABANDONED:
            return
        self.counted.append((self.now, outcome is FAILURE))
        if self.breaker.state(self.now) is BreakerState.CLOSED:
            assert False in self.verdicts()
        else:
            assert True in self.verdicts()
            self.open()

    @precondition(lambda self: self.outdated)
    @rule(outcome=st.sampled_from(Outcome))
    def settle_an_outdated_one(self, outcome: Outcome) -> None:
        before = self.breaker.state(self.now)
        self.breaker.settle(self.outdated.pop(), outcome, self.now)
        assert self.breaker.state(self.now) is before

    @precondition(lambda self: self.probe)
    @rule(outcome=st.sampled_from(Outcome))
    def settle_the_probe(self, outcome: Outcome) -> None:
        probe, self.probe = self.probe, 0
        self.breaker.settle(probe, outcome, self.now)
        if outcome is SUCCESS:
            self.opened_at = None
        elif outcome is FAILURE:
            self.open()

    @invariant()
    def the_state_is_the_one_that_was_brought_about(self) -> None:
        assert self.breaker.state(self.now) is self.expected()
        assert (self.breaker.retry_after(self.now) > 0.0) == (
            bool(self.probe) or self.expected() is BreakerState.OPEN
        )

    def expected(self) -> BreakerState:
        if self.opened_at is None:
            return BreakerState.CLOSED
        if self.probe or self.now >= self.opened_at + self.rule.pause:
            return BreakerState.HALF_OPEN
        return BreakerState.OPEN

    def open(self) -> None:
        self.opened_at = self.now
        self.counted.clear()
        self.outdated += self.current
        self.current.clear()

    def failing(self, windows: float) -> bool:
        since = self.now - windows * self.rule.window
        outcomes = [failed for time, failed in self.counted if time > since]
        enough = len(outcomes) >= self.rule.requests
        return enough and sum(outcomes) / len(outcomes) >= self.rule.failures

    def verdicts(self) -> set[bool]:
        """What each window of 0.9 to 1.1 of the rule's length, ending now, says of opening."""
        ages = [(self.now - time) / self.rule.window for time, _ in self.counted]
        lengths = [0.9, *(age + 1e-9 for age in ages if 0.9 < age < 1.1)]
        return {self.failing(length) for length in lengths}


BreakerMachine.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestAnyRequestsInAnyOrder = BreakerMachine.TestCase
