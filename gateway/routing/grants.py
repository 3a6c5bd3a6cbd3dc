"""Which services a channel's grants mean: IDs, and patterns in which `*` stands for any run.

Room rule: linear matching without regular expressions, so that no pattern can be slow.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["MAX_COMPARISONS", "Grants", "matches"]

MAX_COMPARISONS: Final = 10_000_000
"""Patterns against IDs, of one version of the routes."""


def matches(pattern: str, service_id: str) -> bool:
    """Whether the pattern means the service; `*` matches any characters, dots too, or none."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == service_id
    last = rest.pop()
    if len(service_id) < len(first) + len(last):
        return False
    if not (service_id.startswith(first) and service_id.endswith(last)):
        return False
    position, end = len(first), len(service_id) - len(last)
    for piece in rest:
        found = service_id.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True


class Grants:
    """Resolves grants against one set of service IDs; what precedes the first `*` is an index."""

    def __init__(self, service_ids: Iterable[str], comparisons: int = MAX_COMPARISONS) -> None:
        self._known = frozenset(service_ids)
        self._sorted = sorted(self._known)
        self._left = comparisons

    @property
    def exhausted(self) -> bool:
        """Whether patterns have been compared so often that they are no longer."""
        return self._left <= 0

    def matches_any(self, pattern: str) -> bool:
        """Whether the grant means at least one service."""
        return next(self._matching(pattern), None) is not None

    def resolve(self, patterns: Iterable[str]) -> frozenset[str]:
        """The IDs that the grants mean."""
        granted: set[str] = set()
        for pattern in patterns:
            if pattern == "*":
                return self._known
            granted.update(self._matching(pattern))
        return frozenset(granted)

    def _matching(self, pattern: str) -> Iterator[str]:
        prefix, star, _ = pattern.partition("*")
        if not star:
            yield from {pattern} & self._known
            return
        for index in range(bisect_left(self._sorted, prefix), len(self._sorted)):
            service_id = self._sorted[index]
            self._left -= 1
            if not service_id.startswith(prefix):
                return
            if matches(pattern, service_id):
                yield service_id
