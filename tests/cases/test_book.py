"""The book of cases: what it tells whoever counts, how it wakes who waits, how it keeps house."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from gateway.cases.book import CaseBook
from gateway.cases.case import Answer, Case, State, Verdict
from gateway.cases.sqlite_store import SqliteStore
from gateway.cases.store import StoreError
from gateway.cases.transitions import CaseEvent
from tests.cases.samples import Counted, a_case, at
from tests.doubles.owned import end

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator
    from pathlib import Path

DAY = 86_400.0
PUBLISHED = CaseEvent(State.PUBLISHED, at(1))
ANSWERED = CaseEvent(State.ANSWERED, at(2), answer=Answer(200, None, b""))


class Stand:
    """A book on a store, at a time that the test sets."""

    def __init__(self, folder: Path) -> None:
        self.now = at(10)
        self.counted = Counted()
        self.expired: list[Case] = []
        self.store = SqliteStore(folder / "cases.db")
        self.book = CaseBook(
            self.store, self.counted, lambda: self.now, self.expired.append, DAY, every=0.01
        )

    @asynccontextmanager
    async def kept_house(self) -> AsyncIterator[None]:
        """Keep house meanwhile."""
        keeping = asyncio.create_task(self.book.housekeep())
        try:
            yield
        finally:
            await end(keeping)

    async def counts(self, **states: int) -> None:
        """Wait until so many cases were counted, by state."""
        expected = {("permit.apply", state): n for state, n in states.items()}
        await self.counted.until(lambda: self.counted.counts == expected)


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    stand = Stand(tmp_path)
    await stand.book.open()
    yield stand
    await stand.book.close()


async def test_a_store_that_works_is_told_and_its_ids_are_genuine(stand: Stand) -> None:
    assert stand.counted.told == [("up", True)]
    assert stand.book.ids.genuine(stand.book.ids.new())


async def test_ids_outlive_a_restart(tmp_path: Path) -> None:
    made = []
    for _ in range(2):
        book = Stand(tmp_path).book
        await book.open()
        made.append(book.ids.new())
        assert all(map(book.ids.genuine, made))
        await book.close()


async def test_before_the_store_was_reached_there_are_no_ids(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not reached yet"):
        _ = Stand(tmp_path).book.ids


async def test_a_new_case_and_its_moves_are_counted(stand: Stand) -> None:
    case = a_case()
    await stand.book.insert(case)
    await stand.book.apply(case.id, PUBLISHED)
    assert stand.counted.told[1:] == [
        ("transition", "permit.apply", State.RECEIVED),
        ("transition", "permit.apply", State.PUBLISHED),
    ]
    assert stand.counted.durations == ["insert", "apply"]


async def test_a_hop_that_was_overtaken_is_no_transition(stand: Stand) -> None:
    case = a_case()
    await stand.book.insert(case)
    await stand.book.apply(case.id, ANSWERED)
    applied = await stand.book.apply(case.id, PUBLISHED)
    assert applied is not None
    assert applied[1] is Verdict.TAKEN
    assert stand.counted.told[-1] == ("transition", "permit.apply", State.ANSWERED)


async def test_a_refused_event_is_counted_and_a_repeated_one_is_not(stand: Stand) -> None:
    case = a_case()
    await stand.book.insert(case)
    unknown = CaseEvent(None, at(1))
    await stand.book.apply(case.id, unknown)
    await stand.book.apply(case.id, unknown)
    assert stand.counted.told[2:] == [("rejected", "permit.apply", "unknown_state")]


async def test_an_event_of_no_case_is_counted(stand: Stand) -> None:
    assert await stand.book.apply("c" * 48, PUBLISHED) is None
    assert stand.counted.told[-1] == ("rejected", "-", "unknown_case")


async def test_a_store_that_fails_is_told_when_it_does_and_when_it_works_again(
    stand: Stand,
) -> None:
    await stand.store._commit.submit(_small_disk)  # noqa: SLF001  # its file
    with pytest.raises(StoreError):
        await asyncio.gather(*(stand.book.insert(a_case()) for _ in range(500)))
    await asyncio.sleep(0)
    assert stand.counted.told[-1] == ("up", False)
    async with stand.kept_house():
        await stand.store._commit.submit(_large_disk)  # noqa: SLF001  # its file
        await stand.counted.until(lambda: stand.counted.told[-1] == ("up", True))


async def test_a_change_wakes_who_waits_for_a_newer_version(stand: Stand) -> None:
    case = a_case()
    await stand.book.insert(case)
    async with asyncio.timeout(10):
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(stand.book.changed(case, 1e9)) for _ in range(10)]
            applied = await stand.book.apply(case.id, PUBLISHED)
    assert applied is not None
    assert [task.result() for task in waiting] == [applied[0]] * 10


async def test_a_change_before_the_waiting_is_not_missed(stand: Stand) -> None:
    case = a_case()
    await stand.book.insert(case)
    await stand.book.apply(case.id, PUBLISHED)
    changed = await stand.book.changed(case, 1e9)
    assert changed is not None
    assert changed.state is State.PUBLISHED


async def test_without_a_change_there_is_nothing_newer(stand: Stand) -> None:
    case = a_case()
    await stand.book.insert(case)
    assert await stand.book.changed(case, asyncio.get_running_loop().time() + 0.02) is None


async def test_a_state_can_be_waited_for(stand: Stand) -> None:
    case = a_case()
    await stand.book.insert(case)
    async with asyncio.timeout(10):
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(
                stand.book.wait(case.id, lambda c: c.answer is not None, 1e9)
            )
            await stand.book.apply(case.id, PUBLISHED)
            await stand.book.apply(case.id, ANSWERED)
    answered = waiting.result()
    assert answered is not None
    assert answered.state is State.ANSWERED


async def test_letting_go_ends_the_waiting(stand: Stand) -> None:
    case = a_case()
    await stand.book.insert(case)
    async with asyncio.timeout(10):
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(stand.book.changed(case, 1e9))
            await asyncio.sleep(0)
            stand.book.let_go()
    assert waiting.result() is None


async def test_cases_are_counted_expired_and_swept(stand: Stand) -> None:
    due, kept = a_case(expires_at=at(5)), a_case()
    await asyncio.gather(stand.book.insert(due), stand.book.insert(kept))
    async with stand.kept_house():
        await stand.counts(expired=1, received=1)
        assert [case.id for case in stand.expired] == [due.id]
        assert ("expired", "permit.apply") in stand.counted.told
        assert ("transition", "permit.apply", State.EXPIRED) in stand.counted.told
        stand.now = at(DAY + 1)
        await stand.counts(expired=1)  # it changed later than the other
        stand.now = at(DAY + 11)
        await stand.counts()
    assert ("swept", 1) in stand.counted.told


async def test_more_than_one_batch_expires_in_one_round(stand: Stand) -> None:
    await asyncio.gather(*(stand.book.insert(a_case(expires_at=at(5))) for _ in range(450)))
    async with stand.kept_house():
        await stand.counts(expired=450)
    assert len(stand.expired) == 450


def _small_disk(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA max_page_count = 40").fetchone()


def _large_disk(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA max_page_count = 9999").fetchone()
