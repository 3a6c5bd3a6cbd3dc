"""The living side of the cases, above any store: ids, counting, waiting, and keeping house.

Room rule: as `gateway.cases`. Everybody who moves a case does it through the book, so that metrics
and store cannot disagree.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from gateway.cases.case import State, Verdict
from gateway.cases.identity import CaseIds
from gateway.cases.store import StoreError
from gateway.cases.watches import Watches

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from gateway.cases.case import Case
    from gateway.cases.events import CaseEvents
    from gateway.cases.store import CaseStore
    from gateway.cases.transitions import CaseEvent

__all__ = ["CaseBook"]

EVERY: Final = 5.0
"""Seconds between two rounds of keeping house."""
EXPIRE_AT_A_TIME: Final = 200
SWEEP_AT_A_TIME: Final = 500
"""Cases in one transaction: a few milliseconds in which no receipt is written."""
BREATH: Final = 0.05
"""Seconds between two of them, which belong to the receipts."""
NOBODY: Final = "-"

T = TypeVar("T")

_log = logging.getLogger(__name__)


class CaseBook:
    """One for the process. `wall_clock` gives the time in UTC.

    `expired` is called for each case whose time ran out; it must return at once. `kept` is for
    how many seconds after its last change a case is kept.
    """

    def __init__(
        self,
        store: CaseStore,
        events: CaseEvents,
        wall_clock: Callable[[], datetime],
        expired: Callable[[Case], None],
        kept: float,
        *,
        every: float = EVERY,
    ) -> None:
        self.store: Final = store
        self.events: Final = events
        self._wall_clock = wall_clock
        self._expired = expired
        self._kept = timedelta(seconds=kept)
        self._every = every
        self._loop = asyncio.get_running_loop()
        self._watches = Watches(store.find)
        self._ids: CaseIds | None = None
        self._ready = asyncio.Event()
        self._up: bool | None = None
        store.on_change(self._watches.changed)

    async def until_ready(self) -> None:
        """Wait until the key of the ids is known: before that nobody can tell whose a reply is."""
        await self._ready.wait()

    @property
    def ids(self) -> CaseIds:
        """What makes and checks ids. Raises `StoreError` while the store was never reached."""
        if self._ids is None:
            raise StoreError("the case store was not reached yet, and it holds the key of the ids")
        return self._ids

    async def open(self) -> None:
        """Open the store. Raises `StartError` when it can never work as configured."""
        await self.store.open()
        try:
            await self._learn_key()
        except StoreError as error:
            _log.warning("%s", error)
        self._look()

    async def close(self) -> None:
        """Let all who wait go, and close the store."""
        await self._watches.close()
        await self.store.close()

    def insert(self, case: Case) -> asyncio.Future[None]:
        """Keep a new case; the writing has begun when this returns."""
        began = self._loop.time()
        inserted = self.store.insert(case)
        inserted.add_done_callback(lambda done: self._inserted(case, began, done))
        return inserted

    async def apply(self, case_id: str, event: CaseEvent) -> tuple[Case, Verdict] | None:
        """Let an event happen to a case; None when there is no such case. Raises `StoreError`."""
        applied = await self._timed("apply", self.store.apply(case_id, event))
        if applied is None:
            self.events.rejected(NOBODY, "unknown_case")
            return None
        case, verdict = applied
        if verdict is Verdict.TAKEN:
            if case.state is event.state:  # else a hop or an answer that the state had overtaken
                self.events.transition(case.service, case.state)
        elif verdict is not Verdict.REPEATED:
            self.events.rejected(case.service, verdict.value)
        return applied

    async def wait(
        self, case_id: str, enough: Callable[[Case], bool], deadline: float
    ) -> Case | None:
        """Return the case once it is `enough`, at `deadline` (the loop's clock) as it is then.

        None: there is no such case, or the store is away.
        """
        return await self._watches.wait(case_id, enough, deadline)

    async def changed(self, seen: Case, deadline: float) -> Case | None:
        """Return the case once it is newer than `seen`; None when it is not by `deadline`."""
        revision = seen.revision
        case = await self._watches.wait(seen.id, lambda c: c.revision > revision, deadline)
        return case if case is not None and case.revision > revision else None

    def let_go(self) -> None:
        """End every waiting at once, now and from now on: the process is about to stop."""
        self._watches.let_go()

    async def housekeep(self) -> None:
        """Expire, sweep and count, until cancelled."""
        while True:
            try:
                await self._round()
            except StoreError as error:
                _log.warning("cases could not be looked after: %s", error)
            self._look()
            await asyncio.sleep(self._every)

    async def _round(self) -> None:
        if self._ids is None:
            await self._learn_key()
        self._watches.read_again()
        await _all_of(self._expire, EXPIRE_AT_A_TIME)
        await _all_of(self._sweep, SWEEP_AT_A_TIME)
        await _all_of(self._sweep_keys, SWEEP_AT_A_TIME)
        counts = await self._timed("count", self.store.count())
        self.events.counted({(service, state.value): n for (service, state), n in counts.items()})

    async def _expire(self) -> int:
        expiring = self.store.expire(self._wall_clock(), EXPIRE_AT_A_TIME)
        cases = await self._timed("expire", expiring)
        for case in cases:
            self.events.transition(case.service, State.EXPIRED)
            self.events.expired(case.service)
            self._expired(case)
        return len(cases)

    async def _sweep_keys(self) -> int:
        return await self._timed("sweep_keys", self.store.sweep_keys(SWEEP_AT_A_TIME))

    async def _sweep(self) -> int:
        before = self._wall_clock() - self._kept
        swept = await self._timed("sweep", self.store.sweep(before, SWEEP_AT_A_TIME))
        if swept:
            self.events.swept(swept)
        return swept

    async def _learn_key(self) -> None:
        self._ids = CaseIds(await self.store.secret())
        self._ready.set()

    async def _timed(self, operation: str, work: Awaitable[T]) -> T:
        began = self._loop.time()
        try:
            return await work
        except StoreError:
            self._look()
            raise
        finally:
            self.events.store_duration(operation, self._loop.time() - began)

    def _inserted(self, case: Case, began: float, done: asyncio.Future[None]) -> None:
        self.events.store_duration("insert", self._loop.time() - began)
        if done.cancelled():
            return
        if done.exception() is None:
            self.events.transition(case.service, case.state)
        else:
            self._look()

    def _look(self) -> None:
        """Tell when the store works again or no longer."""
        up = self.store.failure is None
        if up is not self._up:
            self._up = up
            self.events.store_up(up)
            if up:
                self._watches.read_again()


async def _all_of(work: Callable[[], Awaitable[int]], at_a_time: int) -> None:
    """Repeat `work` until it finds less than it could take."""
    while True:
        if await work() < at_a_time:
            return
        await asyncio.sleep(BREATH)
