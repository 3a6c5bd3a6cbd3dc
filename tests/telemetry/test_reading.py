from __future__ import annotations

from gateway.telemetry.cells import Children, Counter, Histogram
from gateway.telemetry.family import Family
from gateway.telemetry.reading import counters, gauge, histograms

COUNTS = Family("gateway_things_total", "counter", ("service",), "Things.")
TIMES = Family("gateway_things_seconds", "histogram", (), "Times.", (1.0,))
LEVEL = Family("gateway_level", "gauge", ("a", "b"), "Level.")


def test_counters_give_their_labels_and_values() -> None:
    children = Children(COUNTS, Counter)
    children.child("svc").value += 2
    reading = counters(children)
    assert reading.family is COUNTS
    assert list(reading.numbers) == [('service="svc"', 2)]
    assert reading.histograms == []


def test_histograms_are_given_whole() -> None:
    children = Children(TIMES, Histogram)
    child = children.child()
    assert histograms(children).histograms == [child]


def test_a_gauge_pairs_label_values_with_numbers() -> None:
    reading = gauge(LEVEL, [(("x", 'y"'), 1.5)])
    assert list(reading.numbers) == [('a="x",b="y\\""', 1.5)]
