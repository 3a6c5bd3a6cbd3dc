"""The outbox: the one way out for a Kafka request, over the brokers or over the disk.

Room rule: whatever has been answered is with all in-sync replicas (`Acknowledged`) or on this
node's disk (`Spooled`), and records of one key are sent in the order of their arrival, also when
some of them go over the disk. A record that may have been written is sent again only with the
header `ce_replayed: true` beside its unchanged `ce_id`, after the producer that held it has gone.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from gateway.errors import DRAINING, Fault
from gateway.group_commit import StorageError
from gateway.kafka.outbox_fates import Fate, Fates
from gateway.kafka.outbox_order import KeyOrder
from gateway.kafka.outbox_sending import Books, Sending, Spooled
from gateway.kafka.outbox_turns import Turns
from gateway.kafka.spool import RETRY_AFTER, spool_failed
from gateway.kafka.spool_drain import SpoolDrain
from gateway.kafka.spool_events import Refusal, SpoolReason
from gateway.kafka.spool_orphans import QUIET, Orphans
from gateway.kafka.spool_row import RowState, key_hash
from gateway.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from gateway.kafka.producer import SupervisedProducer
    from gateway.kafka.producer_life import ProducerLife
    from gateway.kafka.record import Acknowledged, OutgoingRecord
    from gateway.kafka.spool import Spool
    from gateway.kafka.spool_events import SpoolEvents
    from gateway.kafka.spool_row import SpoolRow

__all__ = ["Fate", "Outbox", "Spooled"]

WRITING: Final = 5.0
"""Seconds, chosen, that closing gives the disk for records that are still on their way."""


class Outbox:
    """Sends records, and keeps on disk those that the brokers do not confirm in time.

    `fate` is awaited for each record that was given back as spooled, once it is settled (and for
    one whose caller did not wait); the record leaves the disk after it has returned. It may be
    told again, after a crash or when it raised. `sweep` is the process's, shared for its deadlines.
    A file beside the spool that has no owner is taken over `orphans_after` seconds after it was
    last written.
    """

    def __init__(
        self,
        producer: SupervisedProducer,
        spool: Spool,
        events: SpoolEvents,
        fate: Callable[[Fate], Awaitable[None]],
        sweep: Sweep | None = None,
        *,
        orphans_after: float = QUIET,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._producer = producer
        self._spool = spool
        self._events = events
        self._sweep = sweep or Sweep(loop)
        self._order = KeyOrder()
        self._turns = Turns(self._order)
        self._fates = Fates(spool, events, fate)
        clock = self._sweep.time
        self._drain = SpoolDrain(
            spool, producer, events, self._order, self._turns, self._fates, clock
        )
        self._books = Books(producer, spool, events, self._order, self._fates, self._drain, clock)
        self._orphans = Orphans(spool, self._order, self._drain, orphans_after)
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def depth(self) -> int:
        """Records on the disk."""
        return self._spool.records

    @property
    def obstacle(self) -> str | None:
        """Why records cannot be kept on the disk, None when they can; it goes by itself."""
        return self._spool.obstacle

    async def start(self) -> None:
        """Open the spool and begin to send what is in it. Raises `StartError`."""
        totals = await self._spool.open()
        self._order.restore(totals.by_key)
        self._task = asyncio.get_running_loop().create_task(self._run(), name="kafka-outbox")

    async def send(
        self, record: OutgoingRecord, *, spill_after: float, journal: bool, about: bytes
    ) -> Acknowledged | Spooled:
        """Return when `record` is with the brokers or on the disk, whichever comes first.

        It goes to the disk when it is not acknowledged `spill_after` seconds from now, when the
        brokers are away, when an earlier record of its key is there and stays for more than a
        moment, and, with `journal`, first in any case. `about` is kept with it and comes back with
        its fate. Raises `Fault`: what the brokers refuse for good, `spool_full`, `spool_failed`,
        `broker_timeout` (the brokers may have it and the disk could not take it), `draining`. A
        caller that is cancelled leaves a record that may still be sent.
        """
        if self._closing:
            raise Fault(DRAINING, retry_after=RETRY_AFTER)
        arrived = self._sweep.time()
        behind = (self._order.waiting or self._turns.waiting) and await self._behind(record)
        life = self._producer.life
        if behind or not self._order.may_follow(record.topic, record.key, life):
            return await self._to_disk(record, about, SpoolReason.ORDER)
        if life is None:
            return await self._to_disk(record, about, SpoolReason.AWAY)
        sending = Sending(self._books, record, about, arrived, spill_after)
        if journal:
            await self._journal(sending)
            life = self._producer.life
            if life is None or not self._order.may_follow(record.topic, record.key, life, begun=1):
                sending.stay()
                return await sending.answer
        return await self._send(sending, life)

    async def close(self, drain: float) -> None:
        """Take no more, wait up to `drain` seconds for the brokers, keep the rest on the disk."""
        self._closing = True
        if self._task is None:
            return
        loop = asyncio.get_running_loop()
        end = loop.time() + drain
        self._drain.stop()
        await _ended([sending.way for sending in self._books.direct], drain)
        unconfirmed = list(self._books.direct)
        await _ended([sending.answer for sending in unconfirmed if sending.spill()], WRITING)
        await self._drain.until_stopped(end - loop.time())
        await self._fates.until_told(end - loop.time())
        self._task.cancel()
        await asyncio.wait([self._task])
        self._books.closed = True
        await self._spool.close()

    async def _behind(self, record: OutgoingRecord) -> bool:
        """True when an earlier record of its key waits in the spool and goes on doing so."""
        key = key_hash(record.topic, record.key)
        if key is None:
            return False
        await self._turns.take(key)
        if self._closing:
            raise Fault(DRAINING, retry_after=RETRY_AFTER)
        return self._order.row_waits(key)

    async def _send(self, sending: Sending, life: ProducerLife) -> Acknowledged | Spooled:
        self._sweep.watch(sending)
        try:
            try:
                sending.taken(await self._producer.hand_over(sending.record, life))
            except Fault as fault:
                sending.not_taken(fault)
            except asyncio.CancelledError:
                if not sending.out_of_time():
                    sending.withdraw()
                    raise
                sending.leave(RowState.WAITING, SpoolReason.LATE)
            except Exception:
                sending.withdraw()
                raise
            return await sending.answer
        finally:
            self._sweep.forget(sending)

    async def _journal(self, sending: Sending) -> None:
        try:
            await asyncio.shield(sending.journal())
        except StorageError as error:
            raise sending.not_journaled() from error
        except asyncio.CancelledError:
            sending.withdraw()
            raise

    async def _to_disk(self, record: OutgoingRecord, about: bytes, reason: SpoolReason) -> Spooled:
        row = self._spool.row(record, about, RowState.WAITING)
        written = self._books.append(row)
        self._order.row_added(row.key_hash)
        written.add_done_callback(partial(self._written, row, reason))
        try:
            await asyncio.shield(written)
        except StorageError as error:
            raise spool_failed() from error
        return Spooled(row.seq)

    def _written(self, row: SpoolRow, reason: SpoolReason, written: asyncio.Future[None]) -> None:
        if written.exception() is None:
            self._events.spooled(row.service_id, reason)
            self._drain.wake()
        else:
            self._order.row_settled(row.key_hash)
            self._events.refused(row.service_id, Refusal.FAILED)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._drain.run())
            group.create_task(self._fates.run())
            group.create_task(self._orphans.run())


async def _ended(waiting: Sequence[asyncio.Future[Any]], limit: float) -> None:
    if waiting:
        await asyncio.wait(waiting, timeout=limit)
