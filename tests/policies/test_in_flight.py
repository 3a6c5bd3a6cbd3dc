"""Requests in flight: as many as the limit, whoever they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.policies.in_flight import InFlightLimit


def test_as_many_as_the_limit_enter_and_the_next_is_refused() -> None:
    limit = InFlightLimit(2)
    assert [limit.enter() for _ in range(3)] == [True, True, False]
    assert limit.count == 2


def test_a_place_that_is_left_can_be_taken_again() -> None:
    limit = InFlightLimit(1)
    limit.enter()
    limit.leave()
    assert limit.count == 0
    assert limit.enter()


def test_one_leave_too_many_makes_no_room_for_one_more() -> None:
    limit = InFlightLimit(1)
    limit.leave()
    assert limit.count == 0
    assert [limit.enter(), limit.enter()] == [True, False]


def test_a_lower_limit_lets_nobody_in_until_enough_have_left() -> None:
    limit = InFlightLimit(3)
    for _ in range(3):
        limit.enter()
    limit.retune(2)
    limit.leave()
    assert not limit.enter()
    limit.leave()
    assert limit.enter()
    assert limit.count == 2


def test_a_higher_limit_applies_at_once() -> None:
    limit = InFlightLimit(1)
    limit.enter()
    limit.retune(2)
    assert limit.enter()


@given(size=st.integers(1, 5), moves=st.lists(st.booleans()))
def test_the_count_stays_between_none_and_the_limit(size: int, moves: list[bool]) -> None:
    limit = InFlightLimit(size)
    inside = 0
    for enters in moves:
        if enters:
            assert limit.enter() == (inside < size)
            inside = min(size, inside + 1)
        else:
            limit.leave()
            inside = max(0, inside - 1)
        assert limit.count == inside
