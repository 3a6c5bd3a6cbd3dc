"""Everything between the gateway and the brokers, built and joined.

Room rule: as `gateway.serve`.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import orjson

from gateway.cases.store import StoreError
from gateway.handling.case_arrivals import CaseArrivals
from gateway.handling.kafka_link import KafkaLink
from gateway.kafka.dead_letters import DeadLetter, DeadLetters, Reason
from gateway.kafka.outbox import Outbox
from gateway.kafka.producer import SupervisedProducer
from gateway.kafka.profiles import PROFILES
from gateway.kafka.record import OutgoingRecord
from gateway.kafka.replies import ReplyInbox, Subscription
from gateway.kafka.spool import Spool
from gateway.telemetry.spool_meter import SpoolReading

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from datetime import datetime

    from gateway.cases.case import Case
    from gateway.handling.live_routes import LiveRoutes
    from gateway.kafka.connection import KafkaConnection
    from gateway.kafka.outbox import Fate
    from gateway.kafka.profiles import Profile
    from gateway.kafka.record import IncomingRecord
    from gateway.serve.case_side import CaseSide
    from gateway.settings import Settings
    from gateway.sweep import Sweep
    from gateway.telemetry.metrics import Metrics

__all__ = ["KafkaSide", "subscriptions"]

CLOSE_TIME: Final = 5.0
"""Seconds that the producer has for its last acknowledgements."""

READ: Final = "replies_read"
"""The stamp in the case store, one an instance: until when it has read replies and progress."""

STAMP_EVERY: Final = 5.0
"""Seconds between two of them."""

LONGEST_BACK: Final = timedelta(days=1)
"""How far back replies are read again at most; a case expires after that time."""

LETTER_SPILL: Final = 5.0
"""Seconds after which a dead letter goes to the spool."""

SPOOL: Final = "spool"
"""The folder of the spool files, in the data folder."""


_log = logging.getLogger("gateway.serve")


class KafkaSide:
    """Producer, spool, inbox and what stands between them and the cases.

    Raises `StartError` when a file of `connection` cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        connection: KafkaConnection,
        metrics: Metrics,
        cases: CaseSide,
        routes: Callable[[], LiveRoutes],
        sweep: Sweep,
        wall_clock: Callable[[], datetime],
    ) -> None:
        self._cases = cases
        self._routes = routes
        self._wall_clock = wall_clock
        self._started_at = wall_clock()
        self._stamp_name = f"{READ}:{settings.instance}"
        self.producer = SupervisedProducer(connection, metrics.kafka)
        self.spool = Spool(
            settings.data / SPOOL / f"{settings.instance}.db",
            now=lambda: wall_clock().timestamp(),
            committed=metrics.spool.committed,
            limit_bytes=settings.spool_limit,
        )
        self.outbox = Outbox(self.producer, self.spool, metrics.spool, self._settle, sweep)
        self.letters = DeadLetters(self._send_letter, metrics.cases)
        self.arrivals = CaseArrivals(
            routes, cases.book, cases.desk, self.letters, metrics.kafka, wall_clock
        )
        self.inbox = ReplyInbox(
            connection,
            metrics.kafka,
            genuine=self._genuine,
            late=self.arrivals.take,
            progress=self.arrivals.take,
            poison=self._poison,
            room=self._room,
        )
        self.link = KafkaLink(
            self.outbox,
            self.inbox,
            cases.book,
            cases.desk,
            self.letters,
            metrics.kafka.waited,
            metrics.cases.repeated,
        )

    async def open(self) -> None:
        """Open the spool: what it holds decides the order of what comes next.

        Raises `StartError`.
        """
        await self.outbox.start()

    async def connect(self) -> None:
        """Begin to connect, in the background; what the disk holds is sent first."""
        if self.outbox.depth:
            _log.info("%d records wait in %s", self.outbox.depth, self.spool.path)
        self.producer.start()
        stamp = await self._read_stamp()
        since = self._started_at if stamp is None else min(stamp, self._started_at)
        self.inbox.start(max(since, self._started_at - LONGEST_BACK))

    def tasks(self) -> list[tuple[str, Coroutine[None, None, None]]]:
        """Return what runs beside the requests, by name."""
        return [
            ("case-arrivals", self.arrivals.run()),
            ("dead-letters", self.letters.run()),
            ("replies-stamp", self._stamp()),
        ]

    def want(self, live: LiveRoutes) -> None:
        """Read the topics of these routes; what is new is read from now on."""
        self.inbox.want(subscriptions(live), self._wall_clock())

    async def close(self) -> None:
        """Stop reading, write what is left, wait a little for the last acknowledgements."""
        await self._note_read()
        await self.inbox.close()
        await self.letters.drain(CLOSE_TIME)
        await self.outbox.close(CLOSE_TIME)
        await self.producer.close(0.0)

    def reading(self) -> SpoolReading:
        """The spool as a scrape shows it."""
        spool = self.spool
        return SpoolReading(
            self.outbox.obstacle is None,
            self.outbox.depth,
            spool.size,
            spool.limit_bytes,
            spool.oldest_age,
        )

    def expired(self, case: Case) -> None:
        """No answer came: a note about the case goes where its operators look."""
        note = orjson.dumps({"id": case.id, "service": case.service, "state": case.state})
        self.letters.put(self._note(Reason.EXPIRED, case, case.id, note))

    def undeliverable(self, case: Case, event_id: str, body: bytes) -> None:
        """A channel could not be told: its callback's body is kept."""
        self.letters.put(self._note(Reason.CALLBACK, case, event_id, body))

    def _note(self, reason: Reason, case: Case, event_id: str, value: bytes) -> DeadLetter:
        record = OutgoingRecord(event_id, case.service, case.topic, None, value, ())
        return DeadLetter(reason, case.service, record, self._wall_clock())

    def _genuine(self, event_id: str) -> bool:
        return self._cases.book.ids.genuine(event_id)

    async def _room(self) -> None:
        """Let nothing be read before it can be told whose it is, and while too much waits."""
        await self._cases.book.until_ready()
        await self.arrivals.room()

    async def _settle(self, fate: Fate) -> None:
        await self.arrivals.settle(fate)

    async def _send_letter(self, record: OutgoingRecord) -> object:
        return await self.outbox.send(record, spill_after=LETTER_SPILL, journal=False, about=b"")

    def _poison(self, record: IncomingRecord, reason: str) -> None:
        self.letters.put(
            DeadLetter(Reason.REPLY_MALFORMED, "-", record, self._wall_clock(), reason)
        )

    async def _stamp(self) -> None:
        """Note now and then until when all replies were read, for the next start."""
        while True:
            await asyncio.sleep(STAMP_EVERY)
            await self._note_read()

    async def _read_stamp(self) -> datetime | None:
        """Return until when this instance had read; without the store, as far back as it goes."""
        try:
            return await self._cases.store.marked(self._stamp_name)
        except StoreError:
            return self._started_at - LONGEST_BACK

    async def _note_read(self) -> None:
        until = self.inbox.read_until()
        if until is None or self.arrivals.busy:
            return
        with suppress(StoreError):
            await self._cases.store.mark(self._stamp_name, until)


def subscriptions(live: LiveRoutes) -> dict[str, Subscription]:
    """Return what the reply and status topics of all services carry."""
    replies: dict[str, set[str]] = {}
    statuses: dict[str, set[str]] = {}
    for service in live.services.values():
        if service.kafka is None:
            continue
        backend = service.kafka.backend
        if backend.reply_topic is not None:
            replies.setdefault(backend.reply_topic, set()).add(backend.profile)
        if backend.status_topic is not None:
            statuses.setdefault(backend.status_topic, set()).add(backend.profile)
    return {
        topic: Subscription(
            _profiles(replies.get(topic, ())), topic in statuses, _profiles(statuses.get(topic, ()))
        )
        for topic in replies.keys() | statuses.keys()
    }


def _profiles(names: Iterable[str]) -> tuple[Profile, ...]:
    return tuple(PROFILES[name] for name in sorted(names))
