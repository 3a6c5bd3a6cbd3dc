"""One record on its direct way to the brokers, and what happens when it does not arrive in time.

Room rule: every step is synchronous, taken on a report: of the clock, the producer or the disk.
A record is in exactly one hand: on its direct way, or a row that the drain sends. It is answered
once: acknowledged, spooled (it is on the disk then), or a fault.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.errors import SPOOL_FULL, Fault
from gateway.kafka.outbox_fates import Fate, Settled
from gateway.kafka.producer_life import BatchRefused, OutOfSequence
from gateway.kafka.rejections import FINAL
from gateway.kafka.spool import spool_failed
from gateway.kafka.spool_events import Refusal, SpoolReason
from gateway.kafka.spool_row import RowState, spool_row

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.kafka.outbox_fates import Fates
    from gateway.kafka.outbox_order import KeyOrder
    from gateway.kafka.producer import SupervisedProducer
    from gateway.kafka.producer_life import Delivery
    from gateway.kafka.record import Acknowledged, OutgoingRecord
    from gateway.kafka.spool import Spool
    from gateway.kafka.spool_drain import SpoolDrain
    from gateway.kafka.spool_events import SpoolEvents
    from gateway.kafka.spool_row import SpoolRow

__all__ = ["Books", "Sending", "Spooled"]


class Spooled(NamedTuple):
    """The record is on this node's disk, number `seq` in order of arrival, and will be sent."""

    seq: int


class Books:
    """What all sendings share: who is on the way, who has a row, whose turn it is."""

    def __init__(
        self,
        producer: SupervisedProducer,
        spool: Spool,
        events: SpoolEvents,
        order: KeyOrder,
        fates: Fates,
        drain: SpoolDrain,
        clock: Callable[[], float],
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.clock = clock
        self.producer = producer
        self.spool = spool
        self.events = events
        self.order = order
        self.fates = fates
        self.drain = drain
        self.direct: set[Sending] = set()
        self.closed = False

    def append(self, row: SpoolRow) -> asyncio.Future[None]:
        """Write `row`, and count a refusal. Raises `Fault` as `Spool.append` does."""
        try:
            return self.spool.append(row)
        except Fault as fault:
            full = fault.cause is SPOOL_FULL
            self.events.refused(row.service_id, Refusal.FULL if full else Refusal.FAILED)
            raise


class Sending:
    """The record number `seq`, from its arrival until the brokers or the drain have it.

    The sweep watches it (`deadline`, `ticket`) until it is answered. `counted`: its row makes later
    records of its key wait. `kept`: its row is on the disk. `promised`: answer when it is. `left`:
    its direct way has ended without an acknowledgement.
    """

    __slots__ = (
        "_about",
        "_books",
        "_counted",
        "_delivery",
        "_expired",
        "_fault",
        "_kept",
        "_left",
        "_promised",
        "_row",
        "_task",
        "answer",
        "began",
        "deadline",
        "record",
        "seq",
        "ticket",
    )

    def __init__(
        self, books: Books, record: OutgoingRecord, about: bytes, began: float, spill_after: float
    ) -> None:
        self._books = books
        self._about = about
        self._task = asyncio.current_task(books.loop)
        self._row: SpoolRow | None = None
        self._delivery: Delivery | None = None
        self._fault: Fault | None = None
        self._expired = self._counted = self._kept = self._promised = self._left = False
        self.answer: asyncio.Future[Acknowledged | Spooled] = books.loop.create_future()
        self.record = record
        self.seq = books.spool.next_seq()
        self.began = began
        self.deadline = began + spill_after
        self.ticket = 0
        books.order.begin(record.topic, record.key)
        books.direct.add(self)

    @property
    def way(self) -> asyncio.Future[Any]:
        """What ends when it is settled or spooled, as far as waiting is of use."""
        return self.answer if self._delivery is None else self._delivery.future

    # --- reports of whoever sends -----------------------------------------------------------

    def journal(self) -> asyncio.Future[None]:
        """Write it to the spool before it is sent. Raises `Fault`."""
        try:
            return self._write(RowState.SENT, SpoolReason.JOURNAL)
        except Fault:
            self._end_way()
            raise

    def not_journaled(self) -> Fault:
        """The disk did not take it: it is not sent either."""
        self._end_way()
        return spool_failed()

    def taken(self, delivery: Delivery) -> None:
        """The producer has it."""
        self._delivery = delivery
        self._books.order.handed_over(self.record.topic, self.record.key, delivery.life)
        delivery.future.add_done_callback(self._delivered)

    def not_taken(self, fault: Fault) -> None:
        """The producer did not take it: it was certainly not sent."""
        if fault.cause in FINAL:
            self._settle(None, fault)
        else:
            self.leave(RowState.WAITING, SpoolReason.AWAY)

    def out_of_time(self) -> bool:
        """True when the `CancelledError` at hand is the end of the wait for the producer."""
        return self._expired and self._task is not None and self._task.uncancel() <= 0

    def withdraw(self) -> None:
        """The caller has gone before the producer took it; what is in the journal is sent."""
        self.answer.cancel()
        if self._row is None:
            self._end_way()
        else:
            self.stay()

    # --- reports of the clock, the producer and the disk ------------------------------------

    def expire(self) -> None:
        """It was not acknowledged in time (called by the sweep)."""
        if self.answer.done():
            return
        if self._delivery is not None:
            self.spill()
        elif not self._left and self._task is not None:
            self._expired = True
            self._task.cancel()

    def spill(self) -> bool:
        """Answer as soon as it is on the disk, while it goes on its direct way.

        False when the disk does not take it now.
        """
        self._promise(RowState.SENT, SpoolReason.LATE)
        return self._row is not None

    def leave(self, state: RowState, reason: SpoolReason, fault: Fault | None = None) -> None:
        """Its direct way has ended: the drain sends it. `state` tells whether it is there maybe.

        `reason` is why it gets a row, if it has none yet.
        """
        self._fault = fault
        if self._row is not None:
            self.stay(unsent=state is RowState.WAITING)
            return
        self._left = True
        self._end_way()
        self._promise(state, reason)
        self._tell_drain()

    def stay(self, *, unsent: bool = True) -> None:
        """Its direct way has ended, and the drain sends the row that it has."""
        self._left = True
        self._end_way()
        self._keep()
        if unsent:
            self._books.spool.unmark([self.seq])
        self._tell_drain()

    def _delivered(self, _: asyncio.Future[Any]) -> None:
        if self._delivery is None:
            return
        if self._books.closed:
            self._end_without_disk(self._delivery)
            return
        try:
            acknowledged = self._delivery.outcome()
        except (OutOfSequence, BatchRefused):
            self.leave(RowState.WAITING, SpoolReason.AWAY)
        except Fault as fault:
            if fault.may_have_been_sent:
                self.leave(RowState.SENT, SpoolReason.AWAY, fault)
            else:
                self._settle(None, fault)
        else:
            self._settle(acknowledged, None)

    def _end_without_disk(self, delivery: Delivery) -> None:
        """Answer after the spool was closed; who has a receipt has a row for the next process."""
        if self.answer.done():
            delivery.future.exception()
            return
        try:
            self.answer.set_result(delivery.outcome())
        except (OutOfSequence, BatchRefused):
            self.answer.set_exception(spool_failed())
        except Fault as fault:
            self.answer.set_exception(fault)

    def _written(self, reason: SpoolReason, written: asyncio.Future[None]) -> None:
        if written.exception() is None:
            self._kept = True
            self._books.events.spooled(self.record.service_id, reason)
            if self._promised and not self.answer.done():
                self.answer.set_result(Spooled(self.seq))
        else:
            self._uncount_row()
            self._row = None
            self._books.drain.not_in_flight(self.seq)
            self._books.events.refused(self.record.service_id, Refusal.FAILED)
            if self._left:
                self._lose(spool_failed())

    # --- steps --------------------------------------------------------------------------------

    def _promise(self, state: RowState, reason: SpoolReason) -> None:
        if self._row is not None:
            self._keep()
            return
        self._promised = True
        try:
            _ = self._write(state, reason)  # it reports to `_written`
        except Fault as refusal:
            if self._left:
                self._lose(refusal)  # else it goes on waiting for its acknowledgement
        else:
            self._count_row()

    def _keep(self) -> None:
        """Answer with the row that it has, now or when it is on the disk."""
        self._promised = True
        self._count_row()
        if self._kept and not self.answer.done():
            self.answer.set_result(Spooled(self.seq))

    def _write(self, state: RowState, reason: SpoolReason) -> asyncio.Future[None]:
        books = self._books
        row = spool_row(self.seq, self.record, self._about, state, books.spool.now())
        written = books.append(row)
        self._row = row
        if not self._left:
            books.drain.in_flight(self.seq)
        written.add_done_callback(partial(self._written, reason))
        return written

    def _settle(self, acknowledged: Acknowledged | None, fault: Fault | None) -> None:
        books = self._books
        self._end_way()
        self._uncount_row()
        if acknowledged is not None:
            books.producer.acknowledged(self.record.service_id, books.clock() - self.began)
        if self.answer.done():
            books.fates.late(Settled(self._row, self._fate(acknowledged, fault)))
        elif fault is not None:
            self._forget_row()
            self.answer.set_exception(fault)
        elif acknowledged is not None:
            self._forget_row()
            self.answer.set_result(acknowledged)

    def _lose(self, refusal: Fault) -> None:
        """Neither the brokers nor the disk have it for certain."""
        fault = self._fault or refusal
        if not self.answer.done():
            self.answer.set_exception(fault)
        else:
            self._books.fates.late(Settled(None, self._fate(None, fault)))

    def _fate(self, acknowledged: Acknowledged | None, fault: Fault | None) -> Fate:
        record = self.record
        return Fate(
            record.event_id,
            record.service_id,
            self._about,
            acknowledged,
            fault,
            replayed=False,
            record=record,
        )

    def _forget_row(self) -> None:
        if self._row is not None:
            self._books.spool.resolve([self.seq])

    def _end_way(self) -> None:
        books = self._books
        record = self.record
        books.order.end(record.topic, record.key, handed_over=self._delivery is not None)
        books.direct.discard(self)
        if self._row is not None:
            books.drain.not_in_flight(self.seq)
        if books.order.waiting:
            books.drain.wake()

    def _tell_drain(self) -> None:
        self._books.drain.added(self.seq, None if self._row is None else self._row.key_hash)

    def _count_row(self) -> None:
        if self._row is not None and not self._counted:
            self._counted = True
            self._books.order.row_added(self._row.key_hash)

    def _uncount_row(self) -> None:
        if self._row is not None and self._counted:
            self._counted = False
            self._books.order.row_settled(self._row.key_hash)
