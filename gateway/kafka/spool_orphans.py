"""Spool files of workers that have died: their records move to this process's own spool.

Room rule: a file is touched only under its lock. Rows are marked as possibly sent in the old file
before they are written to the new one, so that after a crash in between no copy of a record goes
out twice without the mark of a possible duplicate.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from gateway.errors import StartError
from gateway.group_commit import StorageError
from gateway.kafka.spool import Spool, SpoolInUseError
from gateway.kafka.spool_row import RowState

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.kafka.outbox_order import KeyOrder
    from gateway.kafka.spool_drain import SpoolDrain
    from gateway.kafka.spool_row import SpoolRow

__all__ = ["QUIET", "Orphans"]

LOOK: Final = 30.0
"""Seconds, chosen, between two looks for files without an owner."""
QUIET: Final = 10.0
"""Seconds, chosen, since the last writing: a worker that is started again comes for its file by
then."""

log = logging.getLogger(__name__)


class Orphans:
    """Looks for files beside the one of `spool` and takes over what they hold."""

    def __init__(self, spool: Spool, order: KeyOrder, drain: SpoolDrain, quiet: float) -> None:
        self._quiet = quiet
        self._spool = spool
        self._order = order
        self._drain = drain

    async def run(self) -> None:
        """Look now and every now and then, for ever."""
        while True:
            try:
                for path in await asyncio.to_thread(self._others):
                    await self._adopt(path)
            except Exception:
                log.exception("Looking for the spools of dead workers failed and goes on")
            await asyncio.sleep(LOOK)

    def _others(self) -> list[Path]:
        """Return files of others that nobody has written to for a while."""
        own = self._spool.path
        others = [path for path in own.parent.glob("*.db") if path != own]
        return sorted(path for path in others if self._spool.now() - _touched(path) >= self._quiet)

    async def _adopt(self, path: Path) -> None:
        orphan = Spool(path, now=self._spool.now, committed=self._spool.committed)
        try:
            await orphan.open(patience=0.0)
        except SpoolInUseError:
            return
        except StartError as error:
            log.warning("Records may lie in a file that cannot be read: %s", error)
            return
        emptied = False
        try:
            emptied = await self._move(orphan)
        except StorageError as error:
            log.warning("%s could not be taken over: %s", path, error)
        finally:
            await (orphan.remove() if emptied else orphan.close())

    async def _move(self, orphan: Spool) -> bool:
        """Move all rows; false when there is no room for more, which is for the next look."""
        log.info("Taking over %d records of %s", orphan.records, orphan.path)
        while page := await orphan.page(0):
            if self._spool.obstacle is not None or self._spool.size >= self._spool.limit_bytes:
                return False
            seqs = [row.seq for row in page]
            await orphan.mark(seqs, RowState.SENT)
            await self._take(page)
            await orphan.delete(seqs)
        return True

    async def _take(self, page: list[SpoolRow]) -> None:
        own = [row._replace(seq=self._spool.next_seq()) for row in page]
        written = [self._spool.write(row) for row in own]
        for row in own:
            self._order.row_added(row.key_hash)
        done = await asyncio.gather(*written, return_exceptions=True)
        self._drain.wake()
        for row, error in zip(own, done, strict=True):
            if error is not None:
                self._order.row_settled(row.key_hash)
        for error in done:
            if isinstance(error, BaseException):
                raise error


def _touched(spool: Path) -> float:
    """Return when the file or its log was last written, in seconds since 1970."""
    files = (spool, spool.with_name(spool.name + "-wal"))
    return max((file.stat().st_mtime for file in files if file.exists()), default=0.0)
