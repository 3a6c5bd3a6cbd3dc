"""Who is treated how: known beforehand, and every manner often enough."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.loss.replies.manners import SHARES, Manner, manner


def test_the_same_seed_treats_the_same_request_alike() -> None:
    first, again, other = ([manner(seed, n) for n in range(100)] for seed in (1, 1, 2))
    assert first == again != other


def test_the_shares_are_a_whole_that_covers_every_manner() -> None:
    assert set(SHARES) == set(Manner)
    assert sum(SHARES.values()) == pytest.approx(1)


def test_few_requests_are_enough_for_every_manner() -> None:
    counted = Counter(manner(0, number) for number in range(500))
    assert min(counted[how] for how in Manner) > 5
