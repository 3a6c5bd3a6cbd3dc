"""What a scrape reads of one family.

Room rule: as `gateway.telemetry.metrics`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.telemetry.cells import Children, Counter, Histogram, label_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gateway.telemetry.family import Family

__all__ = ["Reading", "counters", "gauge", "histograms"]


class Reading:
    """The children of one family; `numbers` pairs label text and value, read as it is iterated."""

    __slots__ = ("family", "histograms", "numbers")

    def __init__(
        self, family: Family, histograms: list[Histogram], numbers: Iterator[tuple[str, float]]
    ) -> None:
        self.family: Final = family
        self.histograms: Final = histograms
        self.numbers: Final = numbers


def counters(children: Children[Counter]) -> Reading:
    return Reading(children.family, [], ((child.labels, child.value) for child in children.all()))


def histograms(children: Children[Histogram]) -> Reading:
    return Reading(children.family, children.all(), iter(()))


def gauge(family: Family, values: Iterable[tuple[tuple[str, ...], float]]) -> Reading:
    numbers = ((label_text(family.labels, labels), value) for labels, value in values)
    return Reading(family, [], numbers)
