"""The reader of expressions on which the other checks rely."""

from __future__ import annotations

from tests.deploy.promql import Selector, grouped_labels, selectors


def test_every_series_of_an_expression_is_found_with_the_labels_that_it_matches() -> None:
    expression = (
        'sum by (service, le) (rate(a_bucket{service=~"x|sum(y)", cause!="none"}[5m] offset 1d))'
        "\n/ on (service) group_left ()\nlevel:b:rate5m > 0.5 and c == 1e3"
    )
    assert selectors(expression) == [
        Selector("a_bucket", frozenset({"service", "cause"})),
        Selector("level:b:rate5m", frozenset()),
        Selector("c", frozenset()),
    ]


def test_labels_that_an_expression_groups_or_joins_by_are_found() -> None:
    expression = "sum by (service, le) (a) / on (channel) group_left (side) b unless on (cause) c"
    assert grouped_labels(expression) == {"service", "le", "channel", "side", "cause"}
