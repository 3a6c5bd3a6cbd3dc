"""Cases and stores for the tests of this room; whatever a person would have written is made up."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from gateway.cases.case import Case, Place, State, Step
from gateway.cases.identity import CaseIds
from gateway.cases.store import Callback, Key
from gateway.cases.transitions import CaseEvent
from gateway.routing.model import KafkaMode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["HOUR", "IDS", "KEY", "NOON", "PUBLISHED", "Counted", "a_case", "at", "told"]

NOON: Final = datetime(2026, 5, 20, 12, 0, 0, 123456, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
IDS: Final = CaseIds(bytes(range(32)))
KEY: Final = Key("app", "permit.apply", "made-up-key")


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


PUBLISHED: Final = CaseEvent(State.PUBLISHED, at(1), place=Place("permit.requests", 1, 7))


def a_case(  # a test names what it is about and leaves out the rest
    case_id: str | None = None,
    *,
    service: str = "permit.apply",
    mode: KafkaMode = KafkaMode.REPLY,
    state: State = State.RECEIVED,
    accepted_at: datetime = NOON,
    expires_at: datetime | None = None,
    channel: str = "app",
) -> Case:
    return Case(
        id=case_id or IDS.new(),
        service=service,
        department="housing",
        channel=channel,
        topic="permit.requests",
        mode=mode,
        state=state,
        accepted_at=accepted_at,
        updated_at=accepted_at,
        expires_at=expires_at,
        history=(Step(State.RECEIVED, accepted_at),),
    )


def told(case: Case) -> Callback | None:
    """What the stores of these tests keep for a channel: `told` is told, nobody else."""
    if case.channel != "told":
        return None
    return Callback(f"msg_{case.id}_{case.revision}", case.id, "told", case.state, case.updated_at)


class Counted:
    """Writes down what a book tells whoever counts."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.durations: list[str] = []
        self.counts: Mapping[tuple[str, str], int] = {}
        self._news = asyncio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what was told fulfils a condition; ten seconds at most."""
        async with asyncio.timeout(10):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def _tell(self, *what: object) -> None:
        self.told.append(what)
        self._news.set()

    def transition(self, service: str, state: State) -> None:
        self._tell("transition", service, state)

    def rejected(self, service: str, reason: str) -> None:
        self._tell("rejected", service, reason)

    def expired(self, service: str) -> None:
        self._tell("expired", service)

    def swept(self, cases: int) -> None:
        self._tell("swept", cases)

    def counted(self, cases: Mapping[tuple[str, str], int]) -> None:
        self.counts = cases
        self._news.set()

    def store_duration(self, operation: str, seconds: float) -> None:
        assert seconds >= 0
        self.durations.append(operation)

    def store_up(self, up: bool) -> None:  # noqa: FBT001  # the protocol's own form
        self._tell("up", up)
