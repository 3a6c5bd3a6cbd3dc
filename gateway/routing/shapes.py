"""Mappings of the file: known keys (`Shape`), named definitions (`Definitions`), an endpoint.

Room rule: one mistake gives one problem. A misspelt key counts as the key that was meant, so that
it is not missing as well; rules across keys are asked only when the keys themselves are good.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from gateway.errors import Text
from gateway.routing.kinds import JsonSchema, Kind, Notation, refuse_type
from gateway.routing.nearest import Nearest
from gateway.routing.problem import safe_text
from gateway.routing.reading import INVALID, Definition, Place, Section
from gateway.routing.yaml_nodes import Entry, Mapping, Node, Scalar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Definitions", "Key", "Shape", "WeightedEndpoint"]

_NAME: Final = re.compile(r"[\w.-]{1,64}")
_TOGETHER: Final = re.compile(r"([a-z_]{1,32})[:：](\S[^\x00-\x1f\x7f]{0,99})")
_WORD: Final = re.compile(r"[a-z][a-z_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a mapping; `default` is written as in the file, `about` explains it.

    `example` is the whole entry, where there is only one way to write it.
    """

    kind: Kind
    about: str
    required: bool = False
    default: str | int | bool | list[str] | None = None
    example: str | None = None

    def schema(self) -> JsonSchema:
        schema = {"description": self.about, **self.kind.schema()}
        return schema if self.default is None else {**schema, "default": self.default}


def _together(**values: Any) -> Any:
    return values


@dataclass(frozen=True, slots=True)
class Shape:
    """A mapping with known keys. `rules` look across keys: (keys present, good values, place).

    With `private`, the name of an unknown key is only shown when it looks like a word, because
    it stands where secrets are referred to.
    """

    keys: dict[str, Key]
    build: Callable[..., Any] = _together
    rules: tuple[Callable[[dict[str, Scalar], dict[str, Any], Place], bool], ...] = ()
    rules_schema: JsonSchema = field(default_factory=dict)
    private: bool = False
    allowed: Text = field(init=False)

    def __post_init__(self) -> None:
        names = ", ".join(self.keys)
        allowed = Text(f"a mapping with the keys {names}", f"含以下键的映射：{names}")
        object.__setattr__(self, "allowed", allowed)

    def read(self, node: Node, place: Place) -> Any:
        if not isinstance(node, Mapping):
            return refuse_type(node, place, self.allowed)
        if self.private and place.path and not node.whole:
            place.reading.hide(node, place)
        present: dict[str, Scalar] = {}
        values: dict[str, Any] = {}
        good = node.whole
        written = {entry.key.text for entry in node.entries}
        for entry in node.entries:
            value = self._entry(entry, place, present, written)
            if value is INVALID:
                good = False
            else:
                values[entry.key.text] = value
        if node.whole:
            good = self._complete(present, place) and good
            for rule in self.rules:
                good = rule(present, values, place) and good
        return self.build(**values) if good else INVALID

    def _entry(
        self, entry: Entry, place: Place, present: dict[str, Scalar], written: set[str]
    ) -> Any:
        name, below = entry.key.text, place.below(entry.key)
        if name in self.keys:
            first = present.setdefault(name, entry.key)
            value = self.keys[name].kind.read(entry.value, below)
            if first is entry.key:
                return value
            self._twice(entry.key, first, below)
            return INVALID
        together = self._run_together(entry)
        if together is not None:
            present.setdefault(together[1], entry.key)
            self._kept_together(entry, together, place)
            return INVALID
        meant = self._unknown(entry, place, written)
        if meant is not None and meant not in present:
            present[meant] = entry.key
            self.keys[meant].kind.read(entry.value, below)
        return INVALID

    def _run_together(self, entry: Entry) -> re.Match[str] | None:
        """A known key and its value that YAML takes for one name, for want of a `:` and a blank."""
        match = _TOGETHER.fullmatch(entry.key.text)
        value = entry.value
        empty = isinstance(value, Scalar) and value.plain and not value.text
        return match if match is not None and match[1] in self.keys and empty else None

    def _kept_together(self, entry: Entry, parts: re.Match[str], place: Place) -> None:
        allowed = ", ".join(self.keys)
        if self.private:
            place.reading.hide(entry.key, place)
            suggestion = f"{parts[1]}: …"
            place.problem("unknown_key_hidden", entry.key, allowed=allowed, suggestion=suggestion)
            return
        place.problem(
            "unknown_key",
            entry.key,
            found=entry.key.text,
            allowed=allowed,
            suggestion=f"{parts[1]}: {parts[2]}",
            path=(*place.path, entry.key.text),
        )

    def _twice(self, key: Scalar, first: Scalar, place: Place) -> None:
        place.problem(
            "duplicate_key",
            found=key.text,
            allowed=Text("each key once", "每个键只出现一次"),
            first=f"{place.file}:{first.line}:{first.column}",
        )

    def _unknown(self, entry: Entry, place: Place, written: set[str]) -> str | None:
        """Report a key that does not exist; return the one that was meant, if it is not there."""
        name = entry.key.text
        free = [key for key in self.keys if key not in written]
        near = () if place.reading.full else Nearest(free).find(name)
        allowed = ", ".join(self.keys)
        if self.private or not near:
            place.reading.hide(entry.value, place)
        if self.private and not near and not _WORD.fullmatch(name):
            place.reading.hide(entry.key, place)
            place.problem("unknown_key_hidden", entry.key, allowed=allowed)
            return None
        place.problem(
            "unknown_key",
            entry.key,
            found=name,
            allowed=allowed,
            suggestion=near[0] if near else None,
            path=(*place.path, name),
        )
        return near[0] if near else None

    def _complete(self, present: dict[str, Scalar], place: Place) -> bool:
        missing = [name for name, key in self.keys.items() if key.required and name not in present]
        for name in missing:
            example, path = self.keys[name].example, (*place.path, name)
            place.problem("missing_key", allowed=name, suggestion=example, path=path)
        return not missing

    def schema(self) -> JsonSchema:
        return {
            "type": "object",
            "properties": {name: key.schema() for name, key in self.keys.items()},
            "required": [name for name, key in self.keys.items() if key.required],
            "additionalProperties": False,
            **({"allOf": [self.rules_schema]} if self.rules_schema else {}),
        }


@dataclass(frozen=True, slots=True)
class Definitions:
    """A section: IDs of the people's choice, each with a definition of one shape.

    What it reads goes to `Reading.define`, because a section may stand in several files.
    """

    section: Section
    id: Notation
    shape: Shape
    build: Callable[..., Any]

    @property
    def allowed(self) -> Text:
        name = self.section.value
        return Text(f"a mapping from IDs to {name}", f"以编号为键的映射（{name}）")

    def read(self, node: Node, place: Place) -> Any:
        if not isinstance(node, Mapping):
            place.reading.incomplete.add(self.section)
            return refuse_type(node, place, self.allowed)
        if not node.whole:
            place.reading.incomplete.add(self.section)
            if self.section is Section.CHANNELS:
                place.reading.hide(node, place)
        for entry in node.entries:
            self._definition(entry, place)
        return None

    def _definition(self, entry: Entry, place: Place) -> None:
        key, below = entry.key, place.below(entry.key)
        if self.section is Section.SERVICES:
            below = below._replace(service=safe_text(key.text, limit=64))
        if self.section is Section.CHANNELS and not _NAME.fullmatch(key.text):
            self._hide(entry, place, below)
            return
        good = self._id_is_good(key, below)
        values = self.shape.read(entry.value, below)
        value = self.build(id=key.text, **values) if good and values is not INVALID else INVALID
        place.reading.define(self.section, Definition(key.text, key, below, value))

    def _hide(self, entry: Entry, place: Place, below: Place) -> None:
        """Refuse a channel whose name may be a secret that slipped out of its place."""
        for node in entry:
            place.reading.hide(node, place)
        name = Text("this name (not shown, it may be a secret)", "此名称（可能含密钥，不予显示）")
        place.problem("bad_id", entry.key, found=name, allowed=self.id.allowed)
        place.reading.define(self.section, Definition(entry.key.text, entry.key, below, INVALID))

    def _id_is_good(self, key: Scalar, place: Place) -> bool:
        good = self.id.read(key, place) is not INVALID
        if not good and self.section is Section.SERVICES:
            place.reading.unreadable_ids = True
        return good

    def schema(self) -> JsonSchema:
        return {
            "type": "object",
            "propertyNames": {"pattern": f"^(?:{self.id.pattern.pattern})$"},
            "additionalProperties": self.shape.schema(),
        }


@dataclass(frozen=True, slots=True)
class WeightedEndpoint:
    """An endpoint: its URL alone, or a mapping with `url` and `weight`."""

    url: Notation
    shape: Shape

    @property
    def allowed(self) -> Text:
        return self.url.allowed

    def read(self, node: Node, place: Place) -> Any:
        if not isinstance(node, Mapping):
            return self.url.read(node, place)
        values = self.shape.read(node, place)
        if values is INVALID:
            return INVALID
        return replace(values["url"], weight=values.get("weight", 1))

    def schema(self) -> JsonSchema:
        return {"anyOf": [self.url.schema(), self.shape.schema()]}
