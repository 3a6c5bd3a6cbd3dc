"""Natural batches: what is handed in while one round trip runs goes with the next one.

Room rule: as `gateway.cases`. The same thought as `gateway.group_commit`, for a server instead of
a disk: one who writes alone is answered at once, a thousand of them share one statement. Nothing
waits for a batch to fill.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from gateway.cases.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

__all__ = ["NaturalBatches", "RefusedError"]

MAX_BATCH: Final = 500
"""Items of one round trip at most, so that the first of them does not wait for ever."""

T = TypeVar("T")
R = TypeVar("R")


class RefusedError(StoreError):
    """The server works and did not take this operation; another one in the batch may be fine."""


class NaturalBatches(Generic[T, R]):
    """Carries out one kind of operation; one round trip at a time.

    `carry_out` gets the items in the order in which they were handed in and returns a result or
    a `StoreError` for each. When it raises `RefusedError` for several items they are carried out
    one by one, so that one that the server cannot take fails alone; when the server is away or in
    need all of the batch fail.
    """

    def __init__(
        self,
        name: str,
        carry_out: Callable[[list[T]], Awaitable[Sequence[R | StoreError]]],
        *,
        most: int = MAX_BATCH,
    ) -> None:
        self._name = name
        self._carry_out = carry_out
        self._most = most
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._handed_in = 0
        self._finished = 0
        self._watchers: deque[tuple[int, asyncio.Future[None]]] = deque()

    def submit(self, item: T) -> asyncio.Future[R]:
        """Hand an item in. Cancelling the future does not take it back."""
        future: asyncio.Future[R] = self._loop.create_future()
        if self._closed:
            future.set_exception(StoreError("the case store is closed"))
            return future
        self._waiting.append((item, future))
        self._handed_in += 1
        if self._task is None:
            self._task = self._loop.create_task(self._run(), name=self._name)
        return future

    @property
    def busy(self) -> bool:
        """True while something that was handed in has not ended."""
        return self._finished < self._handed_in

    async def passed(self) -> None:
        """Return when all that was handed in until now has ended, well or not."""
        if self.busy:
            watcher: asyncio.Future[None] = self._loop.create_future()
            self._watchers.append((self._handed_in, watcher))
            await watcher

    async def close(self, seconds: float) -> None:
        """Take no more; give what was handed in `seconds`, then fail it."""
        self._closed = True
        if (task := self._task) is not None:
            await asyncio.wait([task], timeout=seconds)
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        batch: list[tuple[T, asyncio.Future[R]]] = []
        try:
            while self._waiting:
                batch = [
                    self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))
                ]
                await self._settle(batch)
                self._count(len(batch))
        finally:
            self._task = None
            left = [*batch, *self._waiting]
            self._waiting.clear()
            _fail(left, StoreError("the case store was closed before it answered"))
            self._count(self._handed_in - self._finished)

    async def _settle(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._carry_out([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001  # it is told to those who wait, whatever it is
            if len(batch) == 1 or (
                isinstance(error, StoreError) and not isinstance(error, RefusedError)
            ):
                _fail(batch, error)
                return
            for one in batch:
                await self._settle([one])
            return
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue
            if isinstance(result, StoreError):
                future.set_exception(result)
            else:
                future.set_result(result)

    def _count(self, finished: int) -> None:
        self._finished += finished
        while self._watchers and self._watchers[0][0] <= self._finished:
            _, watcher = self._watchers.popleft()
            if not watcher.done():
                watcher.set_result(None)


def _fail(batch: Sequence[tuple[T, asyncio.Future[R]]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
