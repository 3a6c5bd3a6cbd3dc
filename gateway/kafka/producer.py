"""The supervised producer: connects in the background, is replaced when it has to be, never hangs.

Room rule: the only way out for a record. What `hand_over` gives ends with an acknowledgement of all
in-sync replicas, or with what says whether the record may have been sent; there is no third way.

What happens to a record without an acknowledgement: as long as the brokers are away only briefly
(`OUTAGE_GRACE`) it stays with the producer, whose idempotent retries neither lose nor double it.
After that the producer is abandoned with all it holds, so that a request whose caller was told
"not confirmed" is not carried out an hour later. While the brokers are away new records are
refused at once: nothing is queued in memory.

A record that its topic would refuse for its size is refused here (`topic_limits.py`), before it has
a number in the producer's sequence.

Records of one key keep the order in which they were handed over to one life of a producer
(`producer_life.py`). While it is being replaced, those still unconfirmed with the old one and the
first ones with the new one may change places: whoever hands over keeps them apart
(`outbox_order.py`).
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING, Final

from gateway.errors import BROKER_UNREACHABLE, RECORD_TOO_LARGE, Fault
from gateway.kafka.producer_life import MAX_BATCH_SIZE, ProducerLife
from gateway.kafka.topic_limits import TopicLimits, batch_size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.kafka.connection import KafkaConnection
    from gateway.kafka.events import KafkaEvents
    from gateway.kafka.producer_life import Delivery
    from gateway.kafka.record import OutgoingRecord

__all__ = ["SupervisedProducer"]

REQUEST_TIMEOUT: Final = 10.0
"""Seconds after which a broker that owes an answer counts as hung; a cluster with Kafka's own
settings has chosen other leaders by then (`broker.session.timeout.ms` is 9 s)."""
FIRST_BACKOFF: Final = 0.25
"""Seconds, chosen, about, before connecting is tried again; they double with each try."""
LONGEST_BACKOFF: Final = 5.0
"""Seconds, chosen, that they never exceed."""
TICK: Final = 0.25
"""Seconds, chosen, between two looks at the producer; a look costs no request."""
DOUBT: Final = 1.0
"""Seconds, chosen, without an acknowledgement after which the brokers are asked whether they are
there."""
QUIET: Final = 10.0
"""Seconds, chosen, after which they are asked in any case."""
OUTAGE_GRACE: Final = 10.0
"""Seconds, chosen, that unconfirmed records are kept for brokers that do not answer."""
SETTLE: Final = 0.5
"""Seconds, chosen, before a producer is replaced, so that a run of refused records costs one, not
many."""
DRAIN: Final = 5.0
"""Seconds, chosen, that a replaced producer has for the acknowledgements it waits for."""
RETRY_AFTER: Final = 5.0
"""Seconds, chosen, after which a caller is told to ask again while the brokers are away."""

log = logging.getLogger(__name__)


class SupervisedProducer:
    """One producer per cluster, shared by all services, replaced without their noticing.

    `request_timeout` is how many seconds a broker may take for one answer; a record that a
    reachable cluster does not confirm in that time makes the producer be replaced. Raises
    `StartError` when a file that `connection` names cannot be used.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        events: KafkaEvents,
        *,
        request_timeout: float = REQUEST_TIMEOUT,
        outage_grace: float = OUTAGE_GRACE,
    ) -> None:
        self._client_arguments = connection.client_arguments()
        self._events = events
        self._request_timeout = request_timeout
        self._outage_grace = outage_grace
        self._loop = asyncio.get_running_loop()
        self._life: ProducerLife | None = None
        self._reachable = False
        self._up = asyncio.Event()
        self._supervisor: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._lives = 0
        self._limits = TopicLimits(self._ask_limits)

    @property
    def connected(self) -> bool:
        """True while records are taken."""
        return self._reachable and self._life is not None

    @property
    def life(self) -> ProducerLife | None:
        """What takes records now; records of one key stay in order within one life."""
        return self._life if self._reachable else None

    async def until_connected(self) -> None:
        """Wait until records are taken."""
        await self._up.wait()

    def start(self) -> None:
        """Begin to connect; returns at once, whether there are brokers or not."""
        self._supervisor = self._loop.create_task(self._supervise(), name="kafka-producer")
        self._limits.start()

    async def hand_over(self, record: OutgoingRecord, life: ProducerLife) -> Delivery:
        """Give `record` to `life`, for whoever watches its delivery and keeps the order of a key.

        Raises `Fault` for a record that was certainly not sent: `broker_unreachable` at once while
        not connected, and when `life` has ended or has to; `topic_unknown`, `record_too_large`,
        `broker_refused`, `broker_timeout`. Cancelled before it returns, the record is not sent.

        A delivery has no time limit of its own. Once it has failed, the record has left this
        process for the last time: the producer that held it has dropped it, or was abandoned and
        its connections cut. The brokers may have it, but nothing here sends it later: what is sent
        again is the only copy that still goes out.
        """
        alone = await self._admit(record)
        return await life.hand_over(record, alone=alone)

    def acknowledged(self, service_id: str, seconds: float) -> None:
        """Count a record that `hand_over` took and the brokers confirmed after `seconds`."""
        self._events.produced(service_id, seconds)

    async def close(self, drain: float) -> None:
        """Stop: wait up to `drain` seconds for acknowledgements, give up the rest."""
        await self._limits.close()
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait([self._supervisor])
        self._retire(drain if self._reachable else 0.0)
        if self._reachable:
            self._reachable = False
            self._up.clear()
            self._events.connected(False)  # noqa: FBT003  # the protocol's signature
        if self._retiring:
            await asyncio.wait(self._retiring)

    async def _admit(self, record: OutgoingRecord) -> bool:
        """Refuse what cannot be sent; tell whether `record` has to be a batch of its own."""
        if self.life is None:
            raise Fault(BROKER_UNREACHABLE, retry_after=RETRY_AFTER)
        limit = await self._limits.limit(record.topic)
        if batch_size(record) > limit:
            raise Fault(RECORD_TOO_LARGE)
        return limit < MAX_BATCH_SIZE

    async def _ask_limits(self, topics: Iterable[str]) -> dict[str, int] | None:
        return None if self._life is None else await self._life.limits(topics)

    async def _supervise(self) -> None:
        while True:
            try:
                life = await self._connect()
                self._adopt(life)
                await self._attend(life)
            except Exception:
                log.exception("The supervisor of the Kafka producer failed and goes on")
            await asyncio.sleep(SETTLE)

    def _adopt(self, life: ProducerLife) -> None:
        self._retire(DRAIN)
        self._life = life
        self._set_reachable(up=True)
        if self._lives:
            self._events.producer_restarted()
        self._lives += 1

    async def _connect(self) -> ProducerLife:
        backoff = FIRST_BACKOFF
        while True:
            life = ProducerLife(self._client_arguments, request_timeout=self._request_timeout)
            try:
                await life.start()
            except asyncio.CancelledError:
                await life.end(0.0)
                raise
            except Exception as error:  # noqa: BLE001  # whatever answers there, try again
                log.warning("Kafka cannot be reached: %s", str(error) or type(error).__name__)
                self._lose()
                await life.end(0.0)
            else:
                return life
            await asyncio.sleep(backoff * random.uniform(0.5, 1.0))  # noqa: S311  # spreads retries
            backoff = min(backoff * 2, LONGEST_BACKOFF)

    async def _attend(self, life: ProducerLife) -> None:
        """Return when `life` has to be replaced."""
        asked = -QUIET  # the first question opens the connections for the later ones
        away_since: float | None = None
        while not await _unfit(life):
            now = self._loop.time()
            if now - asked < self._patience(life):
                continue
            asked = now
            if await life.reachable():
                away_since = None
                self._set_reachable(up=True)
                if life.oldest_wait() > self._request_timeout:
                    log.warning("Kafka answers, but confirms no records: new producer")
                    return
            else:
                self._set_reachable(up=False)
                away_since = now if away_since is None else away_since
                if now - away_since > self._outage_grace:
                    self._lose()
                    return

    def _patience(self, life: ProducerLife) -> float:
        """Return for how many seconds the brokers' last answer counts."""
        if not self._reachable or not life.has_live_connection():
            return 0.0
        return DOUBT if life.oldest_wait() > DOUBT else QUIET

    def _lose(self) -> None:
        self._set_reachable(up=False)
        self._retire(0.0)

    def _retire(self, drain: float) -> None:
        life, self._life = self._life, None
        if life is not None:
            task = self._loop.create_task(life.end(drain), name="kafka-producer-end")
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    def _set_reachable(self, *, up: bool) -> None:
        if up != self._reachable:
            self._reachable = up
            (self._up.set if up else self._up.clear)()
            log.log(
                logging.INFO if up else logging.WARNING,
                "Kafka is %s",
                "connected" if up else "away: requests go to the disk",
            )
            self._events.connected(up)


async def _unfit(life: ProducerLife) -> bool:
    try:
        async with asyncio.timeout(TICK):
            return await life.unfit.wait()
    except TimeoutError:
        return False
