"""Words of the people's choice: taken as written, each once, told one mistake at a time."""

from __future__ import annotations

import pytest

from gateway.errors import Text
from gateway.routing.kinds import Choice
from gateway.routing.reading import INVALID, Place, Reading
from gateway.routing.value_kinds import STATE_WORD
from gateway.routing.word_maps import WordMap
from gateway.routing.yaml_nodes import Allowance, read_document

WORDS = WordMap(STATE_WORD, Choice(("open", "closed")), Text("a mapping", "映射"), maximum=3)


def read(text: str) -> tuple[object, list[str]]:
    node = read_document(text.encode(), Allowance()).root
    assert node is not None
    reading = Reading()
    return WORDS.read(node, Place(reading, "f")), [problem.code for problem in reading.problems]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{办结: closed}", ["办结"]),
        ("{3: closed, '4': open, \"05\": open}", ["3", "4", "05"]),
        ("{'no': closed, \"1.0\": open, in review: open}", ["no", "1.0", "in review"]),
    ],
)
def test_a_word_is_taken_as_it_is_written(text: str, words: list[str]) -> None:
    value, problems = read(text)

    assert problems == []
    assert isinstance(value, dict)
    assert list(value) == words


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{no: closed}", "quotes_needed"),
        ("{05: closed}", "quotes_needed"),
        ("{1.0: closed}", "quotes_needed"),
        ("{-1: closed}", "quotes_needed"),
        ("{2026-01-01: closed}", "quotes_needed"),
        ("{'': closed}", "bad_text"),
        ("{' a': closed}", "bad_text"),
        ('{"a\\nb": closed}', "bad_text"),
        (f"{{{'a' * 65}: closed}}", "bad_text"),
        ("{3: closed, '3': closed}", "duplicate_key"),
        ("{a: closd}", "unknown_value"),
        ("{a: }", "empty_value"),
        ("{}", "empty_value"),
        ("~", "empty_value"),
        ("[a]", "wrong_type"),
        ("{a: open, b: open, c: open, d: open}", "too_many_items"),
    ],
)
def test_a_mistake_is_one_problem(text: str, code: str) -> None:
    assert read(text) == (INVALID, [code])


def test_what_is_broken_already_is_not_told_again() -> None:
    assert read("{<<: {}}") == (INVALID, [])
