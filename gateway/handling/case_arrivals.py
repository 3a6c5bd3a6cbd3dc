"""What comes from Kafka for cases that nobody waits for: late answers, progress, spooled records.

Room rule: as `gateway.handling`. Events are worked on many at a time, those of one case one after
the other; while the case store is away they wait, and reading from Kafka waits with them.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from gateway.cases.case import PROGRESS, Case, Place, State, Step, Verdict
from gateway.cases.store import StoreError
from gateway.cases.transitions import CaseEvent
from gateway.errors import Fault
from gateway.handling.case_answers import answer_event, check_reply
from gateway.handling.submission import PATIENCE
from gateway.kafka.dead_letters import DeadLetter, Reason
from gateway.kafka.events import ReplyFate
from gateway.kafka.replies import LateReply
from gateway.routing.model import KafkaMode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.cases.book import CaseBook
    from gateway.handling.case_desk import CaseDesk
    from gateway.handling.live_routes import LiveRoutes
    from gateway.handling.route_runtime import ServiceRuntime
    from gateway.kafka.dead_letters import DeadLetters
    from gateway.kafka.events import KafkaEvents
    from gateway.kafka.outbox import Fate
    from gateway.kafka.record import IncomingRecord
    from gateway.kafka.status_events import StatusEvent

__all__ = ["CaseArrivals"]

AT_A_TIME: Final = 256
FULL: Final = 10_000
RETRY: Final = 1.0
"""Seconds between two tries while the case store is away, and for a case that is not there yet."""
NOBODY: Final = "-"

_log = logging.getLogger("gateway.handling")


class CaseArrivals:
    """`routes` gives the version in force; `wall_clock` the time in UTC.

    `full` is how many events wait here before reading from Kafka pauses.
    """

    def __init__(
        self,
        routes: Callable[[], LiveRoutes],
        cases: CaseBook,
        desk: CaseDesk,
        letters: DeadLetters,
        events: KafkaEvents,
        wall_clock: Callable[[], datetime],
        *,
        full: int = FULL,
    ) -> None:
        self._routes = routes
        self._cases = cases
        self._desk = desk
        self._letters = letters
        self._events = events
        self._wall_clock = wall_clock
        self._full = full
        self._waiting: deque[LateReply | StatusEvent] = deque()
        self._working = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def take(self, event: LateReply | StatusEvent) -> None:
        """Queue what the inbox could give to no waiting request."""
        self._waiting.append(event)
        self._news.set()
        if len(self._waiting) >= self._full:
            self._room.clear()

    @property
    def busy(self) -> bool:
        """True while something that was read is not stored yet."""
        return bool(self._waiting) or self._working

    async def room(self) -> None:
        """Wait until more may come."""
        await self._room.wait()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._news.clear()
            if not self._waiting:
                self._room.set()
                await self._news.wait()
            self._working = True
            async with asyncio.TaskGroup() as group:
                for events in self._next().values():
                    group.create_task(self._work(events), name="case-arrival")
            self._working = False

    async def settle(self, fate: Fate) -> None:
        """Note what became of a record whose caller has a receipt for the spool.

        Raises `StoreError`: then the row stays in the spool, and this is tried again. A record
        without a case is a dead letter itself.
        """
        if not fate.about:
            return
        event = self._event(fate)
        if await self._desk.note(fate.event_id, event) is None:
            await self._cases.insert(self._restored(fate))
            await self._desk.note(fate.event_id, event)
        if fate.fault is not None:  # last: what raises is tried again
            self._letters.put(self._refused(fate))

    def _next(self) -> dict[str, list[LateReply | StatusEvent]]:
        """Take the next events from the queue, by case."""
        batch: dict[str, list[LateReply | StatusEvent]] = {}
        for _ in range(min(AT_A_TIME, len(self._waiting))):
            event = self._waiting.popleft()
            batch.setdefault(event.event_id, []).append(event)
        return batch

    async def _work(self, events: list[LateReply | StatusEvent]) -> None:
        for event in events:
            while True:
                try:
                    await self._one(event)
                    break
                except StoreError as error:
                    _log.warning("an event of a case waits for the case store: %s", error)
                    await asyncio.sleep(RETRY)
                except Exception as error:  # noqa: BLE001  # one event must not stop all others
                    # The error's own text may show what a department wrote about a person.
                    kind = type(error).__name__
                    _log.error("an event of case %s cannot be handled (%s)", event.event_id, kind)
                    break

    async def _one(self, event: LateReply | StatusEvent) -> None:
        case = await self._cases.store.find(event.event_id)
        if case is None:
            await asyncio.sleep(RETRY)  # another gateway may be about to store it
            case = await self._cases.store.find(event.event_id)
        service = None if case is None else self._routes().services.get(case.service)
        if isinstance(event, LateReply):
            await self._late(event, case, service)
        else:
            await self._progress(event, case, service)

    async def _late(
        self, late: LateReply, case: Case | None, service: ServiceRuntime | None
    ) -> None:
        kafka = None if service is None else service.kafka
        if case is None or kafka is None or kafka.backend.reply_topic != late.topic:
            self._events.replied(NOBODY, ReplyFate.FOREIGN)
            return
        if late.reply is None:
            self._events.replied(case.service, ReplyFate.MALFORMED)
            await self._desk.note(case.id, self._failure("reply_malformed"))
            return
        try:
            check_reply(kafka.reply_check, late.reply)
        except Fault as fault:
            self._events.replied(case.service, ReplyFate.MALFORMED)
            self._letters.put(
                DeadLetter(Reason.REPLY_INVALID, case.service, late.record, self._wall_clock())
            )
            await self._desk.note(case.id, self._failure(fault.cause.code))
            return
        noted = await self._desk.note(case.id, answer_event(late.reply, self._wall_clock()))
        taken = noted is not None and noted[1] is Verdict.TAKEN
        self._events.replied(case.service, ReplyFate.LATE if taken else ReplyFate.DUPLICATE)

    async def _progress(
        self, told: StatusEvent, case: Case | None, service: ServiceRuntime | None
    ) -> None:
        kafka = None if service is None else service.kafka
        if case is None or kafka is None or kafka.backend.status_topic != told.topic:
            self._cases.events.rejected(NOBODY, "unknown_case")
            return
        now = self._wall_clock()
        await self._desk.note(
            case.id,
            CaseEvent(
                _state(kafka.backend.state_map, told.state),
                min(told.at or _written(told.record) or now, now),
                version=told.version,
                note=told.note,
            ),
        )

    def _failure(self, note: str) -> CaseEvent:
        return CaseEvent(State.FAILED, self._wall_clock(), note=note)

    def _event(self, fate: Fate) -> CaseEvent:
        now = self._wall_clock()
        if fate.acknowledged is None:
            note = None if fate.fault is None else fate.fault.cause.code
            return CaseEvent(State.FAILED, now, possible_duplicate=fate.replayed, note=note)
        return CaseEvent(
            State.PUBLISHED,
            now,
            place=Place(*fate.acknowledged),
            durability="kafka",
            possible_duplicate=fate.replayed,
        )

    def _restored(self, fate: Fate) -> Case:
        """Make the case anew of what lay with the record: its store knows less than the spool."""
        channel, mode, at = fate.about.decode().split(" ")
        accepted, now = datetime.fromisoformat(at), self._wall_clock()
        service = self._routes().services.get(fate.service_id)
        return Case(
            id=fate.event_id,
            service=fate.service_id,
            department=NOBODY if service is None else service.department.department.id,
            channel=channel,
            topic=fate.record.topic,
            mode=KafkaMode(mode),
            state=State.SPOOLED,
            accepted_at=accepted,
            updated_at=now,
            durability="local",
            expires_at=now + PATIENCE if mode == KafkaMode.REPLY else None,
            history=(Step(State.RECEIVED, accepted), Step(State.SPOOLED, accepted, "local")),
        )

    def _refused(self, fate: Fate) -> DeadLetter:
        return DeadLetter(Reason.REFUSED, fate.service_id, fate.record, self._wall_clock())


def _written(record: IncomingRecord) -> datetime | None:
    """When the record was written, so that one that is read again is recognised."""
    if record.timestamp is None or record.timestamp < 0:
        return None
    try:
        return datetime.fromtimestamp(record.timestamp / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None  # some other unit than milliseconds


def _state(state_map: Mapping[str, str], word: str) -> State | None:
    """Translate a department's word; one that is a state of progress already needs no map."""
    mapped = state_map.get(word, word)
    return next((state for state in PROGRESS if state == mapped), None)
