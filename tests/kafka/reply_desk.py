"""An inbox for the tests of replies: the department that answers, and all that is handed on."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING, Final, TypeVar

from gateway.kafka.connection import KafkaConnection
from gateway.kafka.profiles import PROFILES
from gateway.kafka.record import IncomingRecord
from gateway.kafka.replies import ReplyInbox, Subscription
from tests.doubles.kafka_topic import write

if TYPE_CHECKING:
    from gateway.kafka.replies import Expected, LateReply
    from gateway.kafka.status_events import StatusEvent
    from tests.doubles.kafka_events import RecordedEvents

__all__ = [
    "CLOUD_EVENTS",
    "REPLIES",
    "STATUS",
    "Department",
    "Handed",
    "expect",
    "fates",
    "genuine",
    "incoming",
    "new_id",
]

CLOUD_EVENTS: Final = PROFILES["cloudevents"]
REPLIES: Final = Subscription((CLOUD_EVENTS,), status=False)
STATUS: Final = Subscription((), status=True)

Kept = TypeVar("Kept")
_numbers = count()


def new_id() -> str:
    """An id that counts as genuine here."""
    return f"genuine-{next(_numbers)}"


def genuine(identity: str) -> bool:
    return identity.startswith("genuine-")


class Handed:
    """What an inbox handed on: late replies, status events, poison with its reason."""

    def __init__(self) -> None:
        self.late: list[LateReply] = []
        self.progress: list[StatusEvent] = []
        self.poison: list[tuple[IncomingRecord, str]] = []
        self._more = asyncio.Event()

    def inbox(self, bootstrap: str, events: RecordedEvents, remembered: int = 10) -> ReplyInbox:
        return ReplyInbox(
            KafkaConnection(bootstrap),
            events,
            genuine=genuine,
            late=lambda reply: self._note(self.late, reply),
            progress=lambda event: self._note(self.progress, event),
            poison=lambda record, reason: self._note(self.poison, (record, reason)),
            remembered=remembered,
        )

    async def until(self, *, late: int = 0, progress: int = 0, poison: int = 0) -> None:
        """Wait until as many of each were handed on."""
        goals = ((self.late, late), (self.progress, progress), (self.poison, poison))
        async with asyncio.timeout(30):
            while any(len(kept) < goal for kept, goal in goals):
                self._more.clear()
                await self._more.wait()

    def _note(self, kept: list[Kept], handed: Kept) -> None:
        kept.append(handed)
        self._more.set()


class Department:
    """Answers on one reply topic."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self.bootstrap = bootstrap
        self.topic = topic

    async def answer(
        self, identity: str, value: bytes | None = b"{}", *headers: tuple[str, bytes], **place: int
    ) -> None:
        correlation = ("ce_correlationid", identity.encode())
        await write(self.bootstrap, self.topic, value, [correlation, *headers], **place)


async def fates(events: RecordedEvents, number: int) -> list[tuple[str, str]]:
    await events.until(lambda happened: len(happened.fates) >= number)
    return events.fates


def expect(inbox: ReplyInbox, department: Department, service: str = "svc") -> Expected:
    return inbox.expect(department.topic, service, new_id())


def incoming(
    topic: str, *headers: tuple[str, bytes], value: bytes | None = b"{}"
) -> IncomingRecord:
    return IncomingRecord(topic, 0, 0, None, value, headers)
