"""Arrivals that wait a moment for the rows before them, which are being handed over just now.

Room rule: first come, first served, per key; whoever has waited decides anew what to do. Without
it a key whose records come faster than the disk writes would never leave the disk: by the time its
rows are read, marked and handed over there would always be one more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gateway.kafka.outbox_order import KeyOrder

__all__ = ["LONGEST_TURN", "Turns"]

LONGEST_TURN: Final = 0.25
"""Seconds, chosen: after that an arrival goes to the disk although its rows are not handed over."""


class Turns:
    """The drain says when it hands over what may be the last rows; arrivals of their keys wait."""

    def __init__(self, order: KeyOrder) -> None:
        self._order = order
        self._loop = asyncio.get_running_loop()
        self._queues: dict[int, deque[asyncio.Future[None]]] = {}
        self._end: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> bool:
        """True while anybody waits."""
        return bool(self._queues)

    def begin(self) -> None:
        """The rows that are there now are being handed over."""
        self.end()
        self._end = self._loop.call_later(LONGEST_TURN, self.end)

    def end(self) -> None:
        """They are, as far as they can be: who waits may go on."""
        if self._end is not None:
            self._end.cancel()
            self._end = None
        for queue in self._queues.values():
            _let_go(queue)

    async def take(self, key_hash: int) -> None:
        """Return when it is the turn of this arrival, at once when it need not wait.

        Until its caller gives up the loop, no later arrival of the key goes on.
        """
        queue = self._queues.get(key_hash)
        if queue is None:
            if self._end is None or not self._order.row_waits(key_hash):
                return
            self._queues[key_hash] = queue = deque()
        turn: asyncio.Future[None] = self._loop.create_future()
        queue.append(turn)
        try:
            await turn
        finally:
            queue.remove(turn)
            if not queue:
                del self._queues[key_hash]
            elif self._end is None and not queue[0].done():
                _let_go(queue)  # who came after the end of the turn, and before this one went on


def _let_go(queue: deque[asyncio.Future[None]]) -> None:
    for turn in queue:
        if not turn.done():
            turn.set_result(None)
