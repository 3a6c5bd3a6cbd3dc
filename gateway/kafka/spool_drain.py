"""The drain: sends what lies in the spool, in order of arrival per key, without starving the rest.

Room rule: a page of rows is marked as sent on the disk before the first of them is handed over, so
that after a crash exactly those that the brokers may have carry the mark of a possible duplicate.
All rows of a page go through one life of the producer, one after the other without waiting: within
a life the records of a partition stay in order, and when one is not kept none after it is. No row
is handed over while an earlier record of its key is unsettled elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gateway.errors import TOPIC_UNKNOWN, Fault
from gateway.group_commit import StorageError
from gateway.kafka.outbox_fates import Fate, Settled
from gateway.kafka.producer_life import BatchRefused, OutOfSequence
from gateway.kafka.rejections import FINAL
from gateway.kafka.spool_row import RowState
from gateway.kafka.spool_topics import MissingTopics

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.kafka.outbox_fates import Fates
    from gateway.kafka.outbox_order import KeyOrder
    from gateway.kafka.producer import SupervisedProducer
    from gateway.kafka.producer_life import Delivery, ProducerLife
    from gateway.kafka.record import Acknowledged
    from gateway.kafka.spool import Spool
    from gateway.kafka.spool_events import SpoolEvents
    from gateway.kafka.spool_row import SpoolRow

__all__ = ["SpoolDrain"]

CHUNK: Final = 25
"""Rows that are handed over before the loop gets as much time for others as they took."""
LONGEST_REST: Final = 0.02
PAUSE: Final = 1.0
"""Seconds before rows that could not be sent are looked at again, unless something happens."""
LAST_ATTEMPT: Final = 3
"""Failures by itself, with brokers that answer, after which a row is refused; from the first one on
it is sent alone, so that it is not judged by its batch."""
GLANCE: Final = 0.02
"""Seconds between two passes at least: what arrives meanwhile is one page and one commit."""

log = logging.getLogger(__name__)


class _Sent(NamedTuple):
    row: SpoolRow
    delivery: Delivery


class SpoolDrain:
    """Sends the rows of `spool` whenever the producer is connected; `run` is its task.

    `clock` measures its share of the loop's time, in seconds.
    """

    def __init__(
        self,
        spool: Spool,
        producer: SupervisedProducer,
        events: SpoolEvents,
        order: KeyOrder,
        fates: Fates,
        clock: Callable[[], float],
    ) -> None:
        self._spool = spool
        self._producer = producer
        self._events = events
        self._order = order
        self._fates = fates
        self._clock = clock
        self._in_flight: set[int] = set()
        self._held: set[int] = set()
        self._barrier = 0
        self._attempts: dict[int, int] = {}
        self._topics = MissingTopics()
        self._news = asyncio.Event()
        self._stopping = False
        self._stopped = asyncio.Event()

    # --- reports of those who are on their direct way -----------------------------------------

    def in_flight(self, seq: int) -> None:
        """This row's record is on its direct way."""
        self._in_flight.add(seq)

    def not_in_flight(self, seq: int) -> None:
        """This row's record is settled, or the drain's from now on."""
        self._in_flight.discard(seq)

    def added(self, seq: int, key_hash: int | None) -> None:
        """The drain has one more row, which may be older than those that it is reading."""
        if seq < self._barrier and key_hash is not None:
            self._held.add(key_hash)
        self._news.set()

    def wake(self) -> None:
        """Something is settled for which rows may have waited."""
        self._news.set()

    def stop(self) -> None:
        """Send no more than what is handed over."""
        self._stopping = True
        self._news.set()

    async def until_stopped(self, limit: float) -> None:
        """Wait for the end of what `stop` left, `limit` seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await self._stopped.wait()

    # --- the task ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Drain until `stop`; survives whatever fails."""
        try:
            while not self._stopping:
                try:
                    await self._turn()
                except StorageError as error:
                    log.warning("The spool is not drained: %s", error)
                    await self._rest(PAUSE)
                except Exception:
                    log.exception("The drain of the spool failed and goes on")
                    await self._rest(PAUSE)
        finally:
            self._stopped.set()

    async def _turn(self) -> None:
        self._news.clear()
        if self._spool.records == 0:
            await self._news.wait()
        elif self._spool.records <= len(self._not_mine()):
            await self._rest(PAUSE)
        elif self._producer.life is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE):
                    await self._producer.until_connected()
        else:
            await self._pass()
            await asyncio.sleep(GLANCE)
            await self._rest(PAUSE)

    def _not_mine(self) -> set[int]:
        """Rows in the file that are on their direct way, or settled."""
        return self._in_flight.union(self._spool.gone, self._fates.untold)

    async def _pass(self) -> None:
        """Go through the file once, from the oldest row on, as far as all goes well."""
        self._held = set()
        after = 0
        while not self._stopping:
            life = self._producer.life
            if life is None:
                return
            # What arrives from now on comes after every row of the page.
            self._barrier = self._spool.next_seq()
            not_mine = self._not_mine()
            page = self._alone(await self._spool.page(after))
            not_mine |= self._not_mine()  # also what was settled while the page was read
            if not page:
                return
            after = page[-1].seq
            ready = [row for row in page if row.seq not in not_mine and self._may_go(row)]
            if ready and not await self._send(ready, life):
                await self._until_over(life)
                return

    def _alone(self, page: list[SpoolRow]) -> list[SpoolRow]:
        """Cut the page so that a row that has failed is the only one of it."""
        for place, row in enumerate(page):
            if row.seq in self._attempts:
                return page[: max(place, 1)]
        return page

    async def _until_over(self, life: ProducerLife) -> None:
        """A life with a gap takes nothing more: wait for its successor."""
        if life.unfit.is_set():
            await life.over.wait()

    async def _rest(self, limit: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await self._news.wait()

    # --- one page ---------------------------------------------------------------------------------

    async def _send(self, ready: Sequence[SpoolRow], life: ProducerLife) -> bool:
        """Send rows of one page; false when not all are settled and the pass has to begin again."""
        new = {row.seq for row in ready if row.state is RowState.WAITING}
        if new:
            await self._spool.mark(new, RowState.SENT)
        sent: list[_Sent] = []
        settled: list[Settled] = []
        await self._hand_over(ready, life, sent, settled)
        if sent:
            await asyncio.wait([one.delivery.future for one in sent])
        unsent = new.difference(one.row.seq for one in sent)
        for one in sent:
            if self._judge(one, settled):
                unsent.add(one.row.seq)
        if unsent := unsent & new:
            marked = self._spool.mark(unsent, RowState.WAITING)
            marked.add_done_callback(_read)
        await self._fates.tell(settled)
        return len(settled) == len(ready)

    def _may_go(self, row: SpoolRow) -> bool:
        if row.key_hash is not None and row.key_hash in self._held:
            return False
        waits = self._topics.wait(row.topic, self._clock())
        if waits or self._order.on_the_way(row.topic, row.key):
            if row.key_hash is not None:
                self._held.add(row.key_hash)
            return False
        return True

    async def _hand_over(
        self,
        ready: Sequence[SpoolRow],
        life: ProducerLife,
        sent: list[_Sent],
        settled: list[Settled],
    ) -> None:
        """Hand rows over in order, until one is not taken."""
        began = self._clock()
        for number, row in enumerate(ready, 1):
            if self._producer.life is not life:
                return
            if not self._may_go(row):
                continue
            try:
                sent.append(_Sent(row, await self._to(life, row)))
            except Fault as fault:
                if not self._refused_for_good(row, fault):
                    return
                self._settle(row, None, fault, settled)
            if number % CHUNK == 0:
                await asyncio.sleep(min(self._clock() - began, LONGEST_REST))
                began = self._clock()

    async def _to(self, life: ProducerLife, row: SpoolRow) -> Delivery:
        if self._topics.given_up(row.topic, self._clock()):
            raise Fault(TOPIC_UNKNOWN)
        replayed = row.state is RowState.SENT
        delivery = await self._producer.hand_over(row.record(replayed=replayed), life)
        delivery.future.add_done_callback(_read)
        self._topics.found(row.topic)
        if replayed:
            self._events.possible_duplicate(row.service_id)
        return delivery

    def _judge(self, one: _Sent, settled: list[Settled]) -> bool:
        """Settle what is; true when the brokers have certainly not kept this one."""
        row, delivery = one
        try:
            acknowledged = delivery.outcome()
        except OutOfSequence:
            return True
        except BatchRefused as refused:
            if self._failed(row) >= LAST_ATTEMPT:
                self._settle(row, None, refused.fault, settled)
            return True
        except Fault as fault:
            alone = not delivery.life.over.is_set() and self._failed(row) >= LAST_ATTEMPT
            if alone or not fault.may_have_been_sent:
                self._settle(row, None, fault, settled)
        else:
            self._settle(row, acknowledged, None, settled)
        return False

    def _failed(self, row: SpoolRow) -> int:
        attempts = self._attempts.get(row.seq, 0) + 1
        self._attempts[row.seq] = attempts
        return attempts

    def _settle(
        self,
        row: SpoolRow,
        acknowledged: Acknowledged | None,
        fault: Fault | None,
        settled: list[Settled],
    ) -> None:
        self._attempts.pop(row.seq, None)
        self._order.row_settled(row.key_hash)
        fate = Fate(
            row.event_id,
            row.service_id,
            row.about,
            acknowledged,
            fault,
            replayed=row.state is RowState.SENT,
            record=row.record(replayed=False),
        )
        settled.append(Settled(row, fate))

    def _refused_for_good(self, row: SpoolRow, fault: Fault) -> bool:
        if fault.cause is TOPIC_UNKNOWN:
            return self._topics.missing(row.topic, self._clock())
        return fault.cause in FINAL


def _read(future: asyncio.Future[Any]) -> None:
    """Look at the end of what may be given up when the process ends.

    A row that stays marked is only sent with the mark of a possible duplicate.
    """
    future.exception()
