"""Lists of the file: items of one kind, each once.

Room rule: as `gateway.routing.kinds`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gateway.errors import Text
from gateway.routing.kinds import JsonSchema, Kind, refuse_type
from gateway.routing.notations import half_width
from gateway.routing.reading import INVALID, Place
from gateway.routing.yaml_nodes import Broken, Node, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ListOf"]

_LONGEST: Final = 200
_SEPARATOR: Final = re.compile("[，、；]")
"""Full-width signs that people type between items."""


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of one kind, each item once; `identity` tells what makes two items the same."""

    item: Kind
    allowed: Text
    maximum: int
    minimum: int = 1
    identity: Callable[[Any], object] = lambda value: value
    secret: bool = False

    def read(self, node: Node, place: Place) -> Any:
        value = self._read(node, place)
        if value is INVALID and self.secret:
            place.reading.hide(node, place)
        return value

    def _read(self, node: Node, place: Place) -> Any:
        if not isinstance(node, Sequence):
            return refuse_type(node, place, self.allowed, self._as_list(node))
        good = node.whole
        if len(node.items) < self.minimum and node.whole:
            place.problem("empty_list", node, allowed=self.allowed)
            good = False
        if len(node.items) > self.maximum:
            found, most = str(len(node.items)), str(self.maximum)
            place.problem("too_many_items", node, found=found, allowed=most)
            good = False
        values = self._items(node, place)
        return tuple(values) if good and INVALID not in values else INVALID

    def _as_list(self, node: Node) -> str | None:
        if self.secret or not isinstance(node, Scalar) or len(node.text) > _LONGEST:
            return None
        text = half_width(node.text).strip("[]")
        return f"[{text}]" if node.plain else f'["{text}"]'

    def _items(self, node: Sequence, place: Place) -> list[Any]:
        values: list[Any] = []
        seen: dict[object, Node] = {}
        for index, item in enumerate(node.items[: self.maximum]):
            below = place.item(index, item)
            value = INVALID if self._run_together(item, below) else self.item.read(item, below)
            if value is not INVALID:
                first = seen.setdefault(self.identity(value), item)
                if first is not item:
                    value = self._twice(value, first, item, below)
            values.append(value)
        return values

    def _run_together(self, item: Node, place: Place) -> bool:
        """Report items between which a full-width sign stands: to YAML they are one."""
        if self.secret or not isinstance(item, Scalar) or item.line != item.end_line:
            return False
        sign = _SEPARATOR.search(item.text) if item.plain else None
        if sign is None:
            return False
        column = item.column + sign.start()
        at = Broken(item.line, column, item.line, column + 1)
        place.problem("full_width_punctuation", at, found=sign[0], suggestion=",")
        return True

    def _twice(self, value: Any, first: Node, item: Node, place: Place) -> Any:
        place.problem(
            "duplicate_item",
            item,
            found=str(self.identity(value)),
            allowed=Text("each item once", "每项只出现一次"),
            first=f"{place.file}:{first.line}:{first.column}",
        )
        return INVALID

    def schema(self) -> JsonSchema:
        return {
            "type": "array",
            "items": self.item.schema(),
            "minItems": self.minimum,
            "maxItems": self.maximum,
            "uniqueItems": True,
        }
