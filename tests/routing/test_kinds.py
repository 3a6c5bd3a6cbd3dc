"""Kinds: each reads a node or reports one problem at it; what is not whole was reported before."""

from __future__ import annotations

import pytest

from gateway.errors import Text
from gateway.routing.kinds import (
    Boolean,
    Choice,
    Kind,
    SecretReference,
    Version,
    WholeNumber,
)
from gateway.routing.reading import INVALID, Place, Reading
from gateway.routing.value_kinds import AREA, DURATION, TEXT, URL
from gateway.routing.yaml_nodes import Allowance, Broken, read_document

NUMBER = WholeNumber(1, 100, "unlimited", 1000)
SECRET = SecretReference(Text("a reference", "引用"))


def read(kind: Kind, text: str) -> tuple[object, list[str]]:
    node = read_document(text.encode(), Allowance()).root
    assert node is not None
    reading = Reading()
    return kind.read(node, Place(reading, "f")), [problem.code for problem in reading.problems]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (NUMBER, "1", 1),
        (NUMBER, "100", 100),
        (NUMBER, "unlimited", 1000),
        (Boolean(), "true", True),
        (Boolean(), "false", False),
        (Version(), "1", 1),
        (Choice(("a", "b")), "'a'", "a"),
        (TEXT, "缴费", "缴费"),
        (TEXT, "'no'", "no"),
        (AREA, '"320205"', "320205"),
        (DURATION, '"3s"', 3.0),
    ],
)
def test_a_good_value_is_read(kind: Kind, text: str, value: object) -> None:
    assert read(kind, text) == (value, [])


@pytest.mark.parametrize(
    ("kind", "text", "code"),
    [
        (NUMBER, "0", "out_of_range"),
        (NUMBER, "101", "out_of_range"),
        (NUMBER, "9" * 5000, "out_of_range"),
        (NUMBER, "'5'", "quotes_refused"),
        (NUMBER, "5.5", "bad_number"),
        (NUMBER, "Unlimited", "bad_number"),
        (NUMBER, "[5]", "wrong_type"),
        (NUMBER, "null", "empty_value"),
        (Boolean(), "True", "bad_boolean"),
        (Version(), "'1'", "bad_version"),
        (Choice(("a", "b")), "A", "unknown_value"),
        (TEXT, "no", "quotes_needed"),
        (TEXT, "{a: b}", "wrong_type"),
        (AREA, "320205", "quotes_needed"),
        (AREA, "3202", "bad_area"),
        (URL, "h:1", "endpoint_without_scheme"),
    ],
)
def test_a_bad_value_is_one_problem(kind: Kind, text: str, code: str) -> None:
    assert read(kind, text) == (INVALID, [code])


@pytest.mark.parametrize("kind", [NUMBER, Boolean(), Version(), TEXT, AREA, URL, SECRET])
def test_a_broken_value_is_not_told_again(kind: Kind) -> None:
    reading = Reading()

    assert kind.read(Broken(1, 1, 1, 2), Place(reading, "f")) is INVALID
    assert reading.problems == []


def test_what_stands_for_a_secret_is_hidden() -> None:
    for text in ("made-up", "{made: up}", "[made-up]", "env:MADE-UP"):
        node = read_document(text.encode(), Allowance()).root
        assert node is not None
        reading = Reading()
        assert SECRET.read(node, Place(reading, "f")) is INVALID
        assert node in reading.hidden["f"]


def test_no_better_way_is_offered_for_a_value_of_which_a_part_would_be_left_out() -> None:
    assert DURATION.parse("3 s").suggestion == "3s"
    assert DURATION.parse(f"3 {' ' * 200}s").suggestion is None
