from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.entry.language import choose_language


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        (b"", "zh"),
        (b"en", "en"),
        (b"EN-gb", "en"),
        (b"zh-CN", "zh"),
        (b"zh-Hant-TW", "zh"),
        (b"en, zh", "en"),
        (b"zh;q=0.8, en;q=0.9", "en"),
        (b"zh;q=0.9,en;q=0.8", "zh"),
        (b"fr, en;q=0.1", "en"),
        (b"fr", "zh"),
        (b"*", "zh"),
        (b"en;q=0", "zh"),
        (b"en;q=0.000, zh;q=0.001", "zh"),
        (b"en;q=nan", "zh"),
        (b"en;q=x", "zh"),
        (b"english", "zh"),
        (b",,;;,en;level=1", "en"),
        (b"en ; q = 0.5, zh;q=0.6", "zh"),
        (b"\xff\xfe", "zh"),
    ],
)
def test_the_highest_weight_wins_and_chinese_is_the_default(accept: bytes, language: str) -> None:
    assert choose_language(accept) == language


@given(st.binary())
def test_whatever_comes_gives_a_language(accept: bytes) -> None:
    assert choose_language(accept) in {"zh", "en"}
