"""Rate limit: never more than the burst and what the rate has added since."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.policies.rate_limit import TokenBucket
from gateway.routing.model import Rate

TEN_A_SECOND = Rate(10, 1.0)


def emptied(rate: Rate, burst: int, now: float) -> TokenBucket:
    bucket = TokenBucket(rate, burst, now)
    for _ in range(burst):
        assert bucket.take(now) == 0.0
    return bucket


def test_a_new_bucket_gives_its_whole_burst_at_once_and_not_one_more() -> None:
    bucket = TokenBucket(TEN_A_SECOND, 100, 0.3)
    assert [bucket.take(0.3) for _ in range(100)] == [0.0] * 100
    assert bucket.take(0.3) > 0.0


def test_a_refusal_says_how_long_until_the_next_token() -> None:
    bucket = emptied(TEN_A_SECOND, 1, 5.0)
    assert bucket.take(5.0) == pytest.approx(0.1)
    assert bucket.take(5.04) == pytest.approx(0.06)


def test_a_refused_request_takes_nothing() -> None:
    bucket = emptied(TEN_A_SECOND, 1, 0.0)
    for tick in range(1, 10):
        assert bucket.take(tick / 100) > 0.0
    assert bucket.take(0.1) == 0.0


def test_a_rate_is_a_count_in_its_period() -> None:
    bucket = emptied(Rate(6, 60.0), 1, 0.0)
    assert bucket.take(1.0) == pytest.approx(9.0)
    assert bucket.take(10.0) == 0.0


def test_a_pause_fills_the_bucket_to_its_burst_and_no_further() -> None:
    bucket = emptied(TEN_A_SECOND, 3, 0.0)
    assert bucket.remaining(3600.0) == 3
    assert [bucket.take(3600.0) > 0.0 for _ in range(4)] == [False, False, False, True]


@pytest.mark.parametrize("start", [0.0, 1e6 + 1 / 3, 3e7 + 1 / 7])
def test_a_caller_that_keeps_exactly_to_the_rate_is_never_refused(start: float) -> None:
    bucket = TokenBucket(Rate(3, 1.0), 1, start)
    assert all(bucket.take(start + n / 3) == 0.0 for n in range(2000))


@pytest.mark.parametrize("start", [0.0, 1e6 + 1 / 3, 3e7 + 1 / 7])
def test_a_caller_that_waits_as_long_as_it_was_told_is_served(start: float) -> None:
    bucket = emptied(Rate(700, 1.0), 1, start)
    now = start
    for _ in range(2000):
        now += bucket.take(now)
        assert bucket.take(now) == 0.0


def test_what_rounding_forgave_is_owed() -> None:
    bucket = emptied(Rate(1, 1.0), 1, 0.0)
    assert bucket.take(0.9995) == 0.0
    assert bucket.take(1.9985) == pytest.approx(0.001 + 0.0005)


def test_time_that_stands_still_or_goes_back_adds_nothing() -> None:
    bucket = emptied(TEN_A_SECOND, 1, 10.0)
    assert bucket.take(10.0) == pytest.approx(0.1)
    assert bucket.take(9.0) == pytest.approx(0.1)
    assert bucket.remaining(9.0) == 0
    assert bucket.take(10.05) == pytest.approx(0.05)


def test_remaining_counts_whole_tokens_and_takes_none() -> None:
    bucket = emptied(TEN_A_SECOND, 5, 0.0)
    assert [bucket.remaining(now) for now in (0.0, 0.19, 0.2, 0.2, 99.0)] == [0, 1, 2, 2, 5]


def test_a_new_rate_counts_from_the_reload_on() -> None:
    bucket = emptied(TEN_A_SECOND, 10, 0.0)
    bucket.retune(Rate(1, 1.0), 10, 0.5)
    assert bucket.remaining(0.5) == 5
    assert bucket.remaining(2.5) == 7


def test_a_smaller_burst_cuts_the_bucket_and_a_larger_one_is_not_filled() -> None:
    bucket = TokenBucket(TEN_A_SECOND, 10, 0.0)
    bucket.retune(TEN_A_SECOND, 4, 0.0)
    assert bucket.remaining(0.0) == 4
    bucket.retune(TEN_A_SECOND, 10, 0.0)
    assert bucket.remaining(0.0) == 4


def test_a_reload_with_a_time_before_the_latest_adds_nothing() -> None:
    bucket = emptied(TEN_A_SECOND, 10, 5.0)
    bucket.retune(TEN_A_SECOND, 10, 4.0)
    assert bucket.remaining(5.0) == 0


class BucketMachine(RuleBasedStateMachine):
    """Any calls at any times: in every span, no more passes than burst and rate allow."""

    @initialize(
        count=st.integers(1, 5000), per=st.sampled_from([1.0, 60.0]), burst=st.integers(1, 50)
    )
    def build(self, count: int, per: float, burst: int) -> None:
        self.now = 1000.0
        self.rate = Rate(count, per)
        self.burst = burst
        self.bucket = TokenBucket(self.rate, burst, self.now)
        self.passed: list[float] = []

    @rule(seconds=st.floats(0.0, 2.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def wait_for_one_token(self) -> None:
        self.now += 1 / self.rate.per_second

    @rule(times=st.integers(1, 60))
    def take(self, times: int) -> None:
        for _ in range(times):
            before = self.bucket.remaining(self.now)
            wait = self.bucket.take(self.now)
            assert (wait == 0.0) == (before > 0)
            if wait == 0.0:
                self.passed.append(self.now)
            else:
                assert wait <= 1.001 / self.rate.per_second

    @rule(count=st.integers(1, 5000), burst=st.integers(1, 50))
    def retune(self, count: int, burst: int) -> None:
        before = self.bucket.remaining(self.now)
        self.rate = Rate(count, self.rate.per)
        self.burst = burst
        self.bucket.retune(self.rate, burst, self.now)
        assert self.bucket.remaining(self.now) == min(before, burst)
        self.passed.clear()

    @invariant()
    def tokens_are_between_none_and_the_burst(self) -> None:
        assert 0 <= self.bucket.remaining(self.now) <= self.burst

    @invariant()
    def every_span_keeps_the_promise(self) -> None:
        for count, since in enumerate(reversed(self.passed), start=1):
            allowed = self.burst + self.rate.per_second * (self.now - since)
            assert count <= allowed + 0.002


BucketMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestAnyCallsAtAnyTimes = BucketMachine.TestCase
