"""What comes together while the files are read: problems, definitions, and mentions of names.

Room rule: one `Reading` a load, thrown away afterwards; it collects and decides nothing but
whether a problem is confined to one service and how many are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gateway.routing.problem import Path, Problem, make_problem

if TYPE_CHECKING:
    from gateway.errors import Text
    from gateway.routing.yaml_nodes import Node, Scalar

__all__ = ["INVALID", "MAX_PROBLEMS", "Definition", "Mention", "Place", "Reading", "Section"]

MAX_PROBLEMS: Final = 1000
"""Problems that are kept; beyond it they are only counted."""


class Section(Enum):
    """The parts of the file that hold named definitions; the value is the key."""

    DEPARTMENTS = "departments"
    CHANNELS = "channels"
    SERVICES = "services"


class _Invalid(Enum):
    INVALID = "invalid"


INVALID: Final = _Invalid.INVALID
"""Stands for a value whose problem has been reported."""


class Place(NamedTuple):
    """Where the reading stands: `at` is the key that leads here (line and column)."""

    reading: Reading
    file: str
    path: Path = ()
    service: str | None = None
    at: tuple[int, int] = (1, 1)

    def below(self, key: Scalar) -> Place:
        """The place of the value of `key`."""
        at = (key.line, key.column)
        return Place(self.reading, self.file, (*self.path, key.text), self.service, at)

    def item(self, index: int, node: Node) -> Place:
        """The place of the list's item at `index`."""
        at = (node.line, node.column)
        return Place(self.reading, self.file, (*self.path, index), self.service, at)

    def problem(
        self,
        code: str,
        node: Node | None = None,
        *,
        found: str | Text | None = None,
        allowed: str | Text | None = None,
        suggestion: str | None = None,
        first: str = "",
        path: Path | None = None,
    ) -> None:
        """Report a problem at `node`, or at the key that leads here."""
        if self.reading.full:
            self.reading.count(self.service)
            return
        line, column = self.at if node is None else (node.line, node.column)
        self.reading.add(
            make_problem(
                code,
                (self.file, line, column),
                self.path if path is None else path,
                found=found,
                allowed=allowed,
                suggestion=suggestion,
                first=first,
                service=self.service,
            ),
            self.service,
        )


class Mention(NamedTuple):
    """A name or reference that has to be looked up once all files are read."""

    value: Any
    node: Scalar
    place: Place


@dataclass(slots=True)
class Definition:
    """One definition of a department, channel or service; a broken one still counts as defined."""

    id: str
    key: Scalar
    place: Place
    value: Any


@dataclass(slots=True)
class Reading:
    """Everything that one load has met."""

    problems: list[Problem] = field(default_factory=list)
    unlisted: int = 0
    refused: set[str] = field(default_factory=set)
    confined: bool = True
    unreadable_ids: bool = False
    definitions: dict[Section, dict[str, Definition]] = field(
        default_factory=lambda: {section: {} for section in Section}
    )
    mentions: dict[str, list[Mention]] = field(default_factory=dict)
    incomplete: set[Section] = field(default_factory=set)
    hidden: dict[str, list[Node]] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        """Whether further problems are only counted."""
        return len(self.problems) >= MAX_PROBLEMS

    def add(self, problem: Problem, service: str | None) -> None:
        """Take a problem that is confined to `service`, or to none when that is None."""
        self._confine(service)
        self.problems.append(problem)

    def count(self, service: str | None) -> None:
        """Count a problem that is not kept."""
        self._confine(service)
        self.unlisted += 1

    def _confine(self, service: str | None) -> None:
        if service is None:
            self.confined = False
        else:
            self.refused.add(service)

    def mention(self, kind: str, value: object, node: Scalar, place: Place) -> None:
        """Remember a name to be looked up when all files are read."""
        self.mentions.setdefault(kind, []).append(Mention(value, node, place))

    def hide(self, node: Node, place: Place) -> None:
        """Never show this part of the file: it may hold a secret."""
        self.hidden.setdefault(place.file, []).append(node)

    def define(self, section: Section, definition: Definition) -> None:
        """Take a definition; a second one of the same ID is a problem that names both places."""
        known = self.definitions[section].get(definition.id)
        if known is None:
            self.definitions[section][definition.id] = definition
            return
        known.value = INVALID
        definition.place.problem(
            "duplicate_definition",
            definition.key,
            found=definition.id,
            allowed="one definition of each ID",
            first=f"{known.place.file}:{known.key.line}:{known.key.column}",
        )
