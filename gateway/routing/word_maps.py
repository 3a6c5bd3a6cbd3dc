"""Mappings from words of the people's choice to values of one kind.

Room rule: as `gateway.routing.kinds`. A word is taken as it is written: a number that every YAML
reader writes back in the same way needs no quotes, everything else that is no text to some does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gateway.errors import Text
from gateway.routing.kinds import JsonSchema, Kind, Notation, refuse_type
from gateway.routing.reading import INVALID, Place
from gateway.routing.yaml_nodes import Entry, Mapping, Node, Scalar

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["WordMap"]

_PLAIN_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,14}")


@dataclass(frozen=True, slots=True)
class WordMap:
    """At least one word, each once, at most `maximum`."""

    word: Notation
    value: Kind
    allowed: Text
    maximum: int

    def read(self, node: Node, place: Place) -> Any:
        if not isinstance(node, Mapping):
            return refuse_type(node, place, self.allowed)
        if not node.entries and node.whole:
            place.problem("empty_value", node, allowed=self.allowed)
            return INVALID
        if len(node.entries) > self.maximum:
            found, most = str(len(node.entries)), str(self.maximum)
            place.problem("too_many_items", node, found=found, allowed=most)
            return INVALID
        values = self._entries(node.entries, place)
        return values if node.whole and INVALID not in values.values() else INVALID

    def _entries(self, entries: Iterable[Entry], place: Place) -> dict[str, Any]:
        values: dict[str, Any] = {}
        seen: dict[str, Scalar] = {}
        for entry in entries:
            key, below = entry.key, place.below(entry.key)
            first = seen.setdefault(key.text, key)
            good = self._word(key, below) if first is key else self._twice(key, first, below)
            value = self.value.read(entry.value, below)
            values[key.text] = value if good else INVALID
        return values

    def _word(self, key: Scalar, place: Place) -> bool:
        if key.plain and _PLAIN_NUMBER.fullmatch(key.text):
            return True
        return self.word.read(key, place) is not INVALID

    def _twice(self, key: Scalar, first: Scalar, place: Place) -> bool:
        place.problem(
            "duplicate_key",
            found=key.text,
            allowed=Text("each key once", "每个键只出现一次"),
            first=f"{place.file}:{first.line}:{first.column}",
        )
        return False

    def schema(self) -> JsonSchema:
        return {
            "type": "object",
            "minProperties": 1,
            "maxProperties": self.maximum,
            "propertyNames": {"pattern": f"^(?:{self.word.pattern.pattern})$"},
            "additionalProperties": self.value.schema(),
        }
