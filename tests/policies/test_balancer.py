"""Balancer: by weight, to the less loaded of two, around endpoints that rest."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.policies.balancer import Balancer
from gateway.routing.model import Ejection, Endpoint

USUAL = Ejection(failures=3, pause=30.0)
QUICK = Ejection(failures=1, pause=30.0)
ALMOST_ONE = 1.0 - 2.0**-53


def endpoints(*weights: int) -> list[Endpoint]:
    return [Endpoint("http", "127.0.0.1", 9101 + i, weight) for i, weight in enumerate(weights)]


def balancer(*weights: int) -> Balancer:
    return Balancer(endpoints(*weights), USUAL)


def fail(balancer: Balancer, index: int, now: float, times: int = USUAL.failures) -> None:
    for _ in range(times):
        balancer.started(index)
        balancer.failed(index, now)


def shares(balancer: Balancer, now: float, draws: int = 20_000, tried: int = 0) -> dict[int, float]:
    """The part of `draws` choices that each endpoint gets."""
    random = Random(20_260_101)  # noqa: S311  # a fixed seed makes the statistics repeatable
    counts = Counter(
        balancer.choose(now, random.random(), random.random(), tried) for _ in range(draws)
    )
    return {index: count / draws for index, count in counts.items()}


def test_a_single_endpoint_takes_everything_tried_or_not() -> None:
    one = balancer(1)
    assert {one.choose(0.0, first, 0.5, tried) for first in (0.0, 0.9) for tried in (0, 1)} == {0}


def test_an_endpoint_of_weight_0_takes_nothing() -> None:
    assert set(shares(balancer(0, 1, 0, 2), 0.0)) == {1, 3}
    assert shares(balancer(0, 5), 0.0) == {1: 1.0}


@pytest.mark.parametrize("weights", [(1, 1), (1, 2), (1, 2, 7), (5, 0, 1, 1, 3)])
def test_idle_endpoints_are_taken_by_weight(weights: tuple[int, ...]) -> None:
    expected = {i: weight / sum(weights) for i, weight in enumerate(weights) if weight}
    assert shares(balancer(*weights), 0.0) == pytest.approx(expected, abs=0.015)


@pytest.mark.parametrize("weights", [(1, 2), (2, 1, 3)])
def test_the_draw_covers_every_endpoint_up_to_the_edges_of_its_weight(
    weights: tuple[int, ...],
) -> None:
    idle = balancer(*weights)
    total = sum(weights)
    drawn = [idle.choose(0.0, (part + 0.5) / total, 0.0) for part in range(total)]
    assert Counter(drawn) == dict(enumerate(weights))
    assert idle.choose(0.0, ALMOST_ONE, ALMOST_ONE) == len(weights) - 1


def test_of_two_the_one_with_fewer_pending_requests_wins() -> None:
    two = balancer(1, 1)
    two.started(0)
    assert shares(two, 0.0) == {1: 1.0}
    two.started(1)
    assert shares(two, 0.0) == pytest.approx({0: 0.5, 1: 0.5}, abs=0.015)


def test_pending_requests_are_compared_by_weight() -> None:
    two = balancer(1, 3)
    for _ in range(2):
        two.started(1)
    two.started(0)
    assert shares(two, 0.0) == {1: 1.0}
    for _ in range(2):
        two.started(1)
    assert shares(two, 0.0) == {0: 1.0}


def test_the_two_that_are_compared_are_never_the_same_one() -> None:
    three = balancer(1, 2, 3)
    three.started(1)
    assert 1 not in shares(three, 0.0)


@pytest.mark.parametrize(
    ("busy", "expected"), [(0, {1: 1 / 3, 2: 2 / 3}), (2, {0: 1 / 2, 1: 1 / 2})]
)
def test_the_second_one_is_drawn_by_weight_among_the_others(
    busy: int, expected: dict[int, float]
) -> None:
    three = balancer(1, 1, 2)
    three.started(busy)
    assert shares(three, 0.0) == pytest.approx(expected, abs=0.015)


def test_under_load_the_pending_requests_stand_in_the_ratio_of_the_weights() -> None:
    loaded = balancer(1, 2, 4)
    random = Random(7)  # noqa: S311  # a fixed seed makes the statistics repeatable
    for _ in range(700):
        loaded.started(loaded.choose(0.0, random.random(), random.random()))
    pending = [loaded.pending(index) for index in range(3)]
    assert pending == pytest.approx([100, 200, 400], rel=0.03)


def test_every_end_of_a_request_takes_it_from_the_pending_ones() -> None:
    one = balancer(1)
    for _ in range(3):
        one.started(0)
    assert one.pending(0) == 3
    one.succeeded(0)
    one.failed(0, 0.0)
    one.abandoned(0)
    assert one.pending(0) == 0


def test_a_repeated_request_goes_to_an_endpoint_that_has_not_had_it() -> None:
    three = balancer(1, 1, 2)
    assert shares(three, 0.0, tried=0b001) == pytest.approx({1: 1 / 3, 2: 2 / 3}, abs=0.015)
    assert shares(three, 0.0, tried=0b101) == {1: 1.0}


def test_a_request_that_all_have_had_goes_to_any() -> None:
    assert set(shares(balancer(1, 1), 0.0, tried=0b11)) == {0, 1}


def test_a_repeated_request_rather_meets_the_same_endpoint_than_one_that_rests() -> None:
    two = balancer(1, 1)
    fail(two, 1, 0.0)
    assert shares(two, 0.0, tried=0b01) == {0: 1.0}


def test_enough_failures_in_a_row_put_an_endpoint_to_rest_for_the_pause() -> None:
    two = balancer(1, 1)
    fail(two, 0, 100.0, times=2)
    assert two.up(0, 100.0)
    fail(two, 0, 100.0, times=1)
    assert not two.up(0, 100.0)
    assert two.up(1, 100.0)
    assert shares(two, 129.9) == {1: 1.0}
    assert not two.up(0, 129.9)
    assert two.up(0, 130.0)
    assert set(shares(two, 130.0)) == {0, 1}


def test_a_success_between_failures_starts_the_row_again() -> None:
    two = balancer(1, 1)
    fail(two, 0, 0.0, times=2)
    two.started(0)
    two.succeeded(0)
    fail(two, 0, 0.0, times=2)
    assert two.up(0, 0.0)


def test_an_abandoned_request_is_neither_failure_nor_success() -> None:
    two = balancer(1, 1)
    fail(two, 0, 0.0, times=2)
    two.started(0)
    two.abandoned(0)
    assert two.up(0, 0.0)
    fail(two, 0, 0.0, times=1)
    assert not two.up(0, 0.0)


def test_after_its_rest_one_more_failure_sends_it_back_until_a_success_clears_it() -> None:
    two = balancer(1, 1)
    fail(two, 0, 0.0)
    fail(two, 0, 30.0, times=1)
    assert not two.up(0, 59.9)
    two.started(0)
    two.succeeded(0)
    fail(two, 0, 60.0, times=2)
    assert two.up(0, 60.0)


def test_failures_that_arrive_during_the_rest_do_not_prolong_it() -> None:
    three = balancer(1, 1, 1)
    fail(three, 0, 0.0)
    fail(three, 0, 20.0)
    assert three.up(0, 30.0)


def test_the_last_available_endpoint_never_rests() -> None:
    three = balancer(1, 1, 0)
    fail(three, 0, 0.0)
    fail(three, 1, 1.0, times=100)
    assert three.up(1, 1.0)
    assert shares(three, 1.0) == {1: 1.0}


def test_the_only_endpoint_never_rests() -> None:
    one = balancer(1)
    fail(one, 0, 0.0, times=100)
    assert one.up(0, 0.0)


def test_an_endpoint_that_was_the_last_rests_when_the_other_is_back() -> None:
    two = balancer(1, 1)
    fail(two, 0, 0.0)
    fail(two, 1, 29.9, times=100)
    fail(two, 1, 30.0, times=1)
    assert two.up(0, 30.0)
    assert not two.up(1, 30.0)


def test_an_endpoint_of_weight_0_is_not_put_to_rest() -> None:
    drained = balancer(1, 1, 0)
    fail(drained, 2, 0.0)
    assert drained.up(2, 0.0)


def test_each_rest_ends_in_its_own_time() -> None:
    three = balancer(1, 1, 1)
    fail(three, 0, 0.0)
    fail(three, 1, 10.0)
    assert shares(three, 29.9) == {2: 1.0}
    assert set(shares(three, 30.0)) == {0, 2}
    assert set(shares(three, 40.0)) == {0, 1, 2}


def test_a_reload_keeps_the_state_of_endpoints_that_stay_wherever_they_stand() -> None:
    old = balancer(1, 1)
    fail(old, 0, 0.0)
    old.started(1)
    first, second = endpoints(4, 5)
    added = Endpoint("https", first.host, first.port)
    new = old.retuned([added, second, first], USUAL)
    assert [new.up(index, 1.0) for index in range(3)] == [True, True, False]
    assert [new.pending(index) for index in range(3)] == [0, 1, 0]
    assert set(shares(new, 1.0)) == {0}
    assert new.up(2, 30.0)


@pytest.mark.parametrize(
    "other",
    [Endpoint("https", "h", 1), Endpoint("http", "g", 1), Endpoint("http", "h", 2)],
)
def test_an_endpoint_with_another_scheme_host_or_port_is_another_one(other: Endpoint) -> None:
    old = Balancer([Endpoint("http", "h", 1)], USUAL)
    old.started(0)
    assert old.retuned([other], USUAL).pending(0) == 0


def test_a_reload_takes_new_weights_and_a_new_ejection_rule() -> None:
    old = balancer(1, 1)
    new = old.retuned(endpoints(1, 4), Ejection(failures=1, pause=5.0))
    assert shares(new, 0.0) == pytest.approx({0: 0.2, 1: 0.8}, abs=0.015)
    fail(new, 0, 0.0, times=1)
    assert not new.up(0, 4.9)
    assert new.up(0, 5.0)


def test_requests_from_before_a_reload_end_where_they_began() -> None:
    old = balancer(1, 1)
    old.started(0)
    old.started(1)
    second = endpoints(1, 1)[1]
    new = old.retuned([second], USUAL)
    old.succeeded(0)
    assert new.pending(0) == 1
    old.succeeded(1)
    assert new.pending(0) == 0


def test_what_requests_from_before_a_reload_learn_counts_after_it() -> None:
    old = balancer(1, 1, 1)
    new = old.retuned(endpoints(1, 1, 1), USUAL)
    assert set(shares(new, 0.0)) == {0, 1, 2}
    fail(old, 0, 0.0)
    assert not new.up(0, 0.0)
    assert set(shares(new, 0.0)) == {1, 2}
    assert set(shares(new, 30.0)) == {0, 1, 2}


def test_the_last_one_stays_when_requests_from_before_a_reload_put_the_others_to_rest() -> None:
    old = balancer(1, 1, 1)
    new = old.retuned(endpoints(1, 1), USUAL)
    assert set(shares(new, 0.0)) == {0, 1}
    fail(old, 1, 0.0)
    fail(new, 0, 0.0)
    assert new.up(0, 0.0)


def test_a_reload_that_leaves_only_resting_endpoints_brings_them_back() -> None:
    old = balancer(1, 1, 1)
    fail(old, 0, 0.0)
    fail(old, 1, 1.0)
    new = old.retuned(endpoints(1, 1), USUAL)
    assert set(shares(new, 2.0)) == {0, 1}
    assert [new.up(0, 2.0), new.up(1, 2.0)] == [True, True]


def test_the_only_endpoint_of_a_reload_is_taken_even_if_earlier_requests_put_it_to_rest() -> None:
    old = balancer(1, 1)
    new = old.retuned(endpoints(1, 0), USUAL)
    assert new.choose(0.0, 0.0, 0.0) == 0
    fail(old, 0, 0.0)
    assert new.choose(0.0, 0.0, 0.0) == 0
    assert new.up(0, 0.0)


class BalancerMachine(RuleBasedStateMachine):
    """Any requests, ends, waits and reloads: somebody is always up, and the right one is chosen."""

    @initialize(weights=st.lists(st.integers(0, 3), min_size=1, max_size=4).filter(any))
    def build(self, weights: list[int]) -> None:
        self.now = 1000.0
        self.weights = weights
        self.balancer = Balancer(endpoints(*weights), QUICK)
        self.running: list[tuple[Balancer, int]] = []

    @rule(seconds=st.sampled_from([0.0, 1.0, 29.0, 30.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(
        first=st.floats(0, 1, exclude_max=True),
        second=st.floats(0, 1, exclude_max=True),
        tried=st.integers(0, 15),
    )
    def ask(self, first: float, second: float, tried: int) -> None:
        index = self.balancer.choose(self.now, first, second, tried)
        assert self.weights[index] > 0
        assert self.balancer.up(index, self.now)
        untried = {i for i in self.available() if not tried >> i & 1}
        assert not untried or index in untried
        self.balancer.started(index)
        self.running.append((self.balancer, index))

    @precondition(lambda self: self.running)
    @rule(end=st.sampled_from(["succeeded", "failed", "failed", "failed", "abandoned"]))
    def end_one(self, end: str) -> None:
        balancer, index = self.running.pop(0)
        before = len(self.available())
        if end == "failed":
            balancer.failed(index, self.now)
        elif end == "succeeded":
            balancer.succeeded(index)
        else:
            balancer.abandoned(index)
        assert len(self.available()) >= before - (end == "failed")
        if balancer is not self.balancer:
            self.balancer.choose(self.now, 0.0, 0.0)

    @rule(index=st.integers(0, 3))
    def fail_in_a_row(self, index: int) -> None:
        fail(self.balancer, index % len(self.weights), self.now)

    @rule(data=st.data())
    def reload(self, data: st.DataObject) -> None:
        same_length = st.lists(
            st.integers(0, 3), min_size=len(self.weights), max_size=len(self.weights)
        )
        self.weights = data.draw(same_length.filter(any))
        self.balancer = self.balancer.retuned(endpoints(*self.weights), QUICK)
        self.balancer.choose(self.now, 0.0, 0.0)

    @invariant()
    def somebody_is_up(self) -> None:
        assert self.available()

    @invariant()
    def pending_are_those_that_run(self) -> None:
        running = Counter(index for _, index in self.running)
        for index in range(len(self.weights)):
            assert self.balancer.pending(index) == running[index]

    def available(self) -> set[int]:
        return {
            i for i, weight in enumerate(self.weights) if weight and self.balancer.up(i, self.now)
        }


BalancerMachine.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestAnyRequestsAndReloads = BalancerMachine.TestCase
