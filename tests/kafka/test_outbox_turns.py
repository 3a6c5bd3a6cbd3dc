"""Who waits for rows that are being handed over, for how long, and in which order they go on."""

from __future__ import annotations

import asyncio

import pytest

from gateway.kafka.outbox_order import KeyOrder
from gateway.kafka.outbox_turns import LONGEST_TURN, Turns

pytestmark = pytest.mark.looptime

KEY = 7


class Arrivals:
    """Arrivals of one key, noted as they go on."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.went_on: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def take(self, name: str) -> None:
        await self._turns.take(KEY)
        self.went_on.append(name)

    async def arrive(self, name: str) -> None:
        """Let one arrive, and everybody go on who may."""
        self.tasks[name] = asyncio.create_task(self.take(name))
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
async def order() -> KeyOrder:
    order = KeyOrder()
    order.row_added(KEY)
    return order


async def test_nobody_waits_while_nothing_is_handed_over(order: KeyOrder) -> None:
    turns = Turns(order)
    arrivals = Arrivals(turns)
    await arrivals.arrive("a")
    assert arrivals.went_on == ["a"]
    assert not turns.waiting


async def test_a_key_without_rows_does_not_wait() -> None:
    turns = Turns(KeyOrder())
    turns.begin()
    arrivals = Arrivals(turns)
    await arrivals.arrive("a")
    assert arrivals.went_on == ["a"]
    turns.end()


async def test_they_go_on_in_the_order_of_their_arrival(order: KeyOrder) -> None:
    turns = Turns(order)
    arrivals = Arrivals(turns)
    turns.begin()
    for name in "abc":
        await arrivals.arrive(name)
    assert arrivals.went_on == []
    assert turns.waiting
    order.row_settled(KEY)
    turns.end()
    await arrivals.arrive("d")
    assert arrivals.went_on == ["a", "b", "c", "d"]
    assert not turns.waiting


async def test_one_that_arrives_as_the_turn_ends_goes_on_after_those_that_waited(
    order: KeyOrder,
) -> None:
    """Its task runs before theirs, which have only been told to."""
    turns = Turns(order)
    arrivals = Arrivals(turns)
    turns.begin()
    await arrivals.arrive("a")
    await arrivals.arrive("b")
    last = asyncio.create_task(arrivals.take("last"))
    order.row_settled(KEY)
    turns.end()
    await last
    assert arrivals.went_on == ["a", "b", "last"]


async def test_one_whose_caller_goes_lets_the_next_go_on(order: KeyOrder) -> None:
    turns = Turns(order)
    arrivals = Arrivals(turns)
    turns.begin()
    await arrivals.arrive("gone")
    await arrivals.arrive("b")
    arrivals.tasks["gone"].cancel()
    turns.end()
    await arrivals.arrive("c")
    assert arrivals.went_on == ["b", "c"]
    assert arrivals.tasks["gone"].cancelled()


async def test_a_turn_ends_by_itself(order: KeyOrder) -> None:
    turns = Turns(order)
    arrivals = Arrivals(turns)
    turns.begin()
    await arrivals.arrive("a")
    before = asyncio.get_running_loop().time()
    await arrivals.tasks["a"]
    assert asyncio.get_running_loop().time() - before == pytest.approx(LONGEST_TURN)


async def test_a_new_turn_lets_those_of_the_last_one_go_on(order: KeyOrder) -> None:
    turns = Turns(order)
    arrivals = Arrivals(turns)
    turns.begin()
    await arrivals.arrive("a")
    turns.begin()
    await arrivals.arrive("b")
    assert arrivals.went_on == ["a"]
    turns.end()
    await arrivals.arrive("c")
    assert arrivals.went_on == ["a", "b", "c"]
