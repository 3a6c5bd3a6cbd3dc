"""The nearest names to one that does not exist ("did you mean").

Room rule: bounded work whatever the number of names, because the entry asks on the path of a
request: beyond `FEW` names only the neighbours in two sorted lists are compared, those that share
the longest beginning and those that share the longest ending.
"""

from __future__ import annotations

from bisect import bisect_left
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Nearest"]

FEW: Final = 32
_NEIGHBOURS: Final = 8
_CLOSE: Final = 0.6
_LONGEST: Final = 128


class Nearest:
    """Finds names that look like another; building sorts the names once."""

    __slots__ = ("_backward", "_forward")

    def __init__(self, names: Iterable[str]) -> None:
        self._forward = sorted(names)
        self._backward = (
            sorted(name[::-1] for name in self._forward) if len(self._forward) > FEW else []
        )

    def find(self, name: str, count: int = 1) -> tuple[str, ...]:
        """Return up to `count` names, the nearest first; none when nothing is near."""
        if len(name) > _LONGEST:
            return ()
        shapes: dict[str, list[str]] = {}
        for candidate in self._candidates(name):
            shapes.setdefault(_shape(candidate), []).append(candidate)
        matches = get_close_matches(_shape(name), shapes, n=count, cutoff=_CLOSE)
        return tuple(name for match in matches for name in shapes[match])[:count]

    def _candidates(self, name: str) -> Iterable[str]:
        if not self._backward:
            return self._forward
        mirrored = _around(self._backward, name[::-1])
        return dict.fromkeys([*_around(self._forward, name), *(text[::-1] for text in mirrored)])


def _around(names: list[str], name: str) -> list[str]:
    at = bisect_left(names, name)
    return names[max(at - _NEIGHBOURS, 0) : at + _NEIGHBOURS]


def _shape(name: str) -> str:
    """The name without what people write in different ways: case, `-` and `_`."""
    return name.casefold().replace("-", "_")
