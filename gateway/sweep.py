"""Deadlines without a timer each: one coarse sweep over all that wait.

Room rule: knows the loop's clock and nothing of HTTP, Kafka or routes. A timer of the loop costs
several microseconds a request; a bucket of a dictionary costs a fraction of one. An item is in at
most one bucket, so a connection that is idle costs one look when its time is up, whatever it did
in between: whoever moves a deadline later only writes the attribute.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TICK", "Deadline", "Sweep", "Watched"]

TICK: Final = 0.05
"""Seconds between two looks; a deadline is noticed at most two ticks late, never early."""


class Watched(Protocol):
    """Something with a time limit: `deadline` on the loop's clock in seconds; `ticket` is ours."""

    deadline: float
    ticket: int

    def expire(self) -> None:
        """Called when `deadline` has passed; must not raise."""


class Sweep:
    """Looks at everything watched about when it is due; sleeps while nothing is.

    `time` is the clock of the whole process. It is the loop's unless another of the same base is
    given: uvloop's own counts milliseconds and stands still within a turn of the loop, which is
    too coarse to measure what the gateway itself takes.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, time: Callable[[], float] | None = None
    ) -> None:
        self.loop = loop
        self.time = time or loop.time
        self._buckets: dict[int, set[Watched]] = {}
        self._next = 0
        self._handle: asyncio.TimerHandle | None = None

    def watch(self, item: Watched) -> None:
        """Call `item.expire()` after `item.deadline`, once, unless `forget` comes first."""
        ticket = int(item.deadline / TICK) + 1
        if self._handle is None:
            self._next = int(self.time() / TICK) + 1
            self._schedule()
        if ticket < self._next:
            ticket = self._next
        item.ticket = ticket
        bucket = self._buckets.get(ticket)
        if bucket is None:
            self._buckets[ticket] = bucket = set()
        bucket.add(item)

    def forget(self, item: Watched) -> None:
        """Stop watching; harmless when the item has expired or was never watched."""
        bucket = self._buckets.get(item.ticket)
        if bucket is not None:
            bucket.discard(item)

    def hasten(self, item: Watched) -> None:
        """The deadline of a watched item may have moved earlier; later needs no call."""
        if item.deadline < (item.ticket - 1) * TICK:
            self.forget(item)
            self.watch(item)

    def close(self) -> None:
        """Forget everything."""
        self._buckets.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _schedule(self) -> None:
        self._handle = self.loop.call_at(self._next * TICK, self._look)

    def _look(self) -> None:
        now = self.time()
        # The tick that this was called for is looked at even when the loop's timer was a bit early.
        first, self._next = self._next, max(self._next, int(now / TICK)) + 1
        for tick in range(first, self._next):
            bucket = self._buckets.get(tick)
            while bucket:  # not a loop over it: `expire` may forget others
                item = bucket.pop()
                if item.deadline <= now:
                    item.expire()
                else:
                    self.watch(item)
            self._buckets.pop(tick, None)
        if self._buckets:
            self._schedule()
        else:
            self._handle = None


class Deadline:
    """A time limit on the running task, as `asyncio.timeout` is, on the shared sweep.

    When it passes, the task is cancelled once; `caught()` then tells that cancellation from one
    that came from elsewhere (and takes it back), so that cancelling is never mistaken for a fault.
    """

    __slots__ = ("_sweep", "_task", "deadline", "expired", "ticket")

    def __init__(self, sweep: Sweep, deadline: float) -> None:
        task = asyncio.current_task(sweep.loop)
        if task is None:
            raise RuntimeError("a deadline belongs to a task")
        self.deadline = deadline
        self.expired = False
        self.ticket = 0
        self._sweep = sweep
        self._task = task
        sweep.watch(self)

    def expire(self) -> None:
        self.expired = True
        self._task.cancel()

    def caught(self) -> bool:
        """True when the `CancelledError` at hand is this deadline's own."""
        return self.expired and self._task.uncancel() <= 0

    def end(self) -> None:
        """The work is done; do not cancel any more."""
        self._sweep.forget(self)
