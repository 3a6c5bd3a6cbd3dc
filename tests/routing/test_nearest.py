"""The nearest names, in bounded time."""

from __future__ import annotations

import pytest

from gateway.routing.nearest import Nearest

MANY = [
    f"{family}.{word}{number}"
    for family in ("edu", "hrss", "tax")
    for word in ("payment", "card", "query")
    for number in range(500)
]


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("timeuot", "timeout"),
        ("Timeout", "timeout"),
        ("max-body", "max_body"),
        ("maxBody", "max_body"),
        ("metods", "methods"),
        ("colour", None),
        ("", None),
        ("x" * 1000, None),
    ],
)
def test_a_misspelt_name_finds_the_one_that_was_meant(name: str, nearest: str | None) -> None:
    found = Nearest(["timeout", "methods", "max_body", "retry"]).find(name)

    assert found == ((nearest,) if nearest else ())


@pytest.mark.parametrize(
    "name",
    ["edu.paymnt123", "edu.paymentt123", "edv.payment123", "edu-payment123", "EDU.PAYMENT123"],
)
def test_among_many_names_one_slip_is_found(name: str) -> None:
    assert "edu.payment123" in Nearest(MANY).find(name, 3)


def test_the_nearest_comes_first_and_the_number_is_limited() -> None:
    nearest = Nearest(["edu.payment", "edu.payments", "edu.pay"])

    assert nearest.find("edu.paymen", 2) == ("edu.payment", "edu.payments")
    assert Nearest([]).find("a") == ()


def test_names_that_differ_in_case_are_all_found() -> None:
    assert set(Nearest(["A-b", "a_b"]).find("a.b", 5)) == {"A-b", "a_b"}
