"""The events of the room `kafka`, kept in the order in which they happened."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.kafka.events import ReplyFate

__all__ = ["RecordedEvents"]

Kept = TypeVar("Kept")


class RecordedEvents:
    """Records every event; `until` waits for what has to happen."""

    def __init__(self) -> None:
        self.produces: list[str] = []
        self.fates: list[tuple[str, str]] = []
        self.restarts = 0
        self.connections: list[bool] = []
        self.positions: dict[str, bool] = {}
        self.positionings: list[tuple[str, bool]] = []
        self._changed = asyncio.Event()

    def produced(self, service: str, seconds: float) -> None:
        assert seconds >= 0
        self._note(self.produces, service)

    def replied(self, service: str, fate: ReplyFate) -> None:
        self._note(self.fates, (service, str(fate)))

    def producer_restarted(self) -> None:
        self.restarts += 1
        self._changed.set()

    def connected(self, up: bool) -> None:  # noqa: FBT001  # the protocol's signature
        self._note(self.connections, up)

    def positioned(self, topic: str, ready: bool) -> None:  # noqa: FBT001  # as above
        self.positions[topic] = ready
        self._note(self.positionings, (topic, ready))

    async def until(self, happened: Callable[[RecordedEvents], bool], limit: float = 30.0) -> None:
        """Wait until `happened` is true of these events; fail after `limit` seconds."""
        async with asyncio.timeout(limit):
            while not happened(self):
                self._changed.clear()
                await self._changed.wait()

    async def until_connected(self, *, up: bool = True) -> None:
        """Wait until the last word about the connection is `up`."""
        await self.until(lambda events: bool(events.connections) and events.connections[-1] is up)

    async def until_produced(self, more: int) -> None:
        """Wait until `more` records have been acknowledged from now on."""
        goal = len(self.produces) + more
        await self.until(lambda events: len(events.produces) >= goal)

    def _note(self, kept: list[Kept], event: Kept) -> None:
        kept.append(event)
        self._changed.set()
