"""What every case store does: the protocol as a specification, run on each implementation.

Keys are in `test_store_keys.py`, callbacks in `test_store_callbacks.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from gateway.cases.case import Answer, State, Verdict
from gateway.cases.transitions import CaseEvent
from tests.cases.samples import IDS, NOON, PUBLISHED, a_case, at

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gateway.cases.store import CaseStore

    OpenAnother = Callable[[], Awaitable[CaseStore]]

ANSWERED = CaseEvent(State.ANSWERED, at(2), answer=Answer(200, "text/plain", b"made up \0\xff"))


# --- cases ------------------------------------------------------------------------------------


async def test_a_case_is_found_as_it_was_inserted(store: CaseStore) -> None:
    case = a_case(expires_at=at(60))
    await store.insert(case)
    assert await store.find(case.id) == case


async def test_a_case_that_is_not_there_is_none(store: CaseStore) -> None:
    assert await store.find(IDS.new()) is None
    assert await store.apply(IDS.new(), PUBLISHED) is None


async def test_inserting_again_leaves_the_case_as_it_is(store: CaseStore) -> None:
    case = a_case()
    await store.insert(case)
    await store.apply(case.id, PUBLISHED)
    await asyncio.gather(store.insert(case), store.insert(a_case()))
    found = await store.find(case.id)
    assert found is not None
    assert found.state is State.PUBLISHED
    assert await store.count() == {
        ("permit.apply", State.PUBLISHED): 1,
        ("permit.apply", State.RECEIVED): 1,
    }


async def test_a_case_with_its_answer_can_be_restored(store: CaseStore) -> None:
    case = a_case(state=State.ANSWERED)._replace(answer=ANSWERED.answer)
    await store.insert(case)
    assert await store.find(case.id) == case


async def test_an_event_moves_a_case_and_returns_it(store: CaseStore) -> None:
    case = a_case()
    await store.insert(case)
    applied = await store.apply(case.id, PUBLISHED)
    assert applied is not None
    moved, verdict = applied
    assert (moved.state, moved.offset, verdict) == (State.PUBLISHED, 7, Verdict.TAKEN)
    assert await store.find(case.id) == moved


async def test_an_answer_is_kept_byte_for_byte(store: CaseStore) -> None:
    case = a_case()
    await store.insert(case)
    await store.apply(case.id, ANSWERED)
    await store.apply(case.id, PUBLISHED)  # writes the case again
    found = await store.find(case.id)
    assert found is not None
    assert found.answer == ANSWERED.answer


async def test_a_refused_event_is_kept(store: CaseStore) -> None:
    case = a_case()
    await store.insert(case)
    applied = await store.apply(case.id, CaseEvent(None, at(1), note="made-up word"))
    assert applied is not None
    assert applied[1] is Verdict.UNKNOWN_STATE
    assert await store.find(case.id) == applied[0]


async def test_what_is_asked_right_after_an_insertion_finds_it(store: CaseStore) -> None:
    case = a_case()
    inserted = store.insert(case)
    applied, found = await asyncio.gather(store.apply(case.id, PUBLISHED), store.find(case.id))
    await inserted
    assert applied is not None
    assert found is not None


async def test_events_of_one_case_at_the_same_time_are_all_taken(store: CaseStore) -> None:
    case = a_case()
    await store.insert(case)
    words = [CaseEvent(None, at(n), note=f"word {n}") for n in range(20)]
    await asyncio.gather(*(store.apply(case.id, event) for event in words))
    found = await store.find(case.id)
    assert found is not None
    assert found.revision == 21


async def test_who_is_cancelled_harms_nobody_else(store: CaseStore) -> None:
    cases = [a_case() for _ in range(5)]
    inserting = [store.insert(case) for case in cases]
    inserting[2].cancel()
    await asyncio.gather(*inserting, return_exceptions=True)
    assert await store.find(cases[2].id) is not None
    assert await store.find(cases[4].id) is not None


async def test_cases_are_counted_by_service_and_state(store: CaseStore) -> None:
    cases = [a_case(), a_case(), a_case(service="tax.pay")]
    await asyncio.gather(*(store.insert(case) for case in cases))
    await store.apply(cases[0].id, PUBLISHED)
    assert await store.count() == {
        ("permit.apply", State.PUBLISHED): 1,
        ("permit.apply", State.RECEIVED): 1,
        ("tax.pay", State.RECEIVED): 1,
    }


async def test_cases_outlive_a_restart(store: CaseStore, open_another: OpenAnother) -> None:
    case = a_case()
    await store.insert(case)
    await store.apply(case.id, ANSWERED)
    await store.close()
    again = await open_another()
    found = await again.find(case.id)
    assert found is not None
    assert found.answer == ANSWERED.answer


# --- who is told ------------------------------------------------------------------------------


async def test_a_change_is_told_and_a_repetition_is_not(store: CaseStore) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    store.on_change(told.put_nowait)
    first, second = a_case(), a_case()
    await asyncio.gather(store.insert(first), store.insert(second))
    await store.apply(first.id, PUBLISHED)
    await store.apply(first.id, PUBLISHED)
    await store.apply(second.id, PUBLISHED)
    async with asyncio.timeout(5):
        assert [await told.get(), await told.get()] == [first.id, second.id]


# --- the end of a case ------------------------------------------------------------------------


async def test_a_case_whose_time_is_up_expires_once(store: CaseStore) -> None:
    due, not_due, without = a_case(expires_at=at(5)), a_case(expires_at=at(9)), a_case()
    await asyncio.gather(*(store.insert(case) for case in (due, not_due, without)))
    (expired,) = await store.expire(at(5), 10)
    assert (expired.id, expired.state, expired.expires_at) == (due.id, State.EXPIRED, None)
    assert await store.find(due.id) == expired
    assert await store.expire(at(5), 10) == []
    assert (await store.count())["permit.apply", State.EXPIRED] == 1


async def test_an_answered_case_does_not_expire(store: CaseStore) -> None:
    case = a_case(expires_at=at(5))
    await store.insert(case)
    await store.apply(case.id, ANSWERED)
    assert await store.expire(at(60), 10) == []


async def test_cases_expire_a_few_at_a_time_the_oldest_first(store: CaseStore) -> None:
    cases = [a_case(expires_at=at(n)) for n in (3, 1, 2)]
    await asyncio.gather(*(store.insert(case) for case in cases))
    expired = await store.expire(at(60), 2)
    assert {case.id for case in expired} == {cases[1].id, cases[2].id}
    assert [case.id for case in await store.expire(at(60), 2)] == [cases[0].id]


async def test_the_sweep_removes_old_cases_a_few_at_a_time(store: CaseStore) -> None:
    cases = [a_case(accepted_at=at(n)) for n in range(5)]
    await asyncio.gather(*(store.insert(case) for case in cases))
    assert [await store.sweep(at(4), 3) for _ in range(3)] == [3, 1, 0]
    assert await store.find(cases[3].id) is None
    assert await store.find(cases[4].id) == cases[4]
    assert await store.count() == {("permit.apply", State.RECEIVED): 1}


async def test_a_case_that_changed_lately_is_kept(store: CaseStore) -> None:
    case = a_case()
    await store.insert(case)
    await store.apply(case.id, PUBLISHED._replace(at=at(100)))
    assert await store.sweep(at(50), 10) == 0


# --- stamps and the key of the ids --------------------------------------------------------------


async def test_a_mark_is_kept_and_moved(store: CaseStore, open_another: OpenAnother) -> None:
    assert await store.marked("replies_read") is None
    await store.mark("replies_read", at(1))
    await store.mark("replies_read", NOON)
    assert await store.marked("replies_read") == NOON
    await store.close()
    assert await (await open_another()).marked("replies_read") == NOON


async def test_the_secret_is_made_once(store: CaseStore, open_another: OpenAnother) -> None:
    first, second = await asyncio.gather(store.secret(), store.secret())
    assert (len(first), first) == (32, second)
    assert first != bytes(32)
    await store.close()
    assert await (await open_another()).secret() == first


# --- its own state ------------------------------------------------------------------------------


async def test_a_store_that_works_has_no_failure(store: CaseStore) -> None:
    await store.insert(a_case())
    assert store.failure is None


async def test_what_was_handed_in_before_closing_is_kept(
    store: CaseStore, open_another: OpenAnother
) -> None:
    cases = [a_case() for _ in range(50)]
    inserting = [store.insert(case) for case in cases]
    await store.close()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*inserting)
    again = await open_another()
    assert await again.count() == {("permit.apply", State.RECEIVED): 50}
