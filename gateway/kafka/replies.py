"""The inbox for replies: who waits for which answer, and what became of every record that came.

Room rule: an answer counts once, for a request of this gateway, on the reply topic of the request's
own service, and nothing that a department writes there can raise. Memory is bounded: by the
requests that wait, and by `REMEMBERED` ids of those that no longer do.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from gateway.errors import REPLIES_NOT_READY, Fault
from gateway.kafka.cloudevents import correlation_id, is_request, reply_of
from gateway.kafka.events import ReplyFate
from gateway.kafka.record import new_event_id
from gateway.kafka.reply_reader import ReplyReader

if TYPE_CHECKING:
    from types import TracebackType

    from gateway.kafka.connection import KafkaConnection
    from gateway.kafka.events import KafkaEvents
    from gateway.kafka.record import IncomingRecord
    from gateway.message import ServiceReply

__all__ = ["Expected", "ReplyInbox"]

REMEMBERED: Final = 20_000
"""Ids kept to tell late and duplicate replies from foreign ones: about 5 MB."""

NOBODY: Final = "-"
RETRY_AFTER: Final = 5.0


class Expected:
    """One awaited reply. `id` is the event id to produce the request with; leaving forgets it."""

    __slots__ = ("_future", "_inbox", "id", "service_id", "topic")

    def __init__(self, inbox: ReplyInbox, service_id: str, topic: str) -> None:
        self.id = new_event_id()
        self.service_id = service_id
        self.topic = topic
        self._inbox = inbox
        self._future: asyncio.Future[ServiceReply] = asyncio.get_running_loop().create_future()

    async def reply(self) -> ServiceReply:
        """Wait for the department's answer, without a time limit of its own.

        Raises `Fault` (`reply_malformed`) when the reply cannot be read.
        """
        return await self._future

    def forget(self) -> None:
        """Wait no longer; a reply that still comes is late."""
        self._inbox.forget(self)

    def settle(self, record: IncomingRecord) -> ReplyFate:
        """Give the waiting request its answer."""
        try:
            reply = reply_of(record)
        except Fault as fault:
            if not self._future.done():
                self._future.set_exception(fault)
                self._future.exception()  # read here: whoever waits may have just been cancelled
            return ReplyFate.MALFORMED
        if not self._future.done():
            self._future.set_result(reply)
        return ReplyFate.ANSWERED

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.forget()


class _Past(NamedTuple):
    service_id: str
    topic: str
    fate: ReplyFate


class ReplyInbox:
    """Matches the records of all reply topics with the requests that wait for them."""

    def __init__(
        self, connection: KafkaConnection, events: KafkaEvents, *, remembered: int = REMEMBERED
    ) -> None:
        self._events = events
        self._remembered = remembered
        self._waiting: dict[str, Expected] = {}
        self._past: OrderedDict[str, _Past] = OrderedDict()
        self._reader = ReplyReader(connection, events, self.take)

    def start(self) -> None:
        """Begin to read; returns at once, whether there are brokers or not."""
        self._reader.start()

    def want(self, topics: frozenset[str]) -> None:
        """Read exactly these reply topics; what stays keeps its place."""
        self._reader.want(topics)

    def positioned(self, topic: str) -> bool:
        """True when every reply that is written to `topic` from now on will be seen."""
        return self._reader.obstacle(topic) is None

    def obstacles(self) -> dict[str, str]:
        """Return, for each wanted topic that is not positioned, why."""
        return self._reader.obstacles()

    def expect(self, topic: str, service_id: str) -> Expected:
        """Register a request of `service_id` before it is produced.

        Raises `Fault` (`replies_not_ready`) while replies on `topic` could be missed.
        """
        if self._reader.obstacle(topic) is not None:
            raise Fault(REPLIES_NOT_READY, retry_after=RETRY_AFTER)
        expected = Expected(self, service_id, topic)
        self._waiting[expected.id] = expected
        return expected

    def forget(self, expected: Expected) -> None:
        """Move a request from the waiting to the past; harmless when it is answered already."""
        if self._waiting.pop(expected.id, None) is not None:
            self._remember(expected, ReplyFate.LATE)

    def take(self, record: IncomingRecord) -> None:
        """Settle what one record of a reply topic means; never raises for what is in it."""
        if is_request(record):
            return
        service, fate = self._judge(record)
        self._events.replied(service, fate)

    async def close(self) -> None:
        """Stop reading."""
        await self._reader.close()

    def _judge(self, record: IncomingRecord) -> tuple[str, ReplyFate]:
        identity = correlation_id(record)
        if identity is None:
            return NOBODY, ReplyFate.MALFORMED
        expected = self._waiting.get(identity)
        if expected is not None and expected.topic == record.topic:
            del self._waiting[identity]
            self._remember(expected, ReplyFate.DUPLICATE)
            return expected.service_id, expected.settle(record)
        past = self._past.get(identity)
        if past is not None and past.topic == record.topic:
            return past.service_id, past.fate
        return NOBODY, ReplyFate.FOREIGN

    def _remember(self, expected: Expected, fate: ReplyFate) -> None:
        """Note what a further reply to this request would be."""
        self._past[expected.id] = _Past(expected.service_id, expected.topic, fate)
        if len(self._past) > self._remembered:
            self._past.popitem(last=False)
