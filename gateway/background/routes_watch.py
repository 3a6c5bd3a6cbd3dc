"""The routes watcher: reloads when the content of the file, an included one or a key has changed.

Room rule: as `gateway.background`. Contents are compared, because ConfigMaps swap symbolic links
and single-file mounts keep their inode: neither inotify nor time stamps see those. A change is
taken when two looks agree, so that a file that is still being written is left alone.
"""

from __future__ import annotations

import asyncio
import logging
from typing import NoReturn, Protocol

__all__ = ["RoutesWatch", "WatchedFiles"]

_log = logging.getLogger("gateway.routes")


class WatchedFiles(Protocol):
    """What is watched; `gateway.background.routes_reload.RoutesReload` is one."""

    seen: str
    """What `look` would have returned when the files were read last."""

    def look(self) -> str:
        """Return a text that differs when the files or the keys do; runs in a thread."""

    async def reload(self) -> None:
        """Read the files and apply what is good."""


class RoutesWatch:
    """Looks every `interval` seconds; `poke` makes it reload at once (SIGHUP)."""

    def __init__(self, watched: WatchedFiles, interval: float) -> None:
        self._watched = watched
        self._interval = interval
        self._poked = asyncio.Event()

    def poke(self) -> None:
        """Reload now, whether the content has changed or not."""
        self._poked.set()

    async def run(self) -> NoReturn:
        """Watch until cancelled."""
        before = self._watched.seen
        while True:
            poked = await self._wait()
            try:
                before = await self._turn(before, poked=poked)
            except Exception:  # noqa: BLE001  # the watcher outlives whatever a reload meets
                _log.exception(
                    "the reload failed inside the gateway; the routes run on as they are"
                )

    async def _wait(self) -> bool:
        try:
            async with asyncio.timeout(self._interval):
                await self._poked.wait()
        except TimeoutError:
            return False
        self._poked.clear()
        return True

    async def _turn(self, before: str, *, poked: bool) -> str:
        """Look once, and reload if there is a reason to; return what was seen."""
        seen = await asyncio.to_thread(self._watched.look)
        if poked or (seen == before and seen != self._watched.seen):
            await self._watched.reload()
        return seen
