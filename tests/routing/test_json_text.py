"""JSON as text: every mistake has its place and its words, and a part is found where it stands."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.routing.json_text import MAX_DEPTH, JsonFault, place_in, read_json


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("", 1, 1, "a value is missing"),
        ('{"a": }', 1, 7, "a value is missing"),
        ('{"a": 1 "b": 2}', 1, 9, "a comma"),
        ('{"a" 1}', 1, 6, "a colon"),
        ("{a: 1}", 1, 2, "a name in double quotes"),
        ('{"a": 1}\n// so', 2, 1, "behind the end"),
        ('{"a": "b', 1, 7, "never closed"),
        ('{"a": "b\nc"}', 1, 9, "control character"),
        ('{"a": "\\x"}', 1, 8, "escape"),
        ('{\n  "NaN": NaN}', 2, 10, "no number"),
        ('["\\"", -Infinity]', 1, 8, "no number"),
        ("[" * 100_000, 1, 1, "deeper"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), 1, 1, "deeper"),
        ("9" * 10_000, 1, 1, "too many digits"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, line: int, column: int, words: str) -> None:
    fault = read_json(text.encode())

    assert isinstance(fault, JsonFault)
    assert (fault.line, fault.column) == (line, column)
    assert words in fault.what.en
    assert fault.what.zh


def test_bytes_that_are_not_utf8_are_told_with_their_place() -> None:
    fault = read_json("\ufeff{\n".encode() + "标题".encode("gb18030"))

    assert isinstance(fault, JsonFault)
    assert (fault.line, fault.column) == (2, 1)
    assert "0xB1" in fault.what.en


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert read_json(b"\xef\xbb\xbf{}") == ("{}", {})


def test_the_deepest_value_that_is_allowed_is_read() -> None:
    assert not isinstance(read_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH), JsonFault)


def test_a_part_is_found_where_it_stands() -> None:
    text = '{\n  "a,\\"": [1, {"b": "]"}, [ ]],\n  "c": {}, "c": {"d": -1.5e3}\n}'

    assert place_in(text, ()) == (1, 1)
    assert place_in(text, ['a,"', 1, "b"]) == (2, 21)
    assert place_in(text, ['a,"', 2]) == (2, 27)
    assert place_in(text, ["c", "d"]) == (3, 23)


def test_what_is_not_there_is_found_as_far_as_it_goes() -> None:
    assert place_in('{"a": [1]}', ["a", 5]) == (1, 7)
    assert place_in('{"a": 1}', ["b"]) == (1, 1)
    assert place_in('{"a": 1}', ["a", "b"]) == (1, 7)
    assert place_in("[1]", ["a"]) == (1, 1)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON_VALUES, st.sampled_from([None, 0, 2]), st.data())
def test_every_part_of_every_value_is_found(
    value: object, indent: int | None, data: st.DataObject
) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    path: list[str | int] = []
    while isinstance(value, dict | list) and value:
        steps: list[str | int] = [*(value if isinstance(value, dict) else range(len(value)))]
        step = data.draw(st.sampled_from(steps))
        path.append(step)
        value = value[step]  # type: ignore[index]  # the step was drawn for this very container

    line, column = place_in(text, path)
    lines = text.split("\n")
    rest = "\n".join([lines[line - 1][column - 1 :], *lines[line:]])
    assert json.JSONDecoder().raw_decode(rest)[0] == value


@given(st.binary(max_size=60) | st.text('{}[]",:\\ntruefalse01. ', max_size=40).map(str.encode))
def test_any_bytes_are_a_value_or_a_fault(data: bytes) -> None:
    read = read_json(data)

    if isinstance(read, JsonFault):
        assert read.line >= 1
        assert read.column >= 1
