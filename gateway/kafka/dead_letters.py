"""The way of dead letters to their topics: none holds up the path, none is given up in silence.

Room rule: as `gateway.kafka`. `put` returns at once; a writer hands the letters to a sink, which is
the outbox: while the brokers are away they lie in the spool like any record. What the sink refuses
is tried again at the back of the queue, so that a topic that is missing holds up no other.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from gateway.errors import RECORD_TOO_LARGE, Fault, GatewayError
from gateway.kafka.dead_letter_form import (
    SUFFIX,
    DeadLetter,
    Reason,
    dead_letter_record,
    without_value,
)
from gateway.kafka.record import IncomingRecord

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gateway.kafka.record import OutgoingRecord

__all__ = ["LOST", "DeadLetter", "DeadLetterEvents", "DeadLetters", "Reason"]

LOST: Final = "lost"
"""What is counted instead of the reason when a letter could not be written."""

MOST: Final = 1000
MOST_BYTES: Final = 16 << 20
"""Letters that wait here, and their bytes; beyond either a new one is lost, and said to be."""
AT_A_TIME: Final = 64
PATIENCE: Final = 300.0
"""Seconds for which a letter that is refused is tried again: time to create a topic."""
PAUSE: Final = 2.0
"""Seconds before the next try when nothing could be written."""

_log = logging.getLogger(__name__)


class DeadLetterEvents(Protocol):
    """Receives what happens here; as `gateway.kafka.events.KafkaEvents`."""

    def dead_letter(self, service: str, reason: str) -> None:
        """A letter has its end: it was handed over for its reason, or is `lost`."""


@dataclass(slots=True)
class _Waiting:
    letter: DeadLetter
    record: OutgoingRecord
    until: float

    @property
    def size(self) -> int:
        record = self.record
        headers = sum(len(name) + len(value) for name, value in record.headers)
        return len(record.value) + len(record.key or b"") + headers


class DeadLetters:
    """Takes letters and writes them; `send` raises `GatewayError` when it cannot take one now.

    `pause` and `patience` are in seconds.
    """

    def __init__(
        self,
        send: Callable[[OutgoingRecord], Awaitable[object]],
        events: DeadLetterEvents,
        *,
        pause: float = PAUSE,
        patience: float = PATIENCE,
    ) -> None:
        self._send = send
        self._events = events
        self._pause = pause
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._queue: deque[_Waiting] = deque()
        self._bytes = 0
        self._news = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many letters are not handed over yet."""
        return len(self._queue)

    def put(self, letter: DeadLetter) -> None:
        """Take a letter; never raises. A record that is one already is not wrapped again."""
        waiting = _Waiting(letter, dead_letter_record(letter), self._loop.time() + self._patience)
        if letter.record.topic.endswith(SUFFIX):
            self._lose(waiting, "it is a dead letter already")
        elif len(self._queue) >= MOST or self._bytes + waiting.size > MOST_BYTES:
            self._lose(waiting, "too many others wait to be written")
        else:
            self._enqueue(waiting)
            self._news.set()

    async def run(self) -> None:
        """Write letters until cancelled; what is under way then is kept for `drain`."""
        while True:
            while not self._queue:
                self._news.clear()
                await self._news.wait()
            if not await self._round():
                await asyncio.sleep(self._pause)

    async def drain(self, seconds: float) -> None:
        """Hand over what is left, within `seconds`; what cannot be is lost, and said to be."""
        try:
            async with asyncio.timeout(seconds):
                while self._queue and await self._round():
                    pass
        except TimeoutError:
            pass
        while self._queue:
            self._lose(self._dequeue(), "the gateway stops")

    async def _round(self) -> bool:
        """Try the letters that have waited longest, each once; false when none could be written."""
        batch = [self._dequeue() for _ in range(min(AT_A_TIME, len(self._queue)))]
        async with asyncio.TaskGroup() as group:
            tries = [group.create_task(self._try(one), name="dead-letter") for one in batch]
        return any(one.result() for one in tries)

    async def _try(self, waiting: _Waiting) -> bool:
        try:
            await self._send(waiting.record)
        except asyncio.CancelledError:
            self._enqueue(waiting)
            raise
        except GatewayError as error:
            return self._refused(waiting, error)
        self._events.dead_letter(waiting.letter.service_id, waiting.letter.reason)
        return True

    def _refused(self, waiting: _Waiting, error: GatewayError) -> bool:
        """Decide about a letter that the sink did not take; true when that is progress."""
        is_large = isinstance(error, Fault) and error.cause is RECORD_TOO_LARGE
        too_large = is_large and bool(waiting.record.value)
        if too_large:
            waiting.record = without_value(waiting.record)
        elif self._loop.time() >= waiting.until:
            self._lose(waiting, str(error))
            return True
        self._enqueue(waiting)
        return too_large

    def _enqueue(self, waiting: _Waiting) -> None:
        self._queue.append(waiting)
        self._bytes += waiting.size

    def _dequeue(self) -> _Waiting:
        waiting = self._queue.popleft()
        self._bytes -= waiting.size
        return waiting

    def _lose(self, waiting: _Waiting, why: str) -> None:
        letter = waiting.letter
        self._events.dead_letter(letter.service_id, LOST)
        _log.error(
            "A dead letter (%s) is lost: %s; service %s, record %s of %s, for topic %s",
            letter.reason,
            why,
            letter.service_id,
            _name(letter),
            letter.record.topic,
            waiting.record.topic,
        )


def _name(letter: DeadLetter) -> str:
    """The record's place or its event id: neither tells anything about a person."""
    record = letter.record
    if isinstance(record, IncomingRecord):
        return f"{record.partition}:{record.offset}"
    return record.event_id
