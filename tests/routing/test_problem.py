"""A problem: texts put together, paths as people write them, nothing that acts on a terminal."""

from __future__ import annotations

import json

import pytest

from gateway.errors import Text
from gateway.routing.problem import make_problem, path_text, safe_text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (
            ("services", "edu.payment", "http", "endpoints", 1),
            'services["edu.payment"].http.endpoints[1]',
        ),
        (("departments", "xishan-edu", "name"), 'departments["xishan-edu"].name'),
        (("channels", "sufuban", "keys", 0), "channels.sufuban.keys[0]"),
        (("a", 'b"c\n'), 'a["b\\"c\\\\u{a}"]'),
        ((0, "first_byte"), "[0].first_byte"),
    ],
)
def test_a_path_is_written_as_people_do(path: tuple[str | int, ...], text: str) -> None:
    assert path_text(path) == text


def test_texts_are_filled_in_both_languages() -> None:
    problem = make_problem(
        "wrong_type",
        ("routes.yaml", 3, 5),
        ("a",),
        found=Text("a list", "列表"),
        allowed=Text("a text", "文本"),
    )

    assert problem.message == "Here stands a list, but a text is wanted."
    assert problem.message_zh == "此处是列表，应为文本。"
    assert (problem.found, problem.allowed) == ("a list", "a text")


def test_a_suggestion_becomes_the_fix() -> None:
    place = ("routes.yaml", 1, 1)
    without = make_problem("bad_duration", place, found="x", allowed="y")
    suggested = make_problem("bad_duration", place, found="3", allowed="y", suggestion="3s")

    assert "such as" in without.fix
    assert suggested.fix == "Write `3s`."
    assert suggested.fix_zh == "请改为 `3s`。"


def test_braces_in_a_value_are_not_filled() -> None:
    assert "`{found}`" in make_problem("bad_id", ("f", 1, 1), found="{found}").message


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\x1b[31mb", "a\\u{1b}[31mb"),
        ("a\nb", "a\\u{a}b"),
        ("锡山\u202e", "锡山\\u{202e}"),
        ("x" * 500, "x" * 120 + "…"),
        ("http://user:made-up@h:1", "http://***@h:1"),
    ],
)
def test_a_value_is_shown_safely(value: str, shown: str) -> None:
    assert safe_text(value) == shown
    assert make_problem("bad_id", ("f", 1, 1), found=value).found == shown


def test_an_empty_value_is_shown_as_one() -> None:
    assert make_problem("bad_text", ("f", 1, 1), found="").found == '""'


def test_the_json_has_the_keys_that_programs_rely_on() -> None:
    problem = make_problem("missing_key", ("f", 1, 2), ("a",), allowed="b", service="x")

    keys = ["code", "file", "line", "column", "path", "found", "allowed", "suggestion"]
    assert list(json.loads(json.dumps(problem.as_json())))[:10] == [*keys, "message", "fix"]
