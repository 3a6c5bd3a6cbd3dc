"""The state machine of a case: one table and one pure function.

Room rule: as `gateway.cases`. What a department says is never dropped in silence: what cannot be
followed becomes a step of the history with the reason.

The states run in three stages, and a case only goes forward from one to the next:

- **hops** (received, spooled, published): where the record is. They overtake each other and are
  overtaken: an answer can be here before the broker's acknowledgement. A hop that comes late fills
  in what it knows (place, durability, possible duplicate) and leaves the state alone.
- **outcome** (answered, failed, expired): an answer may still follow a failure or an expiry.
- **progress**: the department's own states (预受理 … 办结), in its own order. An answer
  that comes while the department reports progress is kept with the case; the progress goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from gateway.cases.case import PROGRESS, State, Step, Verdict
from gateway.routing.model import KafkaMode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from gateway.cases.case import Answer, Case, Durable, Place

__all__ = ["TRANSITIONS", "CaseEvent", "Verdict", "apply", "is_over"]

REFUSED_STEPS: Final = 50
"""Refused events that a history lists; the rest is counted in `unlisted`."""
TAKEN_STEPS: Final = 200
"""Taken ones; beyond it the oldest progress gives way, and is counted in `unlisted`."""
NOTE_LENGTH: Final = 500
"""Characters of a department's note that are kept."""

_FIRST_PROGRESS: Final = frozenset(
    {
        State.PRE_ACCEPTED,
        State.CORRECTION_REQUIRED,
        State.NOT_ACCEPTED,
        State.ACCEPTED,
        State.CLOSED,
    }
)
"""Progress that may come first: a department that closes on the spot reports nothing before."""

TRANSITIONS: Final[Mapping[State, frozenset[State]]] = {
    State.RECEIVED: _FIRST_PROGRESS
    | {State.SPOOLED, State.PUBLISHED, State.ANSWERED, State.FAILED, State.EXPIRED},
    State.SPOOLED: _FIRST_PROGRESS | {State.PUBLISHED, State.ANSWERED, State.FAILED, State.EXPIRED},
    State.PUBLISHED: _FIRST_PROGRESS | {State.ANSWERED, State.FAILED, State.EXPIRED},
    State.ANSWERED: _FIRST_PROGRESS,
    # A record that was given up can turn out to be sent after all, or be sent again by hand.
    State.FAILED: _FIRST_PROGRESS | {State.PUBLISHED, State.ANSWERED},
    State.EXPIRED: _FIRST_PROGRESS | {State.ANSWERED, State.FAILED},
    State.PRE_ACCEPTED: frozenset(
        {State.CORRECTION_REQUIRED, State.NOT_ACCEPTED, State.ACCEPTED, State.CLOSED}
    ),
    State.CORRECTION_REQUIRED: frozenset(
        {State.CORRECTED, State.NOT_ACCEPTED, State.ACCEPTED, State.CLOSED}
    ),
    # More may be missing before the acceptance and after it.
    State.CORRECTED: frozenset(
        {
            State.CORRECTION_REQUIRED,
            State.PRE_ACCEPTED,
            State.NOT_ACCEPTED,
            State.ACCEPTED,
            State.SUSPENDED,
            State.CLOSED,
        }
    ),
    State.NOT_ACCEPTED: frozenset({State.CLOSED}),
    State.ACCEPTED: frozenset({State.CORRECTION_REQUIRED, State.SUSPENDED, State.CLOSED}),
    State.SUSPENDED: frozenset({State.RESUMED, State.CLOSED}),
    State.RESUMED: frozenset({State.CORRECTION_REQUIRED, State.SUSPENDED, State.CLOSED}),
    State.CLOSED: frozenset({State.DELIVERED}),
    State.DELIVERED: frozenset(),
}

_LAST_PROGRESS: Final = frozenset({State.NOT_ACCEPTED, State.CLOSED, State.DELIVERED})
_DURABLE: Final[Mapping[State, Durable]] = {State.SPOOLED: "local", State.PUBLISHED: "kafka"}
_AWAITING: Final = frozenset({State.RECEIVED, State.SPOOLED, State.PUBLISHED})
_ENDS: Final[Mapping[KafkaMode, frozenset[State]]] = {
    KafkaMode.EVENT: frozenset({State.PUBLISHED, State.ANSWERED, State.FAILED}) | PROGRESS,
    KafkaMode.REPLY: frozenset({State.ANSWERED, State.FAILED}) | _LAST_PROGRESS,
    KafkaMode.ACCEPT: frozenset({State.FAILED}) | _LAST_PROGRESS,
}


class CaseEvent(NamedTuple):
    """Something that happened to a case.

    `state` is None when the department's word is in no map. `at` (UTC) is the time in the record
    that told it, not that of reading it, so that a record that is read again is recognised; a time
    in the future is cut to now by whoever reads it. `place` and `durability` are those of the
    request's record; a hop implies its own durability. `version` is the department's data
    version.
    """

    state: State | None
    at: datetime
    place: Place | None = None
    durability: Durable | None = None
    possible_duplicate: bool = False
    answer: Answer | None = None
    version: int | None = None
    note: str | None = None

    def __repr__(self) -> str:
        return f"CaseEvent({self.state}, {self.at:%FT%T}, version={self.version})"


def apply(case: Case, event: CaseEvent) -> tuple[Case, Verdict]:
    """Return the case after the event, and what became of the event.

    A refused event is in the history of the returned case; a repeated one leaves no trace: the
    very same case is returned.
    """
    state = event.state
    if state is State.PUBLISHED or state is State.SPOOLED:
        return _hop(case, event, state)
    if state is State.ANSWERED:
        return _answered(case, event)
    if _is_known(case, event):
        return case, Verdict.REPEATED
    if state is None:
        return _refused(case, event, Verdict.UNKNOWN_STATE)
    if state in PROGRESS:
        if _is_stale(case, event):
            return _refused(case, event, Verdict.STALE)
        if state is case.state:
            # The same state again is news when it says more: a newer version, or another note.
            says_more = event.version is not None or _note(event) not in (None, _last_note(case))
            return _taken(case, event, state) if says_more else (case, Verdict.REPEATED)
    if state not in TRANSITIONS[case.state]:
        return _refused(case, event, Verdict.ILLEGAL)
    return _taken(case, event, state)


def is_over(case: Case) -> bool:
    """True when the gateway expects nothing more; the department may still go on."""
    return case.answer is not None or case.state in _ENDS[case.mode]


def _hop(case: Case, event: CaseEvent, hop: State) -> tuple[Case, Verdict]:
    """Move the record on, or fill in what a hop that was overtaken knows."""
    filled = _filled(case, event, event.durability or _DURABLE[hop])
    if hop in TRANSITIONS[case.state]:
        return _taken(filled, event, hop)
    if filled == case:
        return case, Verdict.REPEATED
    return _taken(filled, event, case.state)


def _answered(case: Case, event: CaseEvent) -> tuple[Case, Verdict]:
    if case.answer is not None or (case.state is State.ANSWERED and event.answer is None):
        return case, Verdict.REPEATED
    moves = State.ANSWERED in TRANSITIONS[case.state]
    state = State.ANSWERED if moves else case.state
    case = _filled(case, event, event.durability)  # what its sender knew of the record by then
    return _taken(case._replace(answer=event.answer, expires_at=None), event, state)


def _filled(case: Case, event: CaseEvent, durability: Durable | None) -> Case:
    """Return the case with what the event tells of its record; the first place stays."""
    partition, offset = case.partition, case.offset
    if offset is None and event.place is not None:
        _, partition, offset = event.place
    return case._replace(
        durability="kafka" if case.durability == "kafka" else durability or case.durability,
        partition=partition,
        offset=offset,
        possible_duplicate=case.possible_duplicate or event.possible_duplicate,
    )


def _is_known(case: Case, event: CaseEvent) -> bool:
    """True for a record that was read before."""
    what = (event.state, event.at, event.version, _note(event))
    return any((step.state, step.at, step.version, step.note) == what for step in case.history)


def _last_note(case: Case) -> str | None:
    taken = (step for step in reversed(case.history) if step.rejected is None)
    return next((step.note for step in taken if step.state is case.state), None)


def _is_stale(case: Case, event: CaseEvent) -> bool:
    return None is not event.version and None is not case.version and event.version <= case.version


def _taken(case: Case, event: CaseEvent, state: State) -> tuple[Case, Verdict]:
    awaiting = state in _AWAITING and state not in _ENDS[case.mode]
    progress = event.state in PROGRESS and event.version is not None
    history, unlisted = _with_taken(case, _step(event))
    return case._replace(
        state=state,
        updated_at=max(case.updated_at, event.at),
        expires_at=case.expires_at if awaiting else None,
        possible_duplicate=case.possible_duplicate or event.possible_duplicate,
        version=event.version if progress else case.version,
        history=history,
        unlisted=unlisted,
    ), Verdict.TAKEN


def _refused(case: Case, event: CaseEvent, why: Verdict) -> tuple[Case, Verdict]:
    if sum(step.rejected is not None for step in case.history) >= REFUSED_STEPS:
        return case._replace(unlisted=case.unlisted + 1), why
    step = _step(event)._replace(rejected=why)
    return case._replace(history=(*case.history, step)), why


def _with_taken(case: Case, step: Step) -> tuple[tuple[Step, ...], int]:
    """Return the history with one more step, and how many are not in it."""
    history = case.history
    if len(history) < TAKEN_STEPS:
        return (*history, step), case.unlisted
    taken = [index for index, known in enumerate(history) if known.rejected is None]
    if len(taken) < TAKEN_STEPS:
        return (*history, step), case.unlisted
    oldest = next((i for i in taken if history[i].state in PROGRESS), taken[1])
    return (*history[:oldest], *history[oldest + 1 :], step), case.unlisted + 1


def _step(event: CaseEvent) -> Step:
    durability = event.durability
    if durability is None and event.state is not None:
        durability = _DURABLE.get(event.state)
    return Step(event.state, event.at, durability, event.version, _note(event))


def _note(event: CaseEvent) -> str | None:
    if event.note is None:
        return None
    # Half a surrogate pair is legal in JSON text, but no text that could be kept.
    return event.note[:NOTE_LENGTH].encode("utf-8", "replace").decode()
