"""The JSON Schema: valid itself, and of one mind with the loader, as far as it can say things."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from gateway.routing.schema import file_schema
from tests.routing.files import GOOD, changed, load
from tests.routing.mistakes import MISTAKES, Mistake

ROOT = Path(__file__).parent.parent.parent

NOT_SAID = {
    "control_character", "directive", "multiple_documents",
    "duplicate_key", "duplicate_definition", "duplicate_item", "unknown_department",
    "grant_without_service", "secret_shared", "reply_topic_same", "include_outside",
    "include_missing", "include_folder_missing", "include_unreadable", "include_itself", "alias",
    "tag", "merge_key",
    "bad_number", "out_of_range", "quotes_needed", "bad_boolean", "bad_endpoint", "bad_version",
    "bad_key_rule",
    "spill_after_too_long", "status_topic_same", "unknown_channel", "case_reader_itself",
    "callback_internal", "schema_outside", "schema_missing", "schema_unreadable",
    "schema_too_large", "schema_not_json", "schema_draft", "schema_invalid", "schema_reference",
}  # fmt: skip
"""Mistakes that a schema sees in part or not at all: they are the loader's."""


def validator(*, included: bool = False) -> Draft202012Validator:
    schema = file_schema(included=included)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def parsed(text: str) -> Any:
    """The file as an editor's YAML reader sees it."""
    return yaml.safe_load(text)


@pytest.mark.parametrize("text", [GOOD, (ROOT / "routes.yaml").read_text("utf-8"), "version: 1\n"])
def test_good_files_are_valid(text: str) -> None:
    assert list(validator().iter_errors(parsed(text))) == []


def readable(mistake: Mistake) -> bool:
    try:
        return isinstance(parsed(mistake.text), dict)
    except (yaml.YAMLError, TypeError, RecursionError):
        return False


@pytest.mark.parametrize(
    "mistake",
    [mistake for mistake in MISTAKES if readable(mistake) and mistake.code not in NOT_SAID],
    ids=lambda mistake: f"{mistake.code}:{mistake.new[-30:]!a}",
)
def test_what_the_loader_refuses_the_schema_refuses(mistake: Mistake) -> None:
    assert not validator().is_valid(parsed(mistake.text))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("timeout: 3s", "timeout: 0.5s"),
        ("timeout: 3s", "timeout: 30d"),
        ("rate: 20/s", "rate: unlimited"),
        ("max_in_flight: 200", "max_in_flight: unlimited"),
        ("burst: 7", "burst: 1"),
        ("weight: 2", "weight: 0"),
        ("[GET, POST]", "[OPTIONS]"),
        ("http://127.0.0.1:9101", '"http://[::1]:1"'),
        ("path: /api/v2", "path: /%E7%BC%B4"),
        ("header:X-Subject", "query:a.b"),
        ("[env:APP_KEY]", "[env:A, file:b/c]"),
        ('"320205"', '"320205001"'),
        ("share: 10%", "share: 0.5%"),
        ('["*"]', '["*", edu.payment]'),
    ],
)
def test_what_the_loader_takes_the_schema_takes(old: str, new: str, tmp_path: Path) -> None:
    text = changed(old, new)

    assert load(tmp_path, text).problems == ()
    assert validator().is_valid(parsed(text))


def test_an_included_file_needs_no_version_and_takes_no_include() -> None:
    assert validator(included=True).is_valid({"services": {}})
    assert not validator(included=True).is_valid({"include": ["a.yaml"]})
    assert not validator().is_valid({"services": {}})


def test_every_key_is_explained() -> None:
    def unexplained(schema: dict[str, Any]) -> list[str]:
        names = [
            key for key, value in schema.get("properties", {}).items() if "description" not in value
        ]
        for value in schema.get("properties", {}).values():
            names += unexplained(value)
        additional = schema.get("additionalProperties")
        return names + (unexplained(additional) if isinstance(additional, dict) else [])

    assert unexplained(file_schema()) == []
