"""The JSON Schemas that services name: found, read once each, put into the services.

Room rule: as `gateway.routing.loader`. Files are read with the bounds of `sources`. Mistakes inside
a file are reported there, at their line; lines of it are never shown, since it may be any file.
"""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from gateway.errors import Text
from gateway.routing.json_schema import SchemaFault, read_schema
from gateway.routing.model import PayloadSchema
from gateway.routing.nearest import Nearest
from gateway.routing.reading import INVALID, Place, Section
from gateway.routing.sources import names_in, read_bounded, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from gateway.routing.reading import Mention, Reading

__all__ = ["MAX_SCHEMA", "MAX_SCHEMAS", "PayloadSchemas", "schema_contents"]

MAX_SCHEMA: Final = 1 << 20
"""Bytes of one file."""

MAX_SCHEMAS: Final = 16 << 20
"""Bytes of all of them together."""

_FIELDS: Final = {"request": "request_schema", "reply": "reply_schema"}
_OUTSIDE: Final = Text("a file in the folder of the main file", "主文件所在目录中的文件")
_JSON_FILE: Final = Text("a JSON file", "JSON 文件")
_SIZES: Final = Text(
    f"one file at most {MAX_SCHEMA >> 20} MiB, all together at most {MAX_SCHEMAS >> 20} MiB",
    f"单个文件最多 {MAX_SCHEMA >> 20} MiB，全部最多 {MAX_SCHEMAS >> 20} MiB",
)


class _Absent(NamedTuple):
    """Why there is nothing to read; `near` is a file of the same folder that may be meant."""

    code: str
    allowed: Text
    near: str | None = None


class _Files:
    """Reads files of one folder up to both limits; `contents` is what was sought and found."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.contents: list[tuple[str, bytes | None]] = []
        self._left = MAX_SCHEMAS

    def read(self, name: str) -> bytes | _Absent:
        limit = min(MAX_SCHEMA, self._left)
        try:
            data = read_bounded(self.folder / name, limit)
        except (OSError, ValueError) as error:
            self.contents.append((name, None))
            return self._absent(name, error)
        self.contents.append((name, data))
        self._left -= min(len(data), self._left)
        return _Absent("schema_too_large", _SIZES) if len(data) > limit else data

    def _absent(self, name: str, error: Exception) -> _Absent:
        if not isinstance(error, FileNotFoundError):
            return _Absent("schema_unreadable", _JSON_FILE)
        folder, _, last = name.rpartition("/")
        near = Nearest(names_in(self.folder / folder)).find(last)
        return _Absent("schema_missing", _JSON_FILE, near[0] if near else None)


def schema_contents(main: Path, names: Iterable[str]) -> list[tuple[str, bytes | None]]:
    """Return what `PayloadSchemas.contents` would be after a load that names these files."""
    files = _Files(main.parent)
    for name in names:
        files.read(name)
    return files.contents


class PayloadSchemas:
    """Reads the schemas of one load."""

    def __init__(self, main: Path) -> None:
        self._files = _Files(main.parent)
        self._known: dict[str, Mapping[str, object] | SchemaFault | _Absent] = {}

    @property
    def contents(self) -> list[tuple[str, bytes | None]]:
        """Name (relative to the main file's folder) and bytes of all that was sought, in order.

        What could not be read has None.
        """
        return self._files.contents

    def fill_in(self, reading: Reading, folders: Mapping[str, str]) -> None:
        """Put the schemas into the services of `reading`, and report what is wrong.

        `folders` gives the folder of each routes file, relative to that of the main one.
        """
        for mention in reading.mentions.get("schemas", ()):
            written: PayloadSchema = mention.value
            name = _inside(folders.get(mention.place.file, ""), written.path)
            if name is None:
                mention.place.problem(
                    "schema_outside", mention.node, found=written.path, allowed=_OUTSIDE
                )
                continue
            if name not in self._known:
                self._known[name] = self._read(name)
            known = self._known[name]
            if isinstance(known, _Absent):
                _report_absent(mention, name, known)
            elif isinstance(known, SchemaFault):
                self._report_fault(mention, name, known)
            else:
                _complete(reading, mention, PayloadSchema(name, known))

    def _read(self, name: str) -> Mapping[str, object] | SchemaFault | _Absent:
        data = self._files.read(name)
        return read_schema(data) if isinstance(data, bytes) else data

    def _report_fault(self, mention: Mention, name: str, fault: SchemaFault) -> None:
        place, at = mention.place, (fault.line, fault.column)
        inside = Place(
            place.reading, shown(self._files.folder / name), place.path, place.service, at
        )
        inside.problem(fault.code, found=fault.found, allowed=fault.allowed)


def _inside(folder: str, path: str) -> str | None:
    """The path relative to the main file's folder; None when it leaves that."""
    name = posixpath.normpath(posixpath.join(folder, path))
    leaves = name.startswith(("/", "../")) or name == ".." or path[1:2] == ":"
    return None if leaves else name


def _report_absent(mention: Mention, name: str, absent: _Absent) -> None:
    folder = posixpath.dirname(mention.value.path)
    meant = None if absent.near is None else posixpath.join(folder, absent.near)
    mention.place.problem(
        absent.code, mention.node, found=name, allowed=absent.allowed, suggestion=meant
    )


def _complete(reading: Reading, mention: Mention, schema: PayloadSchema) -> None:
    """Put the schema where the service has an empty one so far."""
    _, service_id, *_, key = mention.place.path
    definition = reading.definitions[Section.SERVICES].get(str(service_id))
    if definition is not None and definition.value is not INVALID:
        field = {_FIELDS[str(key)]: schema}
        definition.value = replace(definition.value, **field)
