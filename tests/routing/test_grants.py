"""Grants: IDs, and patterns in which `*` stands for any run of characters."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.routing.grants import Grants, matches

IDS = ["edu.payment", "edu.payment.refund", "hrss.card", "tax"]


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("*", IDS),
        ("edu.*", IDS[:2]),
        ("edu.payment", IDS[:1]),
        ("*.payment*", IDS[:2]),
        ("edu.*.refund", IDS[1:2]),
        ("*r*", IDS[1:3]),
        ("e*e*e*e*", []),
        ("edu", []),
        ("tax*", IDS[3:]),
        ("tax*tax", []),
    ],
)
def test_a_grant_means_services(pattern: str, meant: list[str]) -> None:
    grants = Grants(IDS)

    assert grants.resolve([pattern]) == set(meant)
    assert grants.matches_any(pattern) == bool(meant)


def test_grants_add_up() -> None:
    assert Grants(IDS).resolve(["tax", "hrss.*", "none"]) == {"tax", "hrss.card"}


@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
def test_matching_is_that_of_the_regular_expression(pattern: str, service_id: str) -> None:
    expression = ".*".join(map(re.escape, pattern.split("*")))

    assert matches(pattern, service_id) == bool(re.fullmatch(expression, service_id))


def test_the_number_of_comparisons_is_limited() -> None:
    grants = Grants(IDS, comparisons=3)

    assert not grants.exhausted
    grants.matches_any("*none")
    assert grants.exhausted
