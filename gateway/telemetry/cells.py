"""The numbers behind the series: plain Python objects that cost a fraction of a microsecond.

Room rule: one loop writes and the same loop reads, so there is no lock. A child is made once for
its label values and kept for ever, which keeps counters unbroken across a reload. Formatting is
done by the scrape, except for the label text, which never changes and is made with the child.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.telemetry.family import Family

__all__ = ["Children", "Counter", "Histogram", "label_text"]

_ESCAPES: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


def label_text(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    """Return `name="value",...` with the escapes that both exposition formats ask for.

    Prometheus text format 0.0.4, "Comments, help text, and type information"; OpenMetrics 1.0,
    "Escaping": backslash, line feed and double quote.
    """
    pairs = zip(names, values, strict=True)
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in pairs)


class Counter:
    """A number that only grows; the hot path adds to `value` itself."""

    __slots__ = ("labels", "value")

    def __init__(self, family: Family, values: tuple[str, ...]) -> None:
        self.labels = label_text(family.labels, values)
        self.value = 0


class Histogram:
    """Counts by bucket (the last one is +Inf) and the sum; not cumulative until it is read."""

    __slots__ = ("_bounds", "counts", "labels", "sum")

    def __init__(self, family: Family, values: tuple[str, ...]) -> None:
        self.labels = label_text(family.labels, values)
        self._bounds = family.buckets
        self.counts = [0] * (len(family.buckets) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count `value`; a bucket takes what is at most its bound."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.sum += value


Child = TypeVar("Child", Counter, Histogram)


class Children(Generic[Child]):
    """The children of one family by their label values."""

    def __init__(self, family: Family, make: Callable[[Family, tuple[str, ...]], Child]) -> None:
        self.family = family
        self._make: Callable[[Family, tuple[str, ...]], Child] = make
        self._by_values: dict[tuple[str, ...], Child] = {}

    def child(self, *values: str) -> Child:
        """Return the one child with these label values, made on first use."""
        child = self._by_values.get(values)
        if child is None:
            child = self._by_values[values] = self._make(self.family, values)
        return child

    def all(self) -> list[Child]:
        """Return the children as they are now, in the order in which they were made."""
        return list(self._by_values.values())
