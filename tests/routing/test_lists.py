"""Lists: good items in their order, each once; a list of secrets shows none of them."""

from __future__ import annotations

import pytest

from gateway.errors import Text
from gateway.routing.kinds import Choice, SecretReference
from gateway.routing.lists import ListOf
from gateway.routing.reading import INVALID, Place, Reading
from gateway.routing.yaml_nodes import Allowance, Broken, read_document

WORDS = ListOf(Choice(("a", "b", "c")), Text("a list", "列表"), maximum=2)
SECRETS = ListOf(
    SecretReference(Text("a reference", "引用")), Text("a list", "列表"), maximum=2, secret=True
)


def read(kind: ListOf, text: str) -> tuple[object, Reading]:
    node = read_document(text.encode(), Allowance()).root
    assert node is not None
    reading = Reading()
    return kind.read(node, Place(reading, "f")), reading


def test_items_keep_their_order() -> None:
    value, reading = read(WORDS, "[b, a]")

    assert (value, reading.problems) == (("b", "a"), [])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[]", "empty_list"),
        ("[a, b, c]", "too_many_items"),
        ("[a, a]", "duplicate_item"),
        ("[a, x]", "unknown_value"),
        ("a", "wrong_type"),
        ("[a，b]", "full_width_punctuation"),
        ("[a、b]", "full_width_punctuation"),
        ("[a；b]", "full_width_punctuation"),
    ],
)
def test_a_bad_list_is_one_problem(text: str, code: str) -> None:
    value, reading = read(WORDS, text)

    assert value is INVALID
    assert [problem.code for problem in reading.problems] == [code]


def test_the_place_of_a_full_width_sign_is_its_own() -> None:
    (problem,) = read(WORDS, "[a，b]")[1].problems

    assert (problem.line, problem.column, problem.suggestion) == (1, 3, ",")


def test_a_broken_list_is_not_told_again() -> None:
    reading = Reading()

    assert WORDS.read(Broken(1, 1, 1, 2), Place(reading, "f")) is INVALID
    assert reading.problems == []


@pytest.mark.parametrize(
    "text", ["[made-up]", "made-up", "{made: up}", "[env:A, made-up]", "[made，up]"]
)
def test_a_list_that_may_hold_a_secret_is_hidden(text: str) -> None:
    node = read_document(text.encode(), Allowance()).root
    assert node is not None
    reading = Reading()

    assert SECRETS.read(node, Place(reading, "f")) is INVALID
    assert node in reading.hidden["f"]
    assert "made" not in repr(reading.problems)
