"""Batches: order is kept, neighbours go together, and a failure is told without its values."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gateway.cases.sqlite_batches import Batches, Changed
from gateway.cases.store import StoreError
from gateway.group_commit import GroupCommit

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

SCHEMA = ["CREATE TABLE words (word TEXT NOT NULL UNIQUE, position INTEGER PRIMARY KEY);"]


def write_all(db: sqlite3.Connection, words: Sequence[str], changed: Changed) -> Sequence[int]:
    db.executemany("INSERT INTO words (word) VALUES (?)", [(word,) for word in words])
    changed += words
    return [len(words)] * len(words)


def read_all(db: sqlite3.Connection, items: Sequence[None], _: Changed) -> Sequence[list[str]]:
    words = [word for (word,) in db.execute("SELECT word FROM words ORDER BY position")]
    return [words] * len(items)


def refuse_odd(
    db: sqlite3.Connection, numbers: Sequence[int], _: Changed
) -> Sequence[int | StoreError]:
    return [StoreError("odd") if number % 2 else number for number in numbers]


class Stand:
    def __init__(self, folder: Path) -> None:
        self.changed: list[str] = []
        self.commit = GroupCommit(folder / "words.db", synchronous="NORMAL")
        self.batches = Batches(self.commit, self.changed.append)


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    stand = Stand(tmp_path)
    await stand.commit.open(SCHEMA)
    yield stand
    await stand.batches.close()
    await stand.commit.close()


async def test_what_is_handed_in_at_once_is_one_call(stand: Stand) -> None:
    together = await asyncio.gather(*(stand.batches.add(write_all, w) for w in "abc"))
    assert together == [3, 3, 3]


async def test_order_is_kept_across_kinds(stand: Stand) -> None:
    first = stand.batches.add(write_all, "a")
    seen = stand.batches.add(read_all, None)
    second = stand.batches.add(write_all, "b")
    assert await seen == ["a"]
    assert [await first, await second] == [1, 1]
    assert await stand.batches.add(read_all, None) == ["a", "b"]


async def test_what_comes_while_a_batch_runs_gathers_for_the_next(stand: Stand) -> None:
    first = stand.batches.add(write_all, "first")
    await asyncio.sleep(0)
    rest = [stand.batches.add(write_all, f"{n}") for n in range(30)]
    assert await first == 1
    assert await asyncio.gather(*rest) == [30] * 30


async def test_more_than_one_operation_holds_is_done_in_several(stand: Stand) -> None:
    many = [stand.batches.add(write_all, f"{n}") for n in range(2500)]
    assert await many[-1] == 500
    assert await stand.batches.add(read_all, None) == [f"{n}" for n in range(2500)]


async def test_changes_are_told_after_the_commit(stand: Stand) -> None:
    writing = stand.batches.add(write_all, "a")
    assert stand.changed == []
    await writing
    assert stand.changed == ["a"]


async def test_an_error_of_one_item_is_its_own(stand: Stand) -> None:
    odd, even = stand.batches.add(refuse_odd, 1), stand.batches.add(refuse_odd, 2)
    assert await even == 2
    with pytest.raises(StoreError, match="odd"):
        await odd


async def test_an_error_of_sql_does_not_show_what_was_written(stand: Stand) -> None:
    twice = [stand.batches.add(write_all, "made-up secret") for _ in range(2)]
    for writing in twice:
        with pytest.raises(StoreError) as caught:
            await writing
        assert "SQLITE_CONSTRAINT_UNIQUE" in str(caught.value)
        assert "made-up" not in str(caught.value)
    assert stand.changed == []
    assert await stand.batches.add(read_all, None) == []


async def test_a_closed_file_is_a_store_error(stand: Stand) -> None:
    await stand.commit.close()
    with pytest.raises(StoreError, match="closed"):
        await stand.batches.add(write_all, "late")


async def test_closing_waits_for_what_was_handed_in(stand: Stand) -> None:
    writing = stand.batches.add(write_all, "a")
    await stand.batches.close()
    assert writing.done()
