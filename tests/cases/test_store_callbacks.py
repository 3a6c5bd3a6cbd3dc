"""Callbacks: kept with the change that they tell of, and given out until they are delivered."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from gateway.cases.case import State, Verdict
from gateway.cases.store import Callback
from gateway.cases.transitions import CaseEvent
from tests.cases.samples import HOUR, PUBLISHED, a_case, at

if TYPE_CHECKING:
    from gateway.cases.store import CaseStore


def published(seconds: float) -> CaseEvent:
    return PUBLISHED._replace(at=at(seconds))


async def a_callback(store: CaseStore, seconds: float = 0) -> Callback:
    """Let a case of the told channel be published; return what its channel is to be told."""
    case = a_case(channel="told")
    await store.insert(case)
    applied = await store.apply(case.id, published(seconds))
    assert applied is not None
    name = f"msg_{case.id}_{applied[0].revision}"
    return Callback(name, case.id, "told", State.PUBLISHED, at(seconds))


# --- kept with the change ----------------------------------------------------------------------


async def test_an_event_that_is_taken_is_kept_with_its_callback(store: CaseStore) -> None:
    expected = await a_callback(store, 1)
    assert await store.due_callbacks(at(1), 9, HOUR) == [expected]


async def test_an_expiry_is_kept_with_its_callback(store: CaseStore) -> None:
    case = a_case(channel="told", expires_at=at(1))
    await store.insert(case)
    await store.expire(at(2), 9)
    (due,) = await store.due_callbacks(at(2), 9, HOUR)
    assert (due.case_id, due.state, due.at) == (case.id, State.EXPIRED, at(2))


async def test_an_event_that_is_not_taken_tells_nobody(store: CaseStore) -> None:
    callback = await a_callback(store, 1)
    await store.callback_done(callback.id)
    for event in (published(1), CaseEvent(State.EXPIRED, at(-5)), CaseEvent(State.CLOSED, at(2))):
        applied = await store.apply(callback.case_id, event)
        assert applied is not None
        if applied[1] is Verdict.TAKEN:
            (told,) = await store.due_callbacks(at(9), 9, timedelta(0))
            await store.callback_done(told.id)
        assert await store.due_callbacks(at(9), 9, timedelta(0)) == []


async def test_a_channel_that_registered_no_callback_is_told_nothing(store: CaseStore) -> None:
    case = a_case(channel="app", expires_at=at(5))
    await store.insert(case)
    await store.apply(case.id, PUBLISHED)
    await store.expire(at(6), 9)
    assert await store.due_callbacks(at(9), 9, HOUR) == []


async def test_events_of_one_case_at_once_are_told_one_by_one(store: CaseStore) -> None:
    case = a_case(channel="told")
    await store.insert(case)
    answered = CaseEvent(State.ANSWERED, at(2))
    await asyncio.gather(store.apply(case.id, PUBLISHED), store.apply(case.id, answered))
    due = await store.due_callbacks(at(9), 9, HOUR)
    assert [callback.state for callback in due] == [State.PUBLISHED, State.ANSWERED]


# --- given out ---------------------------------------------------------------------------------


async def test_due_callbacks_come_out_the_oldest_first(store: CaseStore) -> None:
    second, first, _ = [await a_callback(store, seconds) for seconds in (2, 1, 3)]
    assert await store.due_callbacks(at(5), 2, HOUR) == [first, second]


async def test_a_leased_callback_is_nobody_else_s_until_the_lease_ends(store: CaseStore) -> None:
    await a_callback(store)
    first, second = await asyncio.gather(
        store.due_callbacks(at(5), 9, HOUR), store.due_callbacks(at(5), 9, HOUR)
    )
    assert len(first) + len(second) == 1
    assert await store.due_callbacks(at(6), 9, HOUR) == []
    assert len(await store.due_callbacks(at(5) + HOUR, 9, HOUR)) == 1


async def test_a_delivered_callback_is_forgotten(store: CaseStore) -> None:
    callback = await a_callback(store)
    await store.due_callbacks(at(5), 9, timedelta(0))
    await store.callback_done(callback.id)
    assert await store.due_callbacks(at(9), 9, HOUR) == []


async def test_a_failed_callback_comes_again_when_it_is_due_with_its_attempts(
    store: CaseStore,
) -> None:
    callback = await a_callback(store)
    await store.due_callbacks(at(5), 9, HOUR)
    await store.callback_retry(callback.id, at(20), "503")
    assert await store.due_callbacks(at(19), 9, HOUR) == []
    (again,) = await store.due_callbacks(at(20), 9, HOUR)
    assert again == callback._replace(attempts=1)


async def test_a_dead_callback_never_comes_again(store: CaseStore) -> None:
    callback = await a_callback(store)
    await store.callback_dead(callback.id, "410")
    assert await store.due_callbacks(at(10**8), 9, HOUR) == []


async def test_the_sweep_takes_the_callbacks_of_a_case_with_it(store: CaseStore) -> None:
    await a_callback(store)
    await store.sweep(at(60), 9)
    assert await store.due_callbacks(at(5), 9, HOUR) == []
