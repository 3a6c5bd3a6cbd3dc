"""The events of the spool, and the fates that the outbox tells, in the order in which they came."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gateway.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.kafka.outbox import Fate
    from gateway.kafka.spool_events import DrainResult, Refusal, SpoolReason

__all__ = ["RecordedFates", "RecordedSpoolEvents"]


class RecordedSpoolEvents:
    """Records every event."""

    def __init__(self) -> None:
        self.services: set[str] = set()
        self.spools: list[str] = []
        self.drains: list[str] = []
        self.refusals: list[str] = []
        self.commits = 0
        self.duplicates = 0

    def spooled(self, service: str, reason: SpoolReason) -> None:
        self.services.add(service)
        self.spools.append(str(reason))

    def drained(self, service: str, result: DrainResult, seconds: float) -> None:
        self.services.add(service)
        assert seconds >= 0
        self.drains.append(str(result))

    def refused(self, service: str, reason: Refusal) -> None:
        self.services.add(service)
        self.refusals.append(str(reason))

    def committed(self, operations: int, seconds: float) -> None:
        assert operations > 0
        assert seconds >= 0
        self.commits += 1

    def possible_duplicate(self, service: str) -> None:
        self.services.add(service)
        self.duplicates += 1


class RecordedFates:
    """Takes fates; while `away` is set it cannot, as a case store that is not there.

    Those of records in `impossible` it never can.
    """

    def __init__(self) -> None:
        self.taken: list[Fate] = []
        self.tried = 0
        self.away = False
        self.impossible: set[str] = set()
        self._changed = asyncio.Event()

    async def take(self, fate: Fate) -> None:
        self.tried += 1
        self._changed.set()
        if self.away or fate.event_id in self.impossible:
            raise GatewayError("the case store is away")
        self.taken.append(fate)

    async def until(self, happened: Callable[[RecordedFates], bool], limit: float = 30.0) -> None:
        """Wait until `happened` is true; fail after `limit` seconds."""
        async with asyncio.timeout(limit):
            while not happened(self):
                self._changed.clear()
                await self._changed.wait()
