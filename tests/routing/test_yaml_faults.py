"""Bytes that are no text, and errors of the YAML library told so that a clerk finds the place."""

from __future__ import annotations

import pytest

from gateway.routing.yaml_faults import Fault, text_faults
from gateway.routing.yaml_nodes import Allowance, read_document


def first_fault(text: str) -> Fault:
    return read_document(text.encode(), Allowance()).faults[0]


def test_text_that_is_not_utf8_is_placed_by_characters() -> None:
    data = "version: 1\n# 教育".encode() + "局".encode("gb18030")

    assert text_faults(data)[1] == [Fault("not_utf8", 2, 5, found="0xBE")]


def test_utf16_is_not_taken() -> None:
    assert text_faults("a: 1\n".encode("utf-16"))[1] == [Fault("not_utf8", 1, 1, found="0xFF")]


@pytest.mark.parametrize(
    "char",
    ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\u2028", "\u202e", "\u2066", "\ufeff", "\ufffe"],
)
def test_characters_that_nobody_sees_are_refused(char: str) -> None:
    _, faults = text_faults(f"a: 1\nb: 中{char}\n".encode())

    assert faults == [Fault("control_character", 2, 5, found=f"U+{ord(char):04X}")]


@pytest.mark.parametrize("char", ["\t", "中", "𠮷", "é", "\u3000", "\ufffd", "😀"])
def test_characters_of_any_language_are_taken(char: str) -> None:
    assert text_faults(f"# {char}\n".encode()) == (f"# {char}\n", [])


def test_lone_carriage_returns_are_one_mistake() -> None:
    _, faults = text_faults(b"a: 1\rb: 2\rc: 3\r")

    assert [(fault.line, fault.column) for fault in faults] == [(1, 5)]


def test_many_control_characters_are_told_in_part() -> None:
    assert len(text_faults(b"\x01" * 1000)[1]) == 20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n  b: 'x\n  c: 1\n", ("quote_not_closed", 2, 6)),
        ("a:\n  b: [x\n  c: 1\n", ("bracket_not_closed", 2, 6)),
        ("a:\n\tb: 1\n", ("tab_indentation", 2, 1)),
        ("a: b\n\tc: d\n", ("tab_indentation", 2, 1)),
        ("a: 1\nb：2\nc: 3\n", ("full_width_punctuation", 2, 2)),
        ("a: 1\nb 2\nc: 3\n", ("yaml_syntax", 2, 1)),
        ("a: b: c\n", ("yaml_syntax", 1, 5)),
        ("a: 1\n b: 2\n", ("yaml_syntax", 2, 3)),
        ("a:\n  b: 1\n c: 2\n", ("yaml_syntax", 3, 2)),
        ("a: @b\n", ("yaml_syntax", 1, 4)),
        ('a: "\\q"\n', ("yaml_syntax", 1, 5)),
        ("a: }\n", ("yaml_syntax", 1, 4)),
    ],
)
def test_a_syntax_error_stands_where_it_has_to_be_mended(
    text: str, expected: tuple[str, int, int]
) -> None:
    fault = first_fault(text)

    assert (fault.code, fault.line, fault.column) == expected


def test_a_full_width_sign_in_quotes_or_a_comment_is_not_blamed() -> None:
    assert first_fault('a: "b：c" # d：e\n  f: [: 1\n').code != "full_width_punctuation"


def test_a_half_width_sign_is_suggested() -> None:
    assert first_fault("a: 1\nb：2\nc: 3\n").suggestion == ":"
