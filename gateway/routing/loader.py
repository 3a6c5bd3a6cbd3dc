"""routes.yaml to `Routes`: everything that is good, and every problem with its place.

Room rule: strict and total. It raises only when the main file cannot be read; whatever the bytes,
it ends with routes, problems or both. A mistake inside one service leaves out that service; any
other leaves `routes` None.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from posixpath import dirname
from typing import TYPE_CHECKING, Final

from gateway.errors import Text
from gateway.routing.channel_format import CHANNEL_KEYS
from gateway.routing.excerpts import Excerpts
from gateway.routing.file_format import FILE, INCLUDED
from gateway.routing.model import Routes
from gateway.routing.nearest import Nearest
from gateway.routing.notations import ID
from gateway.routing.payload_schemas import PayloadSchemas, schema_contents
from gateway.routing.problem import Path, Problem, make_problem, safe_text
from gateway.routing.reading import INVALID, Place, Reading, Section
from gateway.routing.references import check_references
from gateway.routing.sources import (
    MAX_FILE,
    MAX_TOTAL,
    Included,
    digest_of,
    included_files,
    read_main,
    shown,
)
from gateway.routing.value_kinds import INCLUDE
from gateway.routing.yaml_nodes import (
    Allowance,
    Broken,
    Mapping,
    Node,
    Scalar,
    Sequence,
    read_document,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path as FilePath

    from gateway.routing.model import SecretRef
    from gateway.routing.shapes import Shape
    from gateway.routing.yaml_faults import Fault

__all__ = ["ContentDigest", "Loaded", "SecretPlace", "load_routes"]

_KEY: Final = re.compile(r"[a-z_]{1,32}")
_LINE_END: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """Where a reference to a secret stands; lines and columns count from 1."""

    file: str
    line: int
    column: int
    path: Path


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one load brought.

    `routes` holds all that is good; it is None when a problem is not confined to one service.
    `refused` are the IDs of services that have problems. `ids_unreadable` is true when a service
    has a name that cannot be an ID, so that it is not known which service was meant. `sources`
    are the names of the files that were read, `schemas` those of the JSON Schemas that services
    name (relative to the folder of the main file), `digest` names the contents of all.
    """

    routes: Routes | None
    problems: tuple[Problem, ...]
    sources: tuple[str, ...]
    schemas: tuple[str, ...]
    digest: str
    refused: frozenset[str]
    ids_unreadable: bool
    secrets: dict[SecretRef, SecretPlace]


def load_routes(path: FilePath) -> Loaded:
    """Load the file and what it includes.

    Raises `gateway.routing.sources.UnreadableFileError` when `path` cannot be read.
    """
    return _Load(path).run()


class ContentDigest:
    """The digest of a file and what it names, without loading them: cheap to ask every second."""

    def __init__(self, path: FilePath) -> None:
        self._path = path
        self._main = b""
        self._items: tuple[str, ...] = ()

    def current(self, schemas: Iterable[str] = ()) -> str:
        """Return the digest as `Loaded.digest` would be.

        `schemas` are those of the load before: while the files are the same, so are they.
        Raises `gateway.routing.sources.UnreadableFileError` when the main file cannot be read.
        """
        data = read_main(self._path)
        main = hashlib.sha256(data).digest()
        if main != self._main:
            self._items = tuple(item.text for item in _include_items(_root_of(data)))
            self._main = main
        included = included_files(self._path, self._items)
        files = [("", data), *((file.name, file.data) for file in included)]
        return digest_of([*files, *schema_contents(self._path, schemas)])


def _root_of(data: bytes) -> Node | None:
    if b"include" not in data or len(data) > MAX_FILE:
        return None
    return read_document(data, Allowance()).root


def _include_items(root: Node | None) -> list[Scalar]:
    """The scalars below `include` that can be paths, in their order."""
    if not isinstance(root, Mapping):
        return []
    lists = (entry.value for entry in root.entries if entry.key.text == "include")
    return [
        item
        for node in lists
        if isinstance(node, Sequence)
        for item in node.items
        if isinstance(item, Scalar) and INCLUDE.pattern.fullmatch(item.text)
    ]


def _showable(path: Path) -> Path:
    """The path of a fault up to what is no known kind of key, since it may be a secret."""
    section, *rest = path or ("",)
    if section not in FILE.keys:
        return ()
    shown: list[str | int] = [section]
    for step in rest:
        pattern = ID if len(shown) == 1 else _KEY
        private = section == Section.CHANNELS.value and len(shown) > 1 and step not in CHANNEL_KEYS
        if isinstance(step, str) and (private or not pattern.fullmatch(step)):
            break
        shown.append(step)
    return tuple(shown)


class _Load:
    """One load, from the main file to the result."""

    def __init__(self, path: FilePath) -> None:
        self._path = path
        self._reading = Reading()
        self._allowance = Allowance()
        self._excerpts: dict[str, Excerpts] = {}
        self._contents: list[tuple[str, bytes | None]] = []
        self._folders: dict[str, str] = {}
        self._schemas = PayloadSchemas(path)

    def run(self) -> Loaded:
        data = read_main(self._path)
        self._contents.append(("", data))
        main = Place(self._reading, shown(self._path))
        if len(data) > MAX_FILE:
            self._too_large(main, MAX_FILE)
            return self._result()
        items = _include_items(self._read(main, data, FILE))
        for file in included_files(self._path, [item.text for item in items]):
            self._contents.append((file.name, file.data))
            self._include(file, items[file.item])
        self._schemas.fill_in(self._reading, self._folders)
        check_references(self._reading)
        return self._result()

    def _read(self, place: Place, data: bytes, shape: Shape) -> Node | None:
        """Read one file into the reading; return its root."""
        document = read_document(data, self._allowance)
        self._excerpts[place.file] = Excerpts(document.text, complete=document.complete)
        for fault in document.faults:
            self._fault(place, fault, stops=not document.complete and fault is document.faults[-1])
        root = document.root
        if not document.complete or not isinstance(root, Mapping):
            self._reading.incomplete.update(Section)
        if not document.complete and not isinstance(root, Mapping):
            return None
        if root is None or (isinstance(root, Scalar) and root.plain and not root.text):
            place.problem("file_empty", allowed="version: 1")
            return None
        if isinstance(root, Mapping) and any(e.key.text not in shape.keys for e in root.entries):
            self._reading.incomplete.update(Section)
        if document.complete and isinstance(root, Mapping) and not root.whole:
            self._reading.hide(root, place)
        shape.read(root, place)
        return root

    def _fault(self, place: Place, fault: Fault, *, stops: bool) -> None:
        inside = fault.path[:1] == (Section.SERVICES.value,) and len(fault.path) > 1
        service = safe_text(str(fault.path[1]), limit=64) if inside and not stops else None
        found, suggestion = fault.found, fault.suggestion
        grant = fault.path[:1] == (Section.CHANNELS.value,) and fault.path[2:3] == ("services",)
        open_part = fault.path[:1] in ((Section.SERVICES.value,), (Section.DEPARTMENTS.value,))
        if fault.code in ("alias", "tag", "quotes_needed") and not (open_part or grant):
            self._reading.hide(Broken(fault.line, fault.column, fault.line, _LINE_END), place)
            found, suggestion = Text("this value", "此值"), None
        elif grant and fault.code == "alias" and isinstance(found, str) and found[:1] == "*":
            suggestion = f'"{found}"'
        Place(self._reading, place.file, _showable(fault.path), service).problem(
            fault.code,
            Broken(fault.line, fault.column, fault.line, fault.column),
            found=found,
            allowed=fault.allowed,
            suggestion=suggestion,
        )

    def _include(self, file: Included, item: Scalar) -> None:
        place = Place(self._reading, shown(self._path.parent / file.name))
        self._folders[place.file] = dirname(file.name)
        if file.code == "file_too_large":
            self._too_large(place, min(MAX_FILE, MAX_TOTAL))
        elif file.code is not None:
            self._reading.incomplete.update(Section)
            self._refuse_item(file, item)
        else:
            self._read(place, file.data or b"", INCLUDED)

    def _refuse_item(self, file: Included, item: Scalar) -> None:
        mentions = self._reading.mentions.get("includes", ())
        mention = next((mention for mention in mentions if mention.node is item), None)
        if mention is None:
            return
        folder, slash, name = file.name.rpartition("/")
        near = Nearest(file.names).find(name)
        rest = item.text.removeprefix(file.name)
        mention.place.problem(
            file.code or "include_unreadable",
            item,
            found=file.name,
            allowed=Text("a file in the folder of the main file", "主文件所在目录中的文件"),
            suggestion=f"{folder}{slash}{near[0]}{rest}" if near else None,
        )

    def _too_large(self, place: Place, limit: int) -> None:
        self._reading.incomplete.update(Section)
        place.problem("file_too_large", allowed=f"{limit >> 20} MiB")

    def _result(self) -> Loaded:
        reading = self._reading
        schemas = self._schemas.contents
        digest = digest_of([*self._contents, *schemas])
        return Loaded(
            routes=self._routes(digest) if reading.confined else None,
            problems=tuple(self._problems()),
            sources=tuple(self._excerpts),
            schemas=tuple(name for name, _ in schemas),
            digest=digest,
            refused=frozenset(reading.refused),
            ids_unreadable=reading.unreadable_ids,
            secrets=self._secrets(),
        )

    def _secrets(self) -> dict[SecretRef, SecretPlace]:
        """Each reference with the first of its places, in the order of the files."""
        places: dict[SecretRef, SecretPlace] = {}
        for value, node, place in self._reading.mentions.get("secrets", ()):
            places.setdefault(value, SecretPlace(place.file, node.line, node.column, place.path))
        return places

    def _routes(self, digest: str) -> Routes:
        defined = {
            section: {
                name: definition.value
                for name, definition in definitions.items()
                if definition.value is not INVALID
                and not (section is Section.SERVICES and name in self._reading.refused)
            }
            for section, definitions in self._reading.definitions.items()
        }
        return Routes(
            defined[Section.DEPARTMENTS],
            defined[Section.CHANNELS],
            defined[Section.SERVICES],
            digest,
        )

    def _problems(self) -> list[Problem]:
        inner = (shown(self._path.parent / name) for name, _ in self._schemas.contents)
        order = {name: index for index, name in enumerate((*self._excerpts, *inner))}
        problems = sorted(
            self._reading.problems,
            key=lambda problem: (order.get(problem.file, -1), problem.line, problem.column),
        )
        for name, excerpts in self._excerpts.items():
            excerpts.prepare(self._reading.hidden.get(name, ()), problems, name)
        shown_problems = [
            replace(problem, excerpt=self._excerpts[problem.file].of(problem))
            if problem.file in self._excerpts
            else problem
            for problem in problems
        ]
        if self._reading.unlisted:
            last = shown_problems[-1]
            count = str(self._reading.unlisted)
            place = (last.file, last.line, last.column)
            shown_problems.append(make_problem("too_many_problems", place, found=count))
        return shown_problems
