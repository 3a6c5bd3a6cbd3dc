"""Times as numbers: exact, and in the order of the times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from gateway.cases.sqlite_times import from_number, to_number

zones = st.sampled_from([UTC, timezone(timedelta(hours=8))])


@given(st.datetimes(timezones=zones))
def test_a_time_comes_back_as_it_was(at: datetime) -> None:
    assert from_number(to_number(at)) == at


@given(st.datetimes(timezones=zones), st.datetimes(timezones=zones))
def test_numbers_are_in_the_order_of_the_times(one: datetime, other: datetime) -> None:
    assert (one < other) == (to_number(one) < to_number(other))


def test_the_first_second_of_1970() -> None:
    assert to_number(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)) == 1_000_000
