"""The desk where everything that is learnt about a case arrives, and is written down in one way.

Room rule: as `gateway.handling`. An answer, the department's progress, what became of a spooled
record: each is an event of one case. The table of states takes or refuses it, it is counted, and
the channel is told. Nothing that arrives here is dropped in silence.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from gateway.cases.case import State, Verdict
from gateway.cases.store import StoreError
from gateway.cases.transitions import CaseEvent, apply
from gateway.handling.case_answers import answer_event

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from gateway.cases.book import CaseBook
    from gateway.cases.case import Case
    from gateway.errors import Fault
    from gateway.message import ServiceReply

__all__ = ["CaseDesk", "Opened"]

_log = logging.getLogger("gateway.handling")


class Opened:
    """A case whose storing has begun; `stored` ends with it, None when it was there before."""

    __slots__ = ("case", "stored")

    def __init__(self, case: Case, stored: Awaitable[None] | None) -> None:
        self.case: Final = case
        self.stored: Final = stored


class CaseDesk:
    """`wall_clock` gives the time in UTC; `taken` hears of each case that has taken an event."""

    def __init__(
        self,
        cases: CaseBook,
        wall_clock: Callable[[], datetime],
        taken: Callable[[Case], None],
    ) -> None:
        self._cases = cases
        self._wall_clock = wall_clock
        self._taken = taken
        self._noting: set[asyncio.Task[None]] = set()

    async def open(self, case: Case, event: CaseEvent) -> Case:
        """Store a new case together with what became of its record; one write."""
        case, _ = apply(case, event)
        await self._cases.insert(case)
        return case

    async def note(self, case_id: str, event: CaseEvent) -> tuple[Case, Verdict] | None:
        """Store an event; return the case as it is now, None when there is none."""
        result = await self._cases.apply(case_id, event)
        if result is not None and result[1] is Verdict.TAKEN:
            self._taken(result[0])
        return result

    def answered(self, opened: Opened, sent: CaseEvent, reply: ServiceReply) -> None:
        """The answer came while its caller waits: it is stored, and nobody waits for that.

        Should the gateway die before it is, the reply topic is read again.
        """
        self._note_soon(opened, answer_event(reply, self._wall_clock(), sent))

    def failed(self, opened: Opened, sent: CaseEvent | None, fault: Fault) -> None:
        """The caller is told of a fault: the case says so too."""
        event = CaseEvent(State.FAILED, self._wall_clock(), note=fault.cause.code)
        if sent is not None:
            event = event._replace(place=sent.place, durability=sent.durability)
        self._note_soon(opened, event)

    async def close(self) -> None:
        """Finish what is being noted."""
        if self._noting:
            await asyncio.wait(self._noting)

    def _note_soon(self, opened: Opened, event: CaseEvent) -> None:
        noting = self._note_in_the_end(opened, event)
        task = asyncio.get_running_loop().create_task(noting, name="case-note")
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def _note_in_the_end(self, opened: Opened, event: CaseEvent) -> None:
        try:
            if opened.stored is not None:
                await opened.stored
            await self.note(opened.case.id, event)
        except StoreError as error:
            _log.error("a case could not be brought up to date: %s", error)
