"""A JSON Schema file (2020-12): its document, or the first mistake in it and where it stands.

Room rule: pure. What is taken here can be used by the check of bodies: the same library, the same
options. Nothing outside a file is ever fetched: a reference that leaves it is a mistake.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from jsonschema_rs import Draft202012Validator, RegexOptions, ValidationError

from gateway.errors import Text
from gateway.routing.json_text import JsonFault, place_in, read_json
from gateway.routing.problem import safe_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["ANNOTATIONS", "DIALECT", "SchemaFault", "compiled_schema", "read_schema"]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

ANNOTATIONS: Final = ("binary", "byte", "double", "float", "int32", "int64", "password")
"""Formats of OpenAPI that describe and restrict nothing; any other unknown format is an error."""

_LONGEST: Final = 300
_REFERENCES: Final = ("$ref", "$dynamicRef")
_WANTED: Final = Text("an object of JSON Schema 2020-12", "JSON Schema 2020-12 对象")
_INSIDE: Final = Text("a reference inside the file", "文件内的引用")
_TYPES: Final = Text(*["object, array, string, integer, number, boolean or null"] * 2)
_PATTERN: Final = Text(
    "a pattern without look-around and back-references",
    "不含环视和反向引用的正则表达式",
)


class SchemaFault(NamedTuple):
    """The mistake as a problem code with its texts; line and column count from 1."""

    code: str
    line: int
    column: int
    found: str | Text
    allowed: str | Text | None = None


def compiled_schema(document: Mapping[str, object]) -> Draft202012Validator:
    """Return the validator of a schema.

    `format` is asserted, patterns are matched in linear time (no look-around, no back-references).
    Raises `jsonschema_rs.ValidationError` for what is no such schema, or else ValueError.
    """
    return Draft202012Validator(
        json.dumps(document, default=dict),
        validate_formats=True,
        ignore_unknown_formats=False,
        formats=dict.fromkeys(ANNOTATIONS, _anything),
        pattern_options=RegexOptions(),
        offline=True,
    )


def _anything(_value: str) -> bool:
    return True


def read_schema(data: bytes) -> Mapping[str, object] | SchemaFault:
    """Return the schema that a file holds, or the first mistake in it. Never raises."""
    read = read_json(data)
    if isinstance(read, JsonFault):
        return SchemaFault("schema_not_json", read.line, read.column, read.what)
    text, document = read
    if not isinstance(document, dict):
        return _invalid(text, (), Text("it is not an object", "不是对象"))
    dialect = document.get("$schema", DIALECT)
    if not isinstance(dialect, str) or dialect.removesuffix("#") != DIALECT:
        place = place_in(text, ["$schema"])
        return SchemaFault("schema_draft", *place, str(dialect), f'"$schema": "{DIALECT}"')
    try:
        compiled_schema(document)
    except ValidationError as error:
        return _first_mistake(text, document, error)
    except ValueError as error:
        return _invalid(text, (), _shown(str(error)))
    return document


def _first_mistake(text: str, document: object, error: ValidationError) -> SchemaFault:
    path = error.instance_path
    if error.kind.name == "$ref":
        reference_path, reference = _unfollowed(document, error.message)
        place = place_in(text, reference_path)
        return SchemaFault("schema_reference", *place, reference, _INSIDE)
    if path[-1:] == ["format"]:
        what = Text("an unknown format", "未知的 format")
    elif path[-1:] == ["type"] and error.kind.name == "anyOf":
        return _invalid(text, path, Text("an unknown type", "未知的 type"), _TYPES)
    elif error.kind.name == "format" and "regex" in error.message:
        what = Text(
            "a pattern that is malformed, or that cannot be matched in linear time",
            "正则表达式有误，或无法在线性时间内匹配",
        )
        return _invalid(text, path, what, _PATTERN)
    else:
        what = _shown(error.message)
    return _invalid(text, path, what)


def _shown(message: str) -> Text:
    shown = safe_text(message, limit=_LONGEST)
    return Text(shown, shown)


def _invalid(
    text: str, path: Sequence[str | int], what: Text, allowed: Text = _WANTED
) -> SchemaFault:
    pointer = safe_text("".join(f"/{step}" for step in path), limit=_LONGEST)
    found = Text(f"{pointer}: {what.en}", f"{pointer}：{what.zh}") if pointer else what
    return SchemaFault("schema_invalid", *place_in(text, path), found, allowed)


def _unfollowed(document: object, message: str) -> tuple[Sequence[str | int], str]:
    """The reference that could not be followed; the library's message only says to where."""
    references = list(_references(document, ()))
    for path, reference in references:
        target = reference.removeprefix("#")
        if target and (f"'{target}'" in message or f"/{target}'" in message):
            return path, reference
    outer = [one for one in references if not one[1].startswith("#")] or references
    return outer[0] if outer else ((), message)


def _references(
    value: object, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield all references with their paths, in the order of the text."""
    if isinstance(value, str) and path and path[-1] in _REFERENCES:
        yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _references(inner, (*path, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _references(inner, (*path, index))
