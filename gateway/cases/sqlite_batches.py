"""What many tasks ask of the file in the same moment, made one operation of the writer thread.

Room rule: as `gateway.cases`. Work is done in the order in which it was handed in, whatever its
kind; neighbours of one kind become one call, so that a thousand insertions are one `executemany`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sqlite3
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, TypeVar

from gateway.cases.store import StoreError
from gateway.group_commit import StorageError

if TYPE_CHECKING:
    from gateway.group_commit import GroupCommit

__all__ = ["Batches", "Changed", "Work"]

LARGEST: Final = 1000
"""Pieces of work in one operation."""

Item = TypeVar("Item")
Result = TypeVar("Result")

Changed = list[str]
"""Receives the ids of cases that changed."""

Work = Callable[[sqlite3.Connection, Sequence[Item], Changed], Sequence[Result | StoreError]]
"""Does all items in order and returns a result for each; an error there is that item's alone. It
may be run twice, so it changes nothing but the database and the list."""

_Job = tuple[Work[Any, Any], Any, asyncio.Future[Any]]


class Batches:
    """Gathers while an operation is under way; `changed` hears of each case after the commit."""

    def __init__(self, commit: GroupCommit, changed: Callable[[str], None]) -> None:
        self._commit = commit
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_Job] = []
        self._running: asyncio.Future[Any] | None = None
        self._scheduled = False

    def add(self, work: Work[Item, Result], item: Item) -> asyncio.Future[Result]:
        """Hand in one item; the future resolves after the commit or with `StoreError`."""
        future: asyncio.Future[Result] = self._loop.create_future()
        self._waiting.append((work, item, future))
        if not self._scheduled and self._running is None:
            # At the end of this turn of the loop: whoever else is awake now comes along.
            self._scheduled = True
            self._loop.call_soon(self._begin)
        return future

    async def close(self) -> None:
        """Wait until what was handed in is done, well or not."""
        with contextlib.suppress(StoreError):
            await self.add(_nothing, None)

    def _begin(self) -> None:
        self._scheduled = False
        jobs, self._waiting = self._waiting[:LARGEST], self._waiting[LARGEST:]
        if not jobs:
            return
        self._running = self._commit.submit(lambda connection: _do(connection, jobs))
        self._running.add_done_callback(lambda done: self._end(jobs, done))

    def _end(self, jobs: list[_Job], done: asyncio.Future[Any]) -> None:
        self._running = None
        self._begin()
        error = done.exception()
        if error is not None:
            for _, _, future in jobs:
                if not future.done():
                    future.set_exception(_translated(error))
            return
        results, changed = done.result()
        for (_, _, future), result in zip(jobs, results, strict=True):
            if future.done():
                continue  # whoever asked was cancelled; the work is done all the same
            if isinstance(result, StoreError):
                future.set_exception(result)
            else:
                future.set_result(result)
        for case_id in changed:
            self._changed(case_id)


def _nothing(_: sqlite3.Connection, items: Sequence[None], __: Changed) -> Sequence[None]:
    return items


def _do(connection: sqlite3.Connection, jobs: list[_Job]) -> tuple[list[Any], Changed]:
    results: list[Any] = []
    changed: Changed = []
    for work, neighbours in itertools.groupby(jobs, key=itemgetter(0)):
        results += work(connection, [item for _, item, _ in neighbours], changed)
    return results, changed


def _translated(error: BaseException) -> StoreError:
    """Say what failed without quoting what was being written."""
    if isinstance(error, StorageError):
        return StoreError(str(error))
    name = getattr(error, "sqlite_errorname", None) or type(error).__name__
    return StoreError(f"the case store failed: {name}")
