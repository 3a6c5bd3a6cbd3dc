"""A body against its schema: every violation by place and rule, never what stands there.

The numbers and names of people here are made up.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gateway.policies.payload_schema import MOST, PARTS, PayloadCheck

if TYPE_CHECKING:
    from gateway.errors import Violation

JSON: Final = b"application/json"
MADE_UP_ID: Final = "110101199001010000"

APPLICATION: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["name", "born"],
    "properties": {
        "name": {"type": "string", "minLength": 2, "maxLength": 4},
        "born": {"type": "string", "format": "date"},
        "phone": {"type": ["string", "null"], "pattern": "^1[0-9]{10}$"},
        "kind": {"enum": ["new", "renewal"]},
        "children": {"type": "array", "maxItems": 2, "items": {"$ref": "#/$defs/person"}},
    },
    "additionalProperties": False,
    "$defs": {"person": {"type": "object", "additionalProperties": {"type": "integer"}}},
}


def violations(schema: dict[str, Any], body: object) -> tuple[Violation, ...]:
    return PayloadCheck(schema).problems(json.dumps(body).encode(), JSON)


def places(schema: dict[str, Any], body: object) -> list[tuple[str, str]]:
    return [(found.pointer, found.rule) for found in violations(schema, body)]


def raw(body: bytes, content_type: bytes | None = JSON) -> list[str]:
    return [found.rule for found in PayloadCheck({}).problems(body, content_type)]


# --- what is told -------------------------------------------------------------------------------


def test_a_body_that_keeps_to_the_schema_has_no_violations() -> None:
    assert violations(APPLICATION, {"name": "某人", "born": "1990-01-01", "phone": None}) == ()


def test_all_violations_are_told_with_their_place_and_rule() -> None:
    body = {"name": "", "phone": "12", "kind": "x", "children": [1, {}, {}], "more": 1}
    assert sorted(places(APPLICATION, body)) == [
        ("", "additionalProperties"),
        ("", "required"),
        ("/children", "maxItems"),
        ("/children/0", "type"),
        ("/kind", "enum"),
        ("/name", "minLength"),
        ("/phone", "pattern"),
    ]


@pytest.mark.parametrize(
    ("schema", "body", "english", "chinese"),
    [
        ({"minimum": 3}, 1, "must be at least 3", "不得小于 3"),
        ({"exclusiveMaximum": 1.5}, 2, "must be less than 1.5", "必须小于 1.5"),
        ({"maxLength": 3}, "made up", "must have at most 3 characters", "最多只能有 3 个字符"),
        ({"type": "object"}, 1, "must be an object", "必须是对象"),
        ({"type": ["null", "array"]}, 1, "must be an array or null", "必须是数组或空值"),
        ({"required": ["名"]}, {}, 'lacks the property "名"', '缺少属性 "名"'),
        ({"enum": ["甲", 1]}, 2, 'must be one of "甲", 1', '只能取以下值之一："甲", 1'),
        ({"const": {"a": 1}}, 2, 'must be {"a": 1}', '必须为 {"a": 1}'),
        ({"format": "uuid"}, "x", "must have the format uuid (123e4567", "必须符合 uuid (123e"),
        ({"format": "hostname"}, "-", "must have the format hostname", "必须符合 hostname 格式"),
        ({"pattern": "^a$"}, "b", 'must match the pattern "^a$"', '必须符合正则表达式 "^a$"'),
        ({"contains": {"const": 1}}, [2], "must have an item", "必须含有"),
        ({"contains": {"const": 1}, "maxContains": 1}, [1, 1], "has too many items", "过多"),
        ({"propertyNames": {"maxLength": 2}}, {"abc": 1}, "name must have at most 2", "属性名"),
        ({"properties": {"a": False}}, {"a": 1}, "is not allowed", "不允许出现"),
    ],
)
def test_the_text_says_what_is_allowed(
    schema: dict[str, Any], body: object, english: str, chinese: str
) -> None:
    (found,) = violations(schema, body)
    assert english in found.message.en
    assert chinese in found.message.zh


def test_a_pointer_escapes_what_rfc_6901_says() -> None:
    assert places({"properties": {"a/b~c": {"type": "null"}}}, {"a/b~c": 1}) == [
        ("/a~1b~0c", "type")
    ]


def test_the_limit_of_contains_has_its_own_rule() -> None:
    schema = {"contains": {"const": 1}, "minContains": 2}
    assert places(schema, [1]) == [("", "minContains")]


def test_of_a_choice_the_form_that_was_meant_is_told_as_well() -> None:
    home = {"properties": {"kind": {"const": "home"}, "room": {"type": "integer"}}}
    away = {"properties": {"kind": {"const": "away"}}, "required": ["country"]}
    found = places({"oneOf": [home, away, {"type": "string"}]}, {"kind": "home", "room": "x"})
    assert found == [("", "oneOf"), ("/room", "type")]


def test_a_long_list_of_allowed_values_is_cut() -> None:
    (found,) = violations({"enum": [f"value {number}" for number in range(1000)]}, "x")
    assert len(found.message.en) < 300
    assert found.message.en.endswith("…")


def test_more_violations_than_are_shown_are_said_to_be_there() -> None:
    properties = {f"p{number}": {"type": "null"} for number in range(60)}
    found = violations({"properties": properties}, dict.fromkeys(properties, 1))
    assert [one.rule for one in found] == ["type"] * MOST + ["more"]


def test_exactly_as_many_as_are_shown_are_all() -> None:
    properties = {f"p{number}": {"type": "null"} for number in range(MOST)}
    assert len(violations({"properties": properties}, dict.fromkeys(properties, 1))) == MOST


# --- what is never told -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {"name": MADE_UP_ID, "born": MADE_UP_ID, "phone": MADE_UP_ID, "kind": MADE_UP_ID},
        {MADE_UP_ID: MADE_UP_ID},
        {"children": [{MADE_UP_ID: MADE_UP_ID}]},
        {"children": MADE_UP_ID},
        int(MADE_UP_ID),
    ],
)
def test_neither_a_value_nor_a_property_that_the_schema_does_not_know_is_shown(
    body: object,
) -> None:
    found = violations(APPLICATION, body)
    assert found
    assert MADE_UP_ID not in str(found)


def test_an_unknown_property_is_told_at_the_object_that_has_it() -> None:
    (found, *_) = violations(
        {"additionalProperties": {"type": "object", "properties": {"a": {"type": "null"}}}},
        {MADE_UP_ID: {"a": 1}},
    )
    assert (found.pointer, found.rule) == ("", "type")
    assert "unknown property" in found.message.en
    assert "未知属性" in found.message.zh


def test_places_that_cannot_be_told_apart_are_told_once() -> None:
    schema = {"additionalProperties": {"type": "null"}}
    assert len(violations(schema, {"a": 1, "b": 2, "c": 3})) == 1


def test_an_unexpected_property_is_named_when_it_stands_elsewhere_in_the_schema() -> None:
    schema = {"properties": {"a": {"properties": {"b": {}}}}, "additionalProperties": False}
    (found,) = violations(schema, {"b": 1, MADE_UP_ID: 2, "+" + MADE_UP_ID: 3})
    assert found.message.en == 'must not have 2 unknown properties and "b"'
    assert found.message.zh == '不允许含有 2 个未知属性和 "b"'


def test_a_name_of_digits_is_not_taken_for_the_number_of_an_item() -> None:
    schema = {"properties": {"7": {"type": "null"}}, "additionalProperties": {"type": "null"}}
    assert places(schema, {"007": 1}) == [("", "type")]
    assert places(schema, {"7": 1}) == [("/7", "type")]


# --- bodies that are no JSON, or too much of it -------------------------------------------------


@pytest.mark.parametrize(
    "content_type",
    [None, b"", b"application/json", b"Application/JSON; charset=utf-8", b"application/cose+json"],
)
def test_a_content_type_of_json_or_none_is_read(content_type: bytes | None) -> None:
    assert raw(b"1", content_type) == []


@pytest.mark.parametrize("content_type", [b"text/plain", b"application/jsonp", b"multipart/x"])
def test_another_content_type_is_refused(content_type: bytes) -> None:
    assert raw(b"1", content_type) == ["contentMediaType"]


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"{", b"NaN", b"Infinity", b"-", b"1e400", b"\xff", b'"\\ud800"', b"\xef\xbb\xbf1",
     b"1" * 5000, b"{} {}", b"'a'"],
)  # fmt: skip
def test_what_is_no_json_is_refused(body: bytes) -> None:
    assert raw(body) == ["json"]


def test_the_place_where_it_ceases_to_be_json_is_told() -> None:
    (found,) = PayloadCheck({}).problems(b'{"a": 1,\n "b": x}', JSON)
    assert "line 2, column 7" in found.message.en
    assert "第 2 行第 7 列" in found.message.zh


@pytest.mark.parametrize("levels", [260, 1000, 1_000_000])
@pytest.mark.parametrize("schema", [{}, {"type": "object"}, {"items": {"$ref": "#"}}])
def test_nesting_without_an_end_is_refused(levels: int, schema: dict[str, Any]) -> None:
    (found,) = PayloadCheck(schema).problems(b"[" * levels + b"]" * levels, JSON)
    assert found.rule == "depth"


def test_nesting_up_to_the_limit_is_read() -> None:
    assert raw(b"[" * 250 + b"]" * 250) == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "a": 1}',
        b'[{"b": {"a": 1, "\\u0061": 2}}]',
        b'{"a": 1, "a": "x", "b": "\\u003a"}',
        b'{"a": {"c": ":"}, "a": ":::::"}',
    ],
)
def test_the_same_property_twice_is_refused(body: bytes) -> None:
    assert raw(body) == ["uniqueNames"]


@given(
    st.recursive(
        st.text(st.sampled_from(':"\\{},a')) | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.sampled_from(':"\\,a')), inner),
    ),
    st.booleans(),
)
def test_no_body_is_taken_for_one_with_the_same_property_twice(value: Any, ascii_: bool) -> None:  # noqa: FBT001  # drawn
    body = json.dumps(value, ensure_ascii=ascii_).replace(":", "\\u003a" if ascii_ else ":")
    body = body if not ascii_ else json.dumps(value).replace('":', '" :')
    assert raw(body.encode()) == []


def test_an_integer_beyond_64_bits_is_an_integer() -> None:
    assert PayloadCheck({"type": "integer"}).problems(b"9" * 30, JSON) == ()


def test_of_a_large_body_the_first_violation_is_told_and_that_there_may_be_more() -> None:
    body = b"[" + b"1," * PARTS + b"1]"
    found = PayloadCheck({"items": {"type": "null"}}).problems(body, JSON)
    assert [(one.pointer, one.rule) for one in found] == [("/0", "type"), ("", "more")]
    assert "first" in found[-1].message.en


def test_a_pattern_that_would_backtrack_for_ever_ends() -> None:
    assert places({"pattern": "^(a+)+$"}, "a" * 100_000 + "!") == [("", "pattern")]


# --- schemas ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "schema", [{"type": "strng"}, {"pattern": "(?=a)"}, {"$ref": "https://example.com/a.json"}]
)
def test_what_the_loader_refuses_is_no_schema_here_either(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"strng|regex|example"):
        PayloadCheck(schema)


def test_the_formats_of_openapi_that_restrict_nothing_are_taken() -> None:
    assert violations({"format": "int64"}, "x") == ()


def test_a_frozen_document_is_taken() -> None:
    frozen = MappingProxyType({"properties": MappingProxyType({"a": {"type": "null"}})})
    (found,) = PayloadCheck(frozen).problems(b'{"a": 1}', JSON)
    assert found.pointer == "/a"


SCHEMAS: Final = st.recursive(
    st.sampled_from(
        [
            {}, {"type": "integer"}, {"type": ["string", "null"]}, {"minimum": 2}, {"maxLength": 1},
            {"enum": [1, "a"]}, {"const": 0}, {"required": ["a"]}, {"uniqueItems": True},
            {"minItems": 1}, {"maxProperties": 1}, {"pattern": "^a"}, {"multipleOf": 2},
        ]
    ),
    lambda inner: st.one_of(
        st.builds(lambda s: {"properties": {"a": s, "0": s}}, inner),
        st.builds(lambda s: {"additionalProperties": s, "properties": {"a": {}}}, inner),
        st.builds(lambda s: {"items": s}, inner),
        st.builds(lambda s: {"contains": s}, inner),
        st.builds(lambda s: {"not": s}, inner),
        st.builds(lambda s: {"propertyNames": s}, inner),
        st.builds(lambda s, t: {"anyOf": [s, t]}, inner, inner),
        st.builds(lambda s, t: {"oneOf": [s, t]}, inner, inner),
        st.builds(lambda s, t: {"allOf": [s, t], "unevaluatedProperties": False}, inner, inner),
    ),
    max_leaves=5,
)  # fmt: skip

BODIES: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", MADE_UP_ID]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "0", "00", MADE_UP_ID, "~/"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(SCHEMAS, BODIES)
def test_any_body_is_judged_as_the_reference_implementation_does_and_shows_nothing(
    schema: dict[str, Any], body: Any
) -> None:
    found = violations(schema, body)
    assert (found == ()) == Draft202012Validator(schema).is_valid(body)
    assert MADE_UP_ID not in str(found)
