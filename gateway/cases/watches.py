"""Who waits for a case to change: long polls and streams, woken and never polling.

Room rule: as `gateway.cases`. All who watch one case share one reading of it, so that a change
costs one look into the store however many wait; a case that nobody watches costs nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from gateway.cases.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from gateway.cases.case import Case

__all__ = ["Watches"]


class _Watch:
    """One case that is watched: as it was read last (None: not yet, or removed), who hears of it.

    `absent` is true when the last reading found none. `unread` is true while the case may have
    changed since it was read.
    """

    __slots__ = ("absent", "latest", "news", "reader", "unread", "watchers")

    def __init__(self, news: asyncio.Future[None]) -> None:
        self.absent = False
        self.latest: Case | None = None
        self.news = news
        self.reader: asyncio.Task[None] | None = None
        self.unread = True
        self.watchers = 0


class Watches:
    """`find` reads a case; `changed` is to be called for each one that changed."""

    def __init__(self, find: Callable[[str], Awaitable[Case | None]]) -> None:
        self._find = find
        self._loop = asyncio.get_running_loop()
        self._watches: dict[str, _Watch] = {}
        self._closed = False

    def __len__(self) -> int:
        """How many cases are watched."""
        return len(self._watches)

    def changed(self, case_id: str) -> None:
        """Read the case again for those who watch it; an empty id stands for every case."""
        if not case_id:
            for each, watched in self._watches.items():
                watched.unread = True
                self._read(each, watched)
            return
        watch = self._watches.get(case_id)
        if watch is not None:
            watch.unread = True
            self._read(case_id, watch)

    def read_again(self) -> None:
        """Look at what could not be read before; the store may work again."""
        for case_id, watch in self._watches.items():
            if watch.unread:
                self._read(case_id, watch)

    async def wait(
        self, case_id: str, enough: Callable[[Case], bool], deadline: float
    ) -> Case | None:
        """Return the case once it is `enough`, else as it was read last when `deadline` comes.

        `deadline` is on the loop's clock. None: there is no such case (at once), or it could not be
        read.
        """
        with self._watching(case_id) as watch:
            while not self._closed:
                if watch.latest is not None and enough(watch.latest):
                    break
                if watch.absent:
                    break
                left = deadline - self._loop.time()
                if left <= 0:
                    break
                await asyncio.wait((watch.news,), timeout=left)
            return watch.latest

    def let_go(self) -> None:
        """End every waiting at once, now and from now on."""
        self._closed = True
        for watch in self._watches.values():
            if not watch.news.done():
                watch.news.set_result(None)

    async def close(self) -> None:
        """Let all go and end what is being read."""
        self.let_go()
        readers = [watch.reader for watch in self._watches.values() if watch.reader is not None]
        for reader in readers:
            reader.cancel()
        if readers:
            await asyncio.wait(readers)

    @contextlib.contextmanager
    def _watching(self, case_id: str) -> Iterator[_Watch]:
        watch = self._watches.get(case_id)
        if watch is None:
            watch = self._watches[case_id] = _Watch(self._loop.create_future())
        watch.watchers += 1
        if watch.unread:
            self._read(case_id, watch)
        try:
            yield watch
        finally:
            watch.watchers -= 1
            self._drop_if_idle(case_id, watch)

    def _read(self, case_id: str, watch: _Watch) -> None:
        if watch.reader is None and not self._closed:
            watch.reader = self._loop.create_task(
                self._bring_up_to_date(case_id, watch), name="case-reader"
            )

    async def _bring_up_to_date(self, case_id: str, watch: _Watch) -> None:
        try:
            while watch.unread:
                watch.unread = False
                try:
                    watch.latest = await self._find(case_id)
                    watch.absent = watch.latest is None
                except StoreError:
                    watch.unread = True
                    return  # whoever waits sees what is known; `read_again` tries again
                told, watch.news = watch.news, self._loop.create_future()
                if not told.done():
                    told.set_result(None)
        finally:
            watch.reader = None
            self._drop_if_idle(case_id, watch)

    def _drop_if_idle(self, case_id: str, watch: _Watch) -> None:
        """A reading under way keeps the entry: its task is found there when all is closed."""
        if not watch.watchers and watch.reader is None:
            del self._watches[case_id]
