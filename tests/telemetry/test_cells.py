from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry import families
from gateway.telemetry.cells import Children, Counter, Histogram, label_text

seconds = st.floats(min_value=0, max_value=100, allow_nan=False)


def test_a_label_value_is_escaped_as_the_formats_ask_for() -> None:
    assert label_text(("a", "b"), ('x"y\\z', "1\n2")) == r'a="x\"y\\z",b="1\n2"'


def test_a_number_of_values_other_than_that_of_the_labels_is_refused() -> None:
    with pytest.raises(ValueError, match="argument 2"):
        label_text(("a", "b"), ("x",))


def test_the_same_label_values_give_the_same_child() -> None:
    children = Children(families.RETRIES, Counter)
    assert children.child("edu.payment", "made") is children.child("edu.payment", "made")
    assert children.child("edu.payment", "made") is not children.child("edu.payment", "refused")
    assert len(children.all()) == 2


def test_a_bucket_takes_what_is_at_most_its_bound() -> None:
    histogram = Histogram(families.REQUEST_DURATION, ("edu.payment",))
    for value in (0.005, 0.0078125, 10.0, 16.0):
        histogram.observe(value)
    assert histogram.counts == [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]
    assert histogram.sum == pytest.approx(26.0128125)


@given(st.lists(seconds))
def test_every_observation_is_counted_once_and_where_it_belongs(values: list[float]) -> None:
    bounds = families.ADDED_DURATION.buckets
    histogram = Histogram(families.ADDED_DURATION, ("http",))
    for value in values:
        histogram.observe(value)
    assert sum(histogram.counts) == len(values)
    for index, bound in enumerate(bounds):
        at_most = sum(value <= bound for value in values)
        assert sum(histogram.counts[: index + 1]) == at_most
    assert histogram.sum == pytest.approx(sum(values))
