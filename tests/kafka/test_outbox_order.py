from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from gateway.kafka.connection import KafkaConnection
from gateway.kafka.outbox_order import KeyOrder
from gateway.kafka.producer_life import ProducerLife

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

import pytest

TOPIC, KEY = "topic", b"key"


def life() -> ProducerLife:
    """A life that was never started."""
    return ProducerLife(KafkaConnection("127.0.0.1:1").client_arguments(), request_timeout=1.0)


@pytest.fixture
async def lives() -> AsyncIterator[tuple[ProducerLife, ProducerLife]]:
    both = life(), life()
    yield both
    for one in both:
        await one.end(0.0)


async def test_records_of_a_key_follow_each_other_within_one_life(
    lives: tuple[ProducerLife, ProducerLife],
) -> None:
    old, new = lives
    order = KeyOrder()
    assert order.may_follow(TOPIC, KEY, old)
    order.begin(TOPIC, KEY)
    assert not order.may_follow(TOPIC, KEY, old)
    assert order.may_follow(TOPIC, b"another", old)
    assert order.may_follow("another", KEY, old)
    order.handed_over(TOPIC, KEY, old)
    assert order.may_follow(TOPIC, KEY, old)
    assert not order.may_follow(TOPIC, KEY, new)
    assert not order.may_follow(TOPIC, KEY, None)
    order.end(TOPIC, KEY, handed_over=True)
    assert order.may_follow(TOPIC, KEY, new)
    assert order.may_follow(TOPIC, KEY, None)


async def test_a_record_that_was_first_journaled_goes_to_the_life_that_has_those_before_it(
    lives: tuple[ProducerLife, ProducerLife],
) -> None:
    old, new = lives
    order = KeyOrder()
    order.begin(TOPIC, KEY)
    assert order.may_follow(TOPIC, KEY, old, begun=1)
    order.handed_over(TOPIC, KEY, old)
    order.begin(TOPIC, KEY)
    assert order.may_follow(TOPIC, KEY, old, begun=1)
    assert not order.may_follow(TOPIC, KEY, new, begun=1)
    order.end(TOPIC, KEY, handed_over=False)
    assert not order.may_follow(TOPIC, KEY, new)
    assert order.may_follow(TOPIC, KEY, old)


async def test_a_row_holds_its_key_until_a_life_has_it_and_again_when_it_comes_back(
    lives: tuple[ProducerLife, ProducerLife],
) -> None:
    old, new = lives
    order = KeyOrder()
    order.row_added(7)
    order.row_handed_over(TOPIC, KEY, 7, old)
    assert not order.row_waits(7)
    assert order.may_follow(TOPIC, KEY, old)
    assert not order.may_follow(TOPIC, KEY, new)
    order.row_back(TOPIC, KEY, 7)
    assert order.row_waits(7)
    assert order.may_follow(TOPIC, KEY, new)
    order.row_handed_over(TOPIC, KEY, 7, new)
    order.end(TOPIC, KEY, handed_over=True)
    assert not order.waiting
    assert order.may_follow(TOPIC, KEY, old)


def test_records_without_a_key_have_no_order() -> None:
    order = KeyOrder()
    order.begin(TOPIC, None)
    order.row_added(None)
    assert order.may_follow(TOPIC, None, None)
    assert not order.waiting
    assert not order.row_waits(None)
    order.row_settled(None)
    order.end(TOPIC, None, handed_over=False)


@given(st.lists(st.integers(0, 3)))
def test_a_key_waits_exactly_as_long_as_it_has_rows(keys: list[int]) -> None:
    order = KeyOrder()
    for key in keys:
        order.row_added(key)
    for place, key in enumerate(keys):
        assert order.row_waits(key)
        order.row_settled(key)
        assert order.row_waits(key) == (key in keys[place + 1 :])
    assert not order.waiting
