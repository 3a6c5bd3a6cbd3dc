"""Telling what became of records whose caller has its receipt, and only then forgetting them.

Room rule: a row leaves the spool after whoever keeps the cases has taken its fate. While it cannot
(its own store may be away) the fate is told again; the record itself is not sent again. A fate that
is never taken holds up nothing but its own row.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from gateway.kafka.spool_events import DrainResult

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from gateway.errors import Fault
    from gateway.kafka.record import Acknowledged, OutgoingRecord
    from gateway.kafka.spool import Spool
    from gateway.kafka.spool_events import SpoolEvents
    from gateway.kafka.spool_row import SpoolRow

__all__ = ["Fate", "Fates", "Settled"]

AGAIN: Final = 1.0
"""Seconds, chosen, before a fate that was not taken is told again."""

log = logging.getLogger(__name__)


class Fate(NamedTuple):
    """What became of a record that was given back as spooled, or whose caller did not wait.

    One of `acknowledged` and `fault` is None. `replayed`: it was sent again after it may have been
    written, so that the topic may hold it twice, the later copy marked. `record` is as it was
    handed in; with a fault, whoever takes the fate keeps it: it leaves the spool.
    """

    event_id: str
    service_id: str
    about: bytes
    acknowledged: Acknowledged | None
    fault: Fault | None
    replayed: bool
    record: OutgoingRecord


class Settled(NamedTuple):
    """A settled record and its fate; `row` is None when it is not in the spool."""

    row: SpoolRow | None
    fate: Fate


class Fates:
    """Tells fates; `take` may fail, and is called again then."""

    def __init__(
        self, spool: Spool, events: SpoolEvents, take: Callable[[Fate], Awaitable[None]]
    ) -> None:
        self._spool = spool
        self._events = events
        self._take = take
        self._loop = asyncio.get_running_loop()
        self._late: list[Settled] = []
        self._telling: list[Settled] = []
        self._untaken: list[Settled] = []
        self._again = 0.0
        self._news = asyncio.Event()
        self._all_told = asyncio.Event()
        self._all_told.set()

    @property
    def untold(self) -> set[int]:
        """Rows that are settled and whose fate nobody has taken yet."""
        waiting = (*self._late, *self._telling, *self._untaken)
        return {one.row.seq for one in waiting if one.row is not None}

    def late(self, settled: Settled) -> None:
        """Tell this one soon; `run` does."""
        self._late.append(settled)
        self._all_told.clear()
        self._news.set()

    async def until_told(self, limit: float) -> None:
        """Wait until nothing is left to tell, `limit` seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await self._all_told.wait()

    async def run(self) -> None:
        """Tell what `late` notes, and what was not taken again and again, for ever."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._again if self._untaken else None):
                    await self._news.wait()
            self._news.clear()
            self._telling, self._late = self._late, []
            if self._untaken and self._loop.time() >= self._again:
                self._telling += self._untaken
                self._untaken = []
            await self.tell(self._telling)
            self._telling = []
            if not self._late and not self._untaken:
                self._all_told.set()

    async def tell(self, settled: Sequence[Settled]) -> None:
        """Tell these now; `run` tells those again that are not taken.

        The rows of those that are taken are on their way out of the spool then.
        """
        errors = await asyncio.gather(
            *(self._take(fate) for _, fate in settled), return_exceptions=True
        )
        both = list(zip(settled, errors, strict=True))
        self._forget([one for one, error in both if error is None])
        untaken = [one for one, error in both if error is not None]
        if untaken:
            texts = {str(error) or type(error).__name__ for error in errors if error}
            log.warning("%d fates were not taken: %s", len(untaken), "; ".join(sorted(texts)))
            self._tell_again(untaken)

    def _tell_again(self, untaken: Sequence[Settled]) -> None:
        if not self._untaken:
            self._again = self._loop.time() + AGAIN
        self._untaken += untaken
        self._all_told.clear()
        self._news.set()

    def _forget(self, taken: Sequence[Settled]) -> None:
        now = self._spool.now()
        for row, fate in taken:
            if row is not None:
                result = DrainResult.PUBLISHED if fate.fault is None else DrainResult.REFUSED
                self._events.drained(row.service_id, result, max(0.0, now - row.created))
        self._spool.resolve([row.seq for row, _ in taken if row is not None])
