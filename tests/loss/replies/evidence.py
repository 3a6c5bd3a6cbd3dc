"""What was seen: what callers were told, what the department was asked and wrote, what cases say.

Times are seconds on the loop's clock.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.loss.evidence import CaseSeen, Span
    from tests.loss.replies.answers import Asked

__all__ = ["Answer", "Call", "Evidence", "Wave", "read_answer"]


class Answer(NamedTuple):
    """What the department's answer says of itself; `copy` counts from 0."""

    event_id: str
    number: int
    copy: int


@dataclass(frozen=True, slots=True)
class Call:
    """One POST and what came of it: `status` is None when no answer came, `error` says why.

    `case_id` is the one that the receipt or the answer's `Link` names; `cause` is a problem's.
    """

    number: int
    at: Span
    status: int | None = None
    case_id: str | None = None
    answer: Answer | None = None
    cause: str | None = None
    error: str | None = None


class Wave(NamedTuple):
    """Callers that waited at once; the gateway's resident bytes before the first and with all.

    `seconds` went by until all waited.
    """

    waiting: int
    before: int
    full: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """A run in which `waits` callers were to wait at once, in the wave before the kill and the one
    after; `cases` and `answered` are by event ID, `away` from each kill to the gateway's return.

    `timeout` is the service's, in seconds. `memory_limit` are the bytes that the waits may cost.
    `complete` says that this is all of a run.
    """

    calls: tuple[Call, ...]
    asked: tuple[Asked, ...]
    answered: Mapping[str, float]
    cases: Mapping[str, CaseSeen]
    away: tuple[Span, ...] = ()
    waits: int = 0
    timeout: float | None = None
    waves: tuple[Wave, ...] = ()
    memory_limit: float | None = None
    accidents: tuple[str, ...] = ()
    complete: bool = False


def read_answer(body: str | bytes | None) -> Answer | None:
    """What a body says; None when it is no answer of the department."""
    try:
        document = json.loads(body or "")
        return Answer(document["event_id"], document["number"], document["copy"])
    except (ValueError, LookupError, TypeError):
        return None
