"""Watching cases: who waits is woken, shares the reading with others, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gateway.cases.case import Case, State
from gateway.cases.store import StoreError
from gateway.cases.transitions import CaseEvent, apply
from gateway.cases.watches import Watches
from tests.cases.samples import a_case, at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FOR_EVER = 1e9


class Shelf:
    """Cases in a dictionary; `away` makes reading fail, `slow` holds it up until it is set."""

    def __init__(self) -> None:
        self.cases: dict[str, Case] = {}
        self.readings = 0
        self.away = False
        self.slow = asyncio.Event()
        self.slow.set()

    async def find(self, case_id: str) -> Case | None:
        self.readings += 1
        if self.away:
            raise StoreError("away")
        case = self.cases.get(case_id)
        await self.slow.wait()
        return case

    def publish(self, case_id: str) -> Case:
        event = CaseEvent(State.PUBLISHED, at(1))
        self.cases[case_id], _ = apply(self.cases[case_id], event)
        return self.cases[case_id]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def watches(shelf: Shelf) -> AsyncIterator[Watches]:
    watches = Watches(shelf.find)
    yield watches
    await watches.close()


@pytest.fixture
def case(shelf: Shelf) -> Case:
    case = a_case()
    shelf.cases[case.id] = case
    return case


def is_published(case: Case) -> bool:
    return case.state is State.PUBLISHED


async def turns() -> None:
    """Let all who can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_what_is_enough_already_is_returned_at_once(
    watches: Watches, shelf: Shelf, case: Case
) -> None:
    shelf.publish(case.id)
    assert await watches.wait(case.id, is_published, FOR_EVER) == shelf.cases[case.id]


async def test_a_change_wakes_who_waits(watches: Watches, shelf: Shelf, case: Case) -> None:
    waiting = asyncio.create_task(watches.wait(case.id, is_published, FOR_EVER))
    await turns()
    assert not waiting.done()
    published = shelf.publish(case.id)
    watches.changed(case.id)
    assert await waiting == published


async def test_a_change_that_is_not_enough_keeps_waiting(
    watches: Watches, shelf: Shelf, case: Case
) -> None:
    waiting = asyncio.create_task(watches.wait(case.id, is_published, FOR_EVER))
    await turns()
    watches.changed(case.id)
    await turns()
    assert not waiting.done()
    shelf.publish(case.id)
    watches.changed(case.id)
    await waiting


async def test_at_the_deadline_the_case_is_returned_as_it_is(watches: Watches, case: Case) -> None:
    deadline = asyncio.get_running_loop().time() + 0.02
    assert await watches.wait(case.id, is_published, deadline) == case


async def test_a_case_that_is_not_there_is_none_and_not_waited_for(watches: Watches) -> None:
    async with asyncio.timeout(10):
        assert await watches.wait("c" * 48, is_published, FOR_EVER) is None


async def test_a_hundred_who_wait_share_one_reading_of_each_change(
    watches: Watches, shelf: Shelf, case: Case
) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(100):
            group.create_task(watches.wait(case.id, is_published, FOR_EVER))
        await turns()
        assert (len(watches), shelf.readings) == (1, 1)
        shelf.publish(case.id)
        watches.changed(case.id)
    assert shelf.readings == 2


async def test_a_change_during_a_reading_is_read_as_well(
    watches: Watches, shelf: Shelf, case: Case
) -> None:
    shelf.slow.clear()
    waiting = asyncio.create_task(watches.wait(case.id, is_published, FOR_EVER))
    await turns()
    published = shelf.publish(case.id)
    watches.changed(case.id)
    shelf.slow.set()
    assert await waiting == published


async def test_who_is_cancelled_takes_nobody_along(
    watches: Watches, shelf: Shelf, case: Case
) -> None:
    shelf.slow.clear()
    first = asyncio.create_task(watches.wait(case.id, is_published, FOR_EVER))
    second = asyncio.create_task(watches.wait(case.id, is_published, FOR_EVER))
    await turns()
    first.cancel()
    await asyncio.wait([first])
    assert first.cancelled()
    shelf.publish(case.id)
    shelf.slow.set()
    watches.changed(case.id)
    await second


async def test_nothing_is_kept_of_who_has_gone(watches: Watches, case: Case) -> None:
    await watches.wait(case.id, lambda _: True, FOR_EVER)
    await turns()
    assert len(watches) == 0


async def test_a_case_that_nobody_watches_is_not_read(
    watches: Watches, shelf: Shelf, case: Case
) -> None:
    watches.changed(case.id)
    await turns()
    assert shelf.readings == 0


async def test_a_store_that_is_away_is_asked_again(
    watches: Watches, shelf: Shelf, case: Case
) -> None:
    shelf.away = True
    waiting = asyncio.create_task(watches.wait(case.id, is_published, FOR_EVER))
    await turns()
    published = shelf.publish(case.id)
    shelf.away = False
    watches.read_again()
    assert await waiting == published


async def test_letting_go_ends_every_waiting_now_and_later(watches: Watches, case: Case) -> None:
    waiting = asyncio.create_task(watches.wait(case.id, is_published, FOR_EVER))
    await turns()
    watches.let_go()
    assert await waiting == case
    assert await watches.wait(case.id, is_published, FOR_EVER) is None


async def test_closing_ends_a_reading_that_hangs(
    watches: Watches, shelf: Shelf, case: Case
) -> None:
    shelf.slow.clear()
    waiting = asyncio.create_task(watches.wait(case.id, is_published, FOR_EVER))
    await turns()
    await watches.close()
    assert await waiting is None
    assert len(watches) == 0
