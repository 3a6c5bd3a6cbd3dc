"""Deadlines on the shared sweep, in virtual time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gateway.sweep import TICK, Deadline, Sweep

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.looptime


class Item:
    """Remembers when it expired."""

    def __init__(self, deadline: float, then: Callable[[], object] | None = None) -> None:
        self.deadline = deadline
        self.ticket = 0
        self.expired: list[float] = []
        self._then = then

    def expire(self) -> None:
        self.expired.append(asyncio.get_running_loop().time())
        if self._then is not None:
            self._then()


@pytest.fixture
async def sweep() -> Sweep:
    return Sweep(asyncio.get_running_loop())


def handles() -> int:
    """Timers that the loop has."""
    loop = asyncio.get_running_loop()
    return len([h for h in loop._scheduled if not h.cancelled()])  # type: ignore[attr-defined]  # noqa: SLF001  # no other sight


@pytest.mark.parametrize("after", [0.0, 0.001, TICK, 0.07, 1.0, 15.0, 75.0])
async def test_an_item_expires_once_never_early_and_two_ticks_late_at_most(
    sweep: Sweep, after: float
) -> None:
    start = sweep.time()
    item = Item(start + after)
    sweep.watch(item)
    await asyncio.sleep(after + 1)
    [at] = item.expired
    assert start + after <= at <= start + after + 2 * TICK
    sweep.close()


async def test_a_deadline_that_has_passed_already_expires_at_the_next_look(sweep: Sweep) -> None:
    item = Item(sweep.time() - 10)
    sweep.watch(item)
    await asyncio.sleep(2 * TICK)
    assert len(item.expired) == 1


async def test_an_item_that_is_forgotten_does_not_expire(sweep: Sweep) -> None:
    item = Item(sweep.time() + 1)
    sweep.watch(item)
    sweep.forget(item)
    sweep.forget(item)
    await asyncio.sleep(2)
    assert item.expired == []


async def test_an_item_that_another_forgets_in_the_same_look_does_not_expire(sweep: Sweep) -> None:
    items: list[Item] = []

    def forget_the_others() -> None:
        for item in items:
            sweep.forget(item)

    items += [Item(sweep.time() + 1, forget_the_others) for _ in range(5)]
    for item in items:
        sweep.watch(item)
    await asyncio.sleep(2)
    assert sum(len(item.expired) for item in items) == 1


async def test_a_deadline_moves_later_without_a_call(sweep: Sweep) -> None:
    start = sweep.time()
    item = Item(start + 1)
    sweep.watch(item)
    await asyncio.sleep(0.5)
    item.deadline = start + 5
    await asyncio.sleep(3)
    assert item.expired == []
    await asyncio.sleep(3)
    assert item.expired[0] >= start + 5


async def test_a_deadline_moves_earlier_by_a_call(sweep: Sweep) -> None:
    start = sweep.time()
    item = Item(start + 75)
    sweep.watch(item)
    item.deadline = start + 2
    sweep.hasten(item)
    await asyncio.sleep(3)
    assert len(item.expired) == 1
    await asyncio.sleep(100)
    assert len(item.expired) == 1


async def test_an_item_may_watch_itself_again_when_it_expires(sweep: Sweep) -> None:
    def again() -> None:
        item.deadline += 1
        if len(item.expired) < 3:
            sweep.watch(item)

    item = Item(sweep.time() + 1, again)
    sweep.watch(item)
    await asyncio.sleep(10)
    assert len(item.expired) == 3


async def test_many_items_cost_one_timer_and_none_cost_none(sweep: Sweep) -> None:
    before = handles()
    for number in range(1000):
        sweep.watch(Item(sweep.time() + number / 100))
    assert handles() == before + 1
    await asyncio.sleep(11)
    assert handles() == before


async def test_a_closed_sweep_forgets_everything(sweep: Sweep) -> None:
    item = Item(sweep.time() + 1)
    sweep.watch(item)
    sweep.close()
    await asyncio.sleep(2)
    assert item.expired == []
    assert handles() == 0


async def test_a_clock_that_is_behind_the_loops_timers_does_not_make_it_spin() -> None:
    loop = asyncio.get_running_loop()
    looks = 0

    def clock() -> float:
        nonlocal looks
        looks += 1
        return loop.time() - 0.0004  # a timer of the loop fires up to half a millisecond early

    sweep = Sweep(loop, clock)
    item = Item(clock() + 1)
    sweep.watch(item)
    await asyncio.sleep(2)
    assert len(item.expired) == 1
    assert looks < 2 * (1 / TICK) + 10


# --- on a task ---------------------------------------------------------------------------------


async def test_a_deadline_cancels_its_task_and_knows_its_own_cancellation(sweep: Sweep) -> None:
    deadline = Deadline(sweep, sweep.time() + 1)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.sleep(10)
    assert deadline.caught()
    await asyncio.sleep(0)  # the task is not cancelled any more
    deadline.end()


async def test_work_that_ends_in_time_is_not_cancelled(sweep: Sweep) -> None:
    deadline = Deadline(sweep, sweep.time() + 1)
    await asyncio.sleep(0.5)
    deadline.end()
    await asyncio.sleep(2)
    assert not deadline.expired
    assert not deadline.caught()


async def test_a_cancellation_from_elsewhere_is_not_mistaken_for_it(sweep: Sweep) -> None:
    caught: list[bool] = []

    async def work() -> None:
        deadline = Deadline(sweep, sweep.time() + 5)
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            caught.append(deadline.caught())
            deadline.end()
            raise

    task = asyncio.create_task(work())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert caught == [False]


async def test_both_cancellations_at_once_are_the_other_ones(sweep: Sweep) -> None:
    caught: list[bool] = []

    async def work() -> None:
        deadline = Deadline(sweep, sweep.time() + 5)
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            caught.append(deadline.caught())
            raise

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    sweep.watch(Item(sweep.time() + 5, task.cancel))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert caught == [False]


async def test_an_inner_deadline_does_not_swallow_an_outer_one(sweep: Sweep) -> None:
    outer = Deadline(sweep, sweep.time() + 1)
    inner = Deadline(sweep, sweep.time() + 1)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.sleep(10)
    assert not inner.caught()
    inner.end()
    assert outer.caught()
    outer.end()
    await asyncio.sleep(0)


def test_a_deadline_needs_a_task() -> None:
    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(RuntimeError, match="belongs to a task"):
            Deadline(Sweep(loop), 1.0)
    finally:
        loop.close()
