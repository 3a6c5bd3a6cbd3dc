"""Callbacks that wait to be told, as every case store keeps them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from gateway.cases.case import State
from gateway.cases.store import Callback
from tests.cases.samples import HOUR, a_case, at

if TYPE_CHECKING:
    from gateway.cases.store import CaseStore


def a_callback(name: str, seconds: float = 0, case_id: str = "c" * 48) -> Callback:
    return Callback(name, case_id, "app", State.ANSWERED, at(seconds))


async def test_due_callbacks_come_out_the_oldest_first(store: CaseStore) -> None:
    for callback in (a_callback("b", 2), a_callback("a", 1), a_callback("c", 3)):
        await store.enqueue_callback(callback)
    due = await store.due_callbacks(at(5), 2, HOUR)
    assert due == [a_callback("a", 1), a_callback("b", 2)]


async def test_a_leased_callback_is_nobody_else_s_until_the_lease_ends(store: CaseStore) -> None:
    await store.enqueue_callback(a_callback("a"))
    first, second = await asyncio.gather(
        store.due_callbacks(at(5), 9, HOUR), store.due_callbacks(at(5), 9, HOUR)
    )
    assert len(first) + len(second) == 1
    assert await store.due_callbacks(at(6), 9, HOUR) == []
    assert len(await store.due_callbacks(at(5) + HOUR, 9, HOUR)) == 1


async def test_a_delivered_callback_is_forgotten(store: CaseStore) -> None:
    await store.enqueue_callback(a_callback("a"))
    await store.due_callbacks(at(5), 9, timedelta(0))
    await store.callback_done("a")
    assert await store.due_callbacks(at(9), 9, HOUR) == []


async def test_a_failed_callback_comes_again_when_it_is_due_with_its_attempts(
    store: CaseStore,
) -> None:
    await store.enqueue_callback(a_callback("a"))
    await store.due_callbacks(at(5), 9, HOUR)
    await store.callback_retry("a", at(20), "503")
    assert await store.due_callbacks(at(19), 9, HOUR) == []
    (again,) = await store.due_callbacks(at(20), 9, HOUR)
    assert again == a_callback("a")._replace(attempts=1)


async def test_a_dead_callback_never_comes_again(store: CaseStore) -> None:
    await store.enqueue_callback(a_callback("a"))
    await store.callback_dead("a", "410")
    assert await store.due_callbacks(at(10**8), 9, HOUR) == []


async def test_a_callback_enqueued_again_stays_as_it_is(store: CaseStore) -> None:
    await store.enqueue_callback(a_callback("a"))
    await store.callback_retry("a", at(20), "503")
    await store.enqueue_callback(a_callback("a"))
    (again,) = await store.due_callbacks(at(20), 9, HOUR)
    assert again.attempts == 1


async def test_the_sweep_takes_the_callbacks_of_a_case_with_it(store: CaseStore) -> None:
    case = a_case()
    await store.insert(case)
    await store.enqueue_callback(a_callback("a", case_id=case.id))
    await store.sweep(at(60), 9)
    assert await store.due_callbacks(at(5), 9, HOUR) == []
