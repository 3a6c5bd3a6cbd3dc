"""The routes watcher: reloads when the content of the file, or of one it includes, has changed.

Room rule: as `gateway.background`. Contents are compared, because ConfigMaps swap symbolic links
and single-file mounts keep their inode: neither inotify nor time stamps see those. A change is
taken when two looks agree, so that a file that is still being written is left alone.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NoReturn

from gateway.routing.loader import ContentDigest
from gateway.routing.sources import UnreadableFileError

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.background.routes_reload import RoutesReload

__all__ = ["RoutesWatch"]

UNREADABLE = "unreadable"

_log = logging.getLogger("gateway.routes")


class RoutesWatch:
    """Looks every `interval` seconds; `poke` makes it reload at once (SIGHUP)."""

    def __init__(self, path: Path, reload: RoutesReload, interval: float) -> None:
        self._digest = ContentDigest(path)
        self._reload = reload
        self._interval = interval
        self._poked = asyncio.Event()

    def poke(self) -> None:
        """Reload now, whether the content has changed or not."""
        self._poked.set()

    async def run(self) -> NoReturn:
        """Watch until cancelled."""
        handled = self._reload.state.digest
        before = handled
        while True:
            poked = await self._wait()
            seen = await asyncio.to_thread(self._look)
            if poked or (seen == before and seen != handled):
                await self._try_reload()
                handled = seen
            before = seen

    async def _wait(self) -> bool:
        try:
            async with asyncio.timeout(self._interval):
                await self._poked.wait()
        except TimeoutError:
            return False
        self._poked.clear()
        return True

    def _look(self) -> str:
        try:
            return self._digest.current()
        except UnreadableFileError:
            return UNREADABLE

    async def _try_reload(self) -> None:
        try:
            await self._reload.reload()
        except Exception:  # noqa: BLE001  # the watcher outlives whatever a reload meets
            _log.exception("the reload failed inside the gateway; the routes run on as they are")
