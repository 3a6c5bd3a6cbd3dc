"""Schema files: what is taken can be used, what is not is told at its place in the file."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema_rs import ValidationError

from gateway.policies.payload_schema import PayloadCheck
from gateway.routing.json_schema import DIALECT, SchemaFault, compiled_schema, read_schema

GOOD: list[dict[str, Any]] = [
    {},
    {"$schema": DIALECT, "type": "object"},
    {"$ref": "#/$defs/a", "$defs": {"a": {"type": "string", "format": "date"}}},
    {"$ref": "#name", "$defs": {"a": {"$anchor": "name"}}},
    {"$id": "https://e.example/a", "$ref": "/b", "$defs": {"b": {"$id": "/b"}}},
    {"$ref": DIALECT},
    {"$ref": "#"},
    {"format": "int64"},
    {"properties": {"$ref": {"type": "string"}}},
    {"pattern": "^(a+)+$"},
]
BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"type": "nubmer"}, "schema_invalid", "/type: "),
    ({"minimum": "3"}, "schema_invalid", "/minimum: "),
    ({"items": [{}]}, "schema_invalid", "/items: "),
    ({"pattern": "("}, "schema_invalid", "/pattern: a pattern"),
    ({"pattern": "(?=a)b"}, "schema_invalid", "linear time"),
    ({"format": "dat"}, "schema_invalid", "/format: an unknown format"),
    ({"$schema": "http://json-schema.org/draft-07/schema#"}, "schema_draft", "draft-07"),
    ({"$schema": 7}, "schema_draft", "7"),
    ({"$ref": "https://schemas.example/a.json"}, "schema_reference", "https://schemas.example"),
    ({"$ref": "file:///etc/hostname"}, "schema_reference", "file:///etc/hostname"),
    ({"$ref": "other.json"}, "schema_reference", "other.json"),
    ({"$ref": "#/$defs/none"}, "schema_reference", "#/$defs/none"),
    ({"$dynamicRef": "#none"}, "schema_reference", "#none"),
]


def text_of(document: object) -> bytes:
    return json.dumps(document, indent=1).encode()


@pytest.mark.parametrize("document", GOOD, ids=str)
def test_a_good_schema_is_read_as_it_is(document: dict[str, Any]) -> None:
    assert read_schema(text_of(document)) == document


@pytest.mark.parametrize(("document", "code", "found"), BAD, ids=str)
def test_a_bad_schema_is_one_mistake_at_its_place(
    document: dict[str, Any], code: str, found: str
) -> None:
    fault = read_schema(text_of({"title": "made up", **document}))

    assert isinstance(fault, SchemaFault)
    assert (fault.code, fault.line) == (code, 3)
    told = fault.found if isinstance(fault.found, str) else fault.found.en
    assert found in told


@pytest.mark.parametrize("document", GOOD, ids=str)
def test_what_the_loader_takes_the_check_of_bodies_can_use(document: dict[str, Any]) -> None:
    PayloadCheck(document)


# A schema of another draft is refused by the loader alone: the check would read it as 2020-12.
UNUSABLE = [document for document, _, found in BAD if found != "draft-07"]


@pytest.mark.parametrize("document", UNUSABLE, ids=str)
def test_what_the_check_of_bodies_cannot_use_the_loader_refuses(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        PayloadCheck(document)


def test_the_reference_that_leads_nowhere_is_found_among_others() -> None:
    document = {"$defs": {"a": {}}, "allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}]}

    fault = read_schema(json.dumps(document, indent=1).encode())

    assert isinstance(fault, SchemaFault)
    assert (fault.line, fault.found) == (10, "#/$defs/b")


def test_a_text_that_is_no_object_is_no_schema() -> None:
    for data in (b"[]", b"true", b'"a"'):
        fault = read_schema(data)
        assert isinstance(fault, SchemaFault)
        assert fault.code == "schema_invalid"


def test_a_text_that_is_not_unicode_is_told() -> None:
    fault = read_schema(b'{"title": "\\ud800"}')

    assert isinstance(fault, SchemaFault)
    assert fault.code == "schema_invalid"


def test_a_compiled_schema_checks_and_asserts_formats() -> None:
    check = compiled_schema({"format": "date"})

    check.validate("2024-01-31")
    with pytest.raises(ValidationError):
        check.validate("2024-01-32")
