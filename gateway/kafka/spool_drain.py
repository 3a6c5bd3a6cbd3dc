"""The drain: sends what lies in the spool, in order of arrival per key, without starving the rest.

Room rule: a page of rows is marked as sent on the disk before the first of them is handed over, so
that after a crash exactly those that the brokers may have carry the mark of a possible duplicate.
All rows of a page go through one life of the producer, one after the other without waiting: within
a life the records of a partition stay in order, and when one is not kept none after it is. No row
is handed over while an earlier record of its key waits, or is with another life. What cannot go now
holds up its own key or topic alone, and no row is refused because brokers or leaders are away.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from gateway.errors import BROKER_REFUSED, BROKER_UNREACHABLE, TOPIC_UNKNOWN, Fault
from gateway.group_commit import StorageError
from gateway.kafka.outbox_fates import Fate, Settled
from gateway.kafka.producer_life import BatchRefused, OutOfSequence
from gateway.kafka.rejections import FINAL
from gateway.kafka.spool import PAGE_ROWS, heard
from gateway.kafka.spool_row import RowState
from gateway.kafka.spool_topics import UnavailableTopics

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.kafka.outbox_fates import Fates
    from gateway.kafka.outbox_order import KeyOrder
    from gateway.kafka.outbox_turns import Turns
    from gateway.kafka.producer import SupervisedProducer
    from gateway.kafka.producer_life import Delivery, ProducerLife
    from gateway.kafka.record import Acknowledged
    from gateway.kafka.spool import Spool
    from gateway.kafka.spool_events import SpoolEvents
    from gateway.kafka.spool_row import SpoolRow

__all__ = ["SpoolDrain"]

CHUNK: Final = 25
"""Rows, chosen, that are handed over before the loop gets as much time for others as they took."""
LONGEST_REST: Final = 0.02
"""Seconds, chosen, that the loop gets for others at most, also when a hand-over had to wait."""
PAUSE: Final = 1.0
"""Seconds, chosen, before rows that could not be sent are looked at again, unless something
happens."""
LAST_ATTEMPT: Final = 3
"""Failures by itself, with brokers that answer, after which a row is refused, chosen; from the
first one on it is sent alone, so that it is not judged by its batch."""
GLANCE: Final = 0.02
"""Seconds, chosen, between two passes at least: what arrives meanwhile is one page and one
commit."""
LAST_ROWS: Final = 100
"""Rows, chosen, that are handed over so soon that arrivals behind them wait for it instead of going
to the disk."""
UNTOLD: Final = PAGE_ROWS
"""Fates that wait to be taken when no more rows are sent, chosen: they are kept in memory."""

log = logging.getLogger(__name__)


class _Sent(NamedTuple):
    row: SpoolRow
    delivery: Delivery


class _Page:
    """Rows that `life` is given together, and what became of them.

    `handed`: it has them and they are not settled. `unsent`: the brokers certainly do not have
    them, although they have been marked as sent.
    """

    __slots__ = ("handed", "life", "new", "settled", "unsent")

    def __init__(self, life: ProducerLife, rows: Sequence[SpoolRow]) -> None:
        self.life = life
        self.new = {row.seq for row in rows if row.state is RowState.WAITING}
        self.unsent = set(self.new)
        self.handed: dict[int, _Sent] = {}
        self.settled: list[Settled] = []


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
        turns: Turns,
        fates: Fates,
        clock: Callable[[], float],
    ) -> None:
        self._spool = spool
        self._producer = producer
        self._events = events
        self._order = order
        self._turns = turns
        self._fates = fates
        self._clock = clock
        self._in_flight: set[int] = set()
        self._keys_held: set[int] = set()
        self._page_end = 0
        self._attempts: dict[int, int] = {}
        self._topics = UnavailableTopics()
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
        """The drain has one more row, older perhaps than those that it is reading, from now on."""
        if seq < self._page_end and key_hash is not None:
            self._keys_held.add(key_hash)
        self._news.set()

    def wake(self) -> None:
        """There are new rows, or something is settled for which rows may have waited."""
        self._news.set()

    def stop(self) -> None:
        """Send no more than what is handed over."""
        self._stopping = True
        self._turns.end()
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
        elif self._spool.records <= len(self._of_others()) or self._nobody_listens():
            await self._rest(PAUSE)
        elif self._producer.life is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE):
                    await self._producer.until_connected()
        else:
            try:
                await self._pass()
            finally:
                self._turns.end()
            await asyncio.sleep(GLANCE)
            await self._rest(PAUSE)

    def _of_others(self) -> set[int]:
        """Rows in the file that are on their direct way, or settled."""
        return self._in_flight.union(self._spool.gone, self._fates.untold)

    def _nobody_listens(self) -> bool:
        return len(self._fates.untold) >= UNTOLD

    async def _pass(self) -> None:
        """Go through the file once, from the oldest row on, as long as a life takes rows.

        It ends with the rows that are there when it begins: those that arrive could keep it going,
        and what is held in it would be held for ever.
        """
        self._keys_held = set()
        self._topics.choose(self._clock())
        after, end = 0, self._spool.next_seq()
        while after < end:
            life = self._producer.life
            if life is None or self._stopping or self._nobody_listens():
                return
            page, after = await self._next_page(after, end)
            ready = [row for row in page if self._may_go(row, life)]
            known = [row for row in ready if row.topic != self._topics.question]
            asked = [row for row in ready if row.topic == self._topics.question]
            for rows in (known, asked):  # a question takes seconds, so it comes last
                if rows and not await self._send(rows, life):
                    await self._until_over(life)
                    return
            self._turns.end()
        self._topics.end()

    async def _next_page(self, after: int, end: int) -> tuple[list[SpoolRow], int]:
        """Return the drain's own of the next rows, and how far these reach."""
        # What arrives from now on comes after every row of the page.
        self._page_end = self._spool.next_seq()
        of_others = self._of_others()
        if self._spool.records - len(of_others) <= LAST_ROWS:
            self._turns.begin()
        page = self._alone(await self._spool.page(after))
        of_others |= self._of_others()  # also what was settled while the page was read
        return [row for row in page if row.seq not in of_others], page[-1].seq if page else end

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

    async def _send(self, rows: Sequence[SpoolRow], life: ProducerLife) -> bool:
        """Send rows of one page and judge what became of them; false when `life` takes no more."""
        page = _Page(life, rows)
        if page.new:
            await self._spool.mark(page.new, RowState.SENT)
        try:
            taken = await self._hand_over(rows, page)
            self._turns.end()
            if page.handed:
                await asyncio.wait([sent.delivery.future for sent in page.handed.values()])
            for sent in list(page.handed.values()):
                self._judge(sent, page)
        finally:
            for row, _ in page.handed.values():
                self._order.row_back(row.topic, row.key, row.key_hash)
                self._hold(row)
        if page.unsent:
            self._spool.unmark(page.unsent)
        if page.settled:
            await self._fates.tell(page.settled)
        return taken and not life.unfit.is_set()

    def _may_go(self, row: SpoolRow, life: ProducerLife) -> bool:
        if row.key_hash is not None and row.key_hash in self._keys_held:
            return False
        if self._topics.wait(row.topic, self._clock()) or not self._order.may_follow(
            row.topic, row.key, life
        ):
            self._hold(row)
            return False
        return True

    def _hold(self, row: SpoolRow) -> None:
        """Let no row of its key pass in this pass."""
        if row.key_hash is not None:
            self._keys_held.add(row.key_hash)

    async def _hand_over(self, rows: Sequence[SpoolRow], page: _Page) -> bool:
        """Hand rows over in order; false when the brokers take no more."""
        began = self._clock()
        for number, row in enumerate(rows, 1):
            if self._producer.life is not page.life:
                return False
            if not self._may_go(row, page.life):
                continue
            try:
                await self._hand_over_one(row, page)
            except Fault as fault:
                if fault.cause not in FINAL:
                    return False
                self._not_taken(row, fault, page)
            except Exception:
                log.exception("A record of the spool could not be handed over")
                page.unsent.discard(row.seq)  # who knows how far it came
                if self._failed(row) >= LAST_ATTEMPT:
                    self._settle(row, None, Fault(BROKER_REFUSED, may_have_been_sent=True), page)
                else:
                    self._hold(row)
            if number % CHUNK == 0:
                await asyncio.sleep(min(self._clock() - began, LONGEST_REST))
                began = self._clock()
        return True

    async def _hand_over_one(self, row: SpoolRow, page: _Page) -> None:
        if self._topics.given_up(row.topic, self._clock()):
            raise Fault(TOPIC_UNKNOWN)
        replayed = row.state is RowState.SENT
        delivery = await self._producer.hand_over(row.record(replayed=replayed), page.life)
        page.handed[row.seq] = _Sent(row, delivery)
        page.unsent.discard(row.seq)
        self._order.row_handed_over(row.topic, row.key, row.key_hash, page.life)
        delivery.future.add_done_callback(heard)
        self._topics.found(row.topic)
        if replayed:
            self._events.possible_duplicate(row.service_id)

    def _not_taken(self, row: SpoolRow, fault: Fault, page: _Page) -> None:
        if fault.cause is TOPIC_UNKNOWN and not self._topics.missing(row.topic, self._clock()):
            self._hold(row)
        else:
            self._settle(row, None, fault, page)

    def _judge(self, sent: _Sent, page: _Page) -> None:
        """Settle what is; what is not stays with those that were handed over."""
        row, delivery = sent
        certainly_unsent = False
        try:
            acknowledged = delivery.outcome()
        except OutOfSequence:
            certainly_unsent = True
        except BatchRefused as refused:
            certainly_unsent = True
            if self._failed(row) >= LAST_ATTEMPT:
                self._settle(row, None, refused.fault, page)
        except Fault as fault:
            if fault.cause is BROKER_UNREACHABLE:
                certainly_unsent = not fault.may_have_been_sent
                if not delivery.life.over.is_set():
                    self._topics.no_leader(row.topic, self._clock())
            elif not fault.may_have_been_sent or (
                not delivery.life.over.is_set() and self._failed(row) >= LAST_ATTEMPT
            ):
                self._settle(row, None, fault, page)
        else:
            self._settle(row, acknowledged, None, page)
        if certainly_unsent and row.seq in page.new and row.seq in page.handed:
            page.unsent.add(row.seq)

    def _failed(self, row: SpoolRow) -> int:
        attempts = self._attempts.get(row.seq, 0) + 1
        self._attempts[row.seq] = attempts
        return attempts

    def _settle(
        self, row: SpoolRow, acknowledged: Acknowledged | None, fault: Fault | None, page: _Page
    ) -> None:
        self._attempts.pop(row.seq, None)
        page.unsent.discard(row.seq)
        if page.handed.pop(row.seq, None) is None:
            self._order.row_settled(row.key_hash)
        else:
            self._order.end(row.topic, row.key, handed_over=True)
        fate = Fate(
            row.event_id,
            row.service_id,
            row.about,
            acknowledged,
            fault,
            replayed=row.state is RowState.SENT,
            record=row.record(replayed=False),
        )
        page.settled.append(Settled(row, fate))
