"""The inbox: who waits for which answer, and what became of every record that came.

Room rule: an answer counts once, for a request whose id this gateway or one that shares its key
made, on the reply topic of the request's own service, and nothing that a department writes there
can raise. What is nobody's answer here but may be a case's goes to the case store (`late`), which
says what it is; what cannot be read goes to the dead letters (`poison`). Memory is bounded: by the
requests that wait, and by the ids of the last `REMEMBERED` that were answered.

One topic may carry the replies of several profiles, and status events as well.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from gateway.errors import Fault
from gateway.kafka.events import ReplyFate
from gateway.kafka.profiles import PROFILES
from gateway.kafka.reply_reader import ReplyReader, always_room
from gateway.kafka.status_events import MalformedStatusError, is_status, status_event

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from datetime import datetime
    from types import TracebackType

    from gateway.kafka.connection import KafkaConnection
    from gateway.kafka.events import KafkaEvents
    from gateway.kafka.profiles import Profile
    from gateway.kafka.record import IncomingRecord
    from gateway.kafka.status_events import StatusEvent
    from gateway.message import ServiceReply

__all__ = ["Expected", "LateReply", "ReplyInbox", "Subscription"]

REMEMBERED: Final = 20_000
"""Ids kept to know a second answer at once: about 5 MB. Older ones the case store knows."""

NOBODY: Final = "-"
NAMES_NO_REQUEST: Final = "it names no request, or several"

_CLOUD_EVENTS: Final = PROFILES["cloudevents"]

log = logging.getLogger(__name__)


class Subscription(NamedTuple):
    """What a topic carries: replies in any of `replies`, and status events if `status`.

    `status_profiles` are those in whose correlation header a status event may name its case; the
    header of CloudEvents always does.
    """

    replies: tuple[Profile, ...]
    status: bool
    status_profiles: tuple[Profile, ...] = ()


class LateReply(NamedTuple):
    """An answer that no request waits for here: late, repeated, or some other gateway's.

    Its id is genuine; whether `topic` is that of the case's service is not checked. `fault` is set
    instead of `reply` when it cannot be read (`record` went to the dead letters then).
    """

    event_id: str
    topic: str
    reply: ServiceReply | None
    fault: Fault | None
    record: IncomingRecord


class Expected:
    """One awaited reply; leaving forgets it. An answer that was not taken by then is late."""

    __slots__ = ("_future", "_inbox", "_profile", "_settled", "id", "service_id", "topic")

    def __init__(
        self,
        inbox: ReplyInbox,
        topic: str,
        service_id: str,
        event_id: str,
        profile: Profile | None,
    ) -> None:
        self.id = event_id
        self.service_id = service_id
        self.topic = topic
        self._inbox = inbox
        self._profile = profile
        self._settled: LateReply | None = None
        self._future: asyncio.Future[ServiceReply] = asyncio.get_running_loop().create_future()

    async def reply(self) -> ServiceReply:
        """Wait for the department's answer, without a time limit of its own; to be called once.

        Raises `Fault` (`reply_malformed`) when the reply cannot be read.
        """
        try:
            reply = await self._future
        except Fault:
            self._settled = None
            raise
        self._settled = None
        return reply

    def forget(self) -> None:
        """Wait no longer; a reply that still comes is late."""
        self._inbox.forget(self)

    def read(self, record: IncomingRecord, profile: Profile) -> LateReply:
        """Return what `record` says, read in the request's own profile if that is known."""
        return _read(record, self.id, self._profile or profile)

    def settle(self, answer: LateReply) -> bool:
        """Give the waiting request its answer; false when it has stopped waiting."""
        if self._future.done():
            return False
        self._settled = answer
        if answer.reply is not None:
            self._future.set_result(answer.reply)
        elif answer.fault is not None:
            self._future.set_exception(answer.fault)
            self._future.exception()  # read here: whoever waits may have just been cancelled
        return True

    def untaken(self) -> LateReply | None:
        """Return, once, the answer that came as the wait ended, and that nobody has seen."""
        answer, self._settled = self._settled, None
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.forget()


class _Answered(NamedTuple):
    service_id: str
    topic: str


class ReplyInbox:
    """Matches the records of all topics with the requests and cases that they are about.

    `genuine` tells whether an id was made with the key of this gateway. `late`, `progress` and
    `poison` are given what the module says, must return at once and must not raise. The fate of
    what is given to `late` is for its receiver to report; that of all else is reported here. `room`
    is awaited before more is read.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        events: KafkaEvents,
        *,
        genuine: Callable[[str], bool],
        late: Callable[[LateReply], None],
        progress: Callable[[StatusEvent], None],
        poison: Callable[[IncomingRecord, str], None],
        room: Callable[[], Awaitable[None]] = always_room,
        remembered: int = REMEMBERED,
    ) -> None:
        self._events = events
        self._genuine = genuine
        self._late = late
        self._progress = progress
        self._poison = poison
        self._remembered = remembered
        self._subscriptions: Mapping[str, Subscription] = {}
        self._waiting: dict[str, Expected] = {}
        self._answered: OrderedDict[str, _Answered] = OrderedDict()
        self._reader = ReplyReader(connection, events, self.take, room=room)

    def start(self, since: datetime | None = None) -> None:
        """Begin to read; returns at once, whether there are brokers or not.

        What is wanted by now is read from `since` on, in order, and some of what is older comes
        again; without it, only what is written from now on.
        """
        self._reader.start(since)

    def want(self, topics: Mapping[str, Subscription], since: datetime | None = None) -> None:
        """Read exactly these topics; what stays, or was read before, goes on where it was.

        What is new is read from its end, or from `since` on.
        """
        self._subscriptions = dict(topics)
        self._reader.want(frozenset(topics), since)

    def read_until(self) -> datetime | None:
        """Return the time before which everything was read and handed over, for `start`.

        None while that is not known, or nothing is wanted.
        """
        return self._reader.read_until()

    def positioned(self, topic: str) -> bool:
        """True when every reply that is written to `topic` from now on will be seen."""
        return self._reader.obstacle(topic) is None

    def obstacles(self) -> dict[str, str]:
        """Return, for each wanted topic that is not positioned, why."""
        return self._reader.obstacles()

    def lacking(self) -> dict[str, str]:
        """Return why, for each wanted topic that was never positioned."""
        return self._reader.lacking()

    def expect(
        self, topic: str, service_id: str, event_id: str, profile: Profile | None = None
    ) -> Expected:
        """Register a request of `service_id` before it is produced.

        `profile` is that of the service, for topics with more than one. A reply is seen for certain
        when `topic` is positioned by now.
        """
        expected = Expected(self, topic, service_id, event_id, profile)
        self._waiting[event_id] = expected
        return expected

    def forget(self, expected: Expected) -> None:
        """Let a request wait no longer; harmless when it has its answer."""
        if self._waiting.get(expected.id) is expected:
            del self._waiting[expected.id]
        answer = expected.untaken()
        if answer is not None:
            self._late(answer)

    def take(self, record: IncomingRecord) -> None:
        """Settle what one record means; never raises for what is in it."""
        subscription = self._subscriptions.get(record.topic)
        if subscription is None:
            return
        try:
            self._take(record, subscription)
        except Exception as error:  # noqa: BLE001  # one record must not stop the reading of all
            # The error's own text may show bytes of the record, which may be about a person.
            log.error("A reply record could not be handled (%s)", type(error).__name__)
            self._malformed(record, NOBODY, "the gateway failed to handle it")

    async def close(self) -> None:
        """Stop reading."""
        await self._reader.close()

    def _take(self, record: IncomingRecord, subscription: Subscription) -> None:
        if subscription.status and (is_status(record) or not subscription.replies):
            self._take_status(record, subscription.status_profiles)
        elif not any(profile.is_request(record) for profile in subscription.replies):
            self._take_reply(record, subscription.replies)

    def _take_reply(self, record: IncomingRecord, profiles: tuple[Profile, ...]) -> None:
        named = self._named(record, profiles)
        if named is None:
            self._malformed(record, NOBODY, NAMES_NO_REQUEST)
            return
        profile, event_id = named
        expected = self._waiting.get(event_id)
        answered = self._answered.get(event_id)
        owner = expected or answered
        if owner is not None and owner.topic != record.topic:
            self._events.replied(NOBODY, ReplyFate.FOREIGN)
        elif expected is not None:
            self._answer(expected, record, profile)
        elif answered is not None:
            self._events.replied(answered.service_id, ReplyFate.DUPLICATE)
        elif self._genuine(event_id):
            self._hand_on(_read(record, event_id, profile))
        else:
            self._events.replied(NOBODY, ReplyFate.FOREIGN)

    def _named(
        self, record: IncomingRecord, profiles: Iterable[Profile]
    ) -> tuple[Profile, str] | None:
        """Return the request that `record` answers, and the profile that says so."""
        named = [(p, event_id) for p in profiles if (event_id := p.correlation_id(record))]
        if len(named) < 2:
            return named[0] if named else None
        known = (pair for pair in named if pair[1] in self._waiting or pair[1] in self._answered)
        genuine = (pair for pair in named if self._genuine(pair[1]))
        return next(known, None) or next(genuine, named[0])

    def _answer(self, expected: Expected, record: IncomingRecord, profile: Profile) -> None:
        del self._waiting[expected.id]
        answer = expected.read(record, profile)
        if not expected.settle(answer):
            self._hand_on(answer)
            return
        if answer.fault is None:
            self._remember(expected)
            self._events.replied(expected.service_id, ReplyFate.ANSWERED)
        else:
            self._malformed(record, expected.service_id, _reason(answer.fault))

    def _hand_on(self, answer: LateReply) -> None:
        if answer.fault is not None:
            self._poison(answer.record, _reason(answer.fault))
        self._late(answer)

    def _take_status(self, record: IncomingRecord, profiles: tuple[Profile, ...]) -> None:
        named = self._named(record, (_CLOUD_EVENTS, *profiles))
        if named is None:
            self._malformed(record, NOBODY, NAMES_NO_REQUEST)
        elif not self._genuine(named[1]):
            self._events.replied(NOBODY, ReplyFate.FOREIGN)
        else:
            try:
                event = status_event(record, named[1])
            except MalformedStatusError as error:
                self._malformed(record, NOBODY, str(error))
            else:
                self._progress(event)

    def _malformed(self, record: IncomingRecord, service: str, reason: str) -> None:
        self._events.replied(service, ReplyFate.MALFORMED)
        self._poison(record, reason)

    def _remember(self, expected: Expected) -> None:
        self._answered[expected.id] = _Answered(expected.service_id, expected.topic)
        if len(self._answered) > self._remembered:
            self._answered.popitem(last=False)


def _read(record: IncomingRecord, event_id: str, profile: Profile) -> LateReply:
    try:
        return LateReply(event_id, record.topic, profile.reply_of(record), None, record)
    except Fault as fault:
        return LateReply(event_id, record.topic, None, fault, record)


def _reason(fault: Fault) -> str:
    return fault.cause.code if fault.detail is None else fault.detail.en
