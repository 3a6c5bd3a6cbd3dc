"""The watcher: when it reloads, and that nothing ends it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING

from gateway.background.routes_watch import RoutesWatch, WatchedFiles
from tests.background.reloading import BOTH, ReloadedFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    import pytest

EVERY = 0.01


class ScriptedFiles:
    """Files whose looks are told one by one; the last one repeats and "?" raises. The first `fails`
    reloads raise.
    """

    def __init__(self, looks: Iterator[str], fails: int = 0) -> None:
        self.seen = "first"
        self.looked = 0
        self.read: list[str] = []
        self._looks = looks
        self._now = self.seen
        self._fails = fails

    def look(self) -> str:
        self.looked += 1
        self._now = next(self._looks, self._now)
        if self._now == "?":
            raise LookupError("a fault inside the gateway")
        return self._now

    async def reload(self) -> None:
        self.seen = self._now
        self.read.append(self._now)
        if len(self.read) <= self._fails:
            raise LookupError("a fault inside the gateway")


@asynccontextmanager
async def watched(files: WatchedFiles, every: float = EVERY) -> AsyncIterator[RoutesWatch]:
    watch = RoutesWatch(files, every)
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while True:
            if condition():
                return
            await asyncio.sleep(EVERY)


async def test_a_change_is_taken_by_itself(tmp_path: Path) -> None:
    file = ReloadedFile(tmp_path / "routes.yaml")
    await file.first()
    async with watched(file.reload):
        file.write(BOTH)
        await until(lambda: file.services == ["edu.one", "edu.two"])


async def test_what_has_not_changed_is_not_read() -> None:
    files = ScriptedFiles(iter(["first"]))
    async with watched(files):
        await until(lambda: files.looked > 5)
    assert files.read == []


async def test_a_change_is_read_once_when_two_looks_agree() -> None:
    files = ScriptedFiles(iter(["half", "second", "second"]))
    async with watched(files):
        await until(lambda: files.looked > 6)
    assert files.read == ["second"]


async def test_a_file_that_is_still_being_written_is_left_alone() -> None:
    files = ScriptedFiles(f"{number} bytes" for number in count())
    async with watched(files):
        await until(lambda: files.looked > 6)
    assert files.read == []


async def test_what_is_undone_before_two_looks_agree_is_not_read() -> None:
    files = ScriptedFiles(iter(["second", "first", "first"]))
    async with watched(files):
        await until(lambda: files.looked > 6)
    assert files.read == []


async def test_it_reads_at_once_when_it_is_poked_whether_anything_has_changed_or_not() -> None:
    files = ScriptedFiles(iter(["first"]))
    async with watched(files, every=3600) as watch:
        watch.poke()
        await until(lambda: len(files.read) == 1)
        watch.poke()
        await until(lambda: len(files.read) == 2)


async def test_what_a_reload_meets_does_not_end_the_watcher(
    caplog: pytest.LogCaptureFixture,
) -> None:
    looks = iter(["second", "second", "?", "third", "third"])
    files = ScriptedFiles(looks, fails=1)
    async with watched(files):
        await until(lambda: files.read == ["second", "third"])
    assert caplog.text.count("the routes run on as they are") == 2
