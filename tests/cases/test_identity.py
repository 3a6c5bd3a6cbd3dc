"""Ids of cases: shape, tag, and that nothing else passes for one."""

from __future__ import annotations

import hashlib
import hmac
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cases.identity import CaseIds

KEY = bytes(range(32))
IDS = CaseIds(KEY)


def test_an_id_is_48_lower_case_hexadecimal_digits() -> None:
    assert re.fullmatch(r"[0-9a-f]{48}", IDS.new())


def test_the_tag_is_the_first_half_of_the_hmac_of_the_digits() -> None:
    made = IDS.new()
    tag = hmac.new(KEY, made[:32].encode(), hashlib.sha256).hexdigest()[:16]
    assert made[32:] == tag


def test_ids_differ() -> None:
    assert len({IDS.new() for _ in range(1000)}) == 1000


def test_one_s_own_id_is_genuine() -> None:
    assert IDS.genuine(IDS.new())


def test_an_id_of_another_key_is_not_genuine() -> None:
    assert not IDS.genuine(CaseIds(bytes(32)).new())


@pytest.mark.parametrize("place", range(48))
def test_an_id_with_one_digit_changed_is_not_genuine(place: int) -> None:
    made = IDS.new()
    other = "0" if made[place] != "0" else "1"
    assert not IDS.genuine(made[:place] + other + made[place + 1 :])


def test_an_id_in_capitals_is_not_genuine() -> None:
    made = "f" * 32
    tag = hmac.new(KEY, made.encode(), hashlib.sha256).hexdigest()[:16]
    assert IDS.genuine(made + tag)
    assert not IDS.genuine(made.upper() + tag)


@given(st.text(max_size=60))
def test_any_text_can_be_asked_about(text: str) -> None:
    assert not IDS.genuine(text)


@given(st.text(min_size=48, max_size=48))
def test_any_text_of_the_right_length_can_be_asked_about(text: str) -> None:
    assert not IDS.genuine(text)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        CaseIds(bytes(length))
