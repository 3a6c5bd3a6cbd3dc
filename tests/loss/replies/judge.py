"""The judgement: pure functions from what was seen to what is wrong with it.

As in `tests.loss.judge`, every rule yields one sentence for each breach.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from tests.loss.evidence import CaseSeen
from tests.loss.replies.evidence import read_answer
from tests.loss.replies.manners import ANSWERING, IN_TIME, Manner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.loss.replies.answers import Asked
    from tests.loss.replies.evidence import Evidence

__all__ = ["RULES", "is_open", "judge"]

TOLD: Final = frozenset({200, 202, 502})
UNREADABLE: Final = frozenset({"reply_malformed", "reply_invalid"})
OPEN: Final = frozenset({"received", "spooled", "published"})
UNSEEN: Final = CaseSeen(0)
GRACE: Final = 5.0
"""Seconds from the broker's acknowledgement of an answer in which it has to be with its caller;
more than a machine needs that answers all of them at once."""


def judge(evidence: Evidence) -> Mapping[str, list[str]]:
    """Return the breaches of each rule, by the rule's name, in the order of `RULES`."""
    return {name: list(rule(evidence)) for name, rule in RULES.items()}


def is_open(case: CaseSeen) -> bool:
    """Whether a case says that its answer is still to come."""
    return case.status == 200 and case.state in OPEN and case.answer is None


def wrong_answers(evidence: Evidence) -> Iterator[str]:
    """Whoever is given an answer is given the one to its own request, and the first of them."""
    for call in evidence.calls:
        if call.status != 200:
            continue
        told = call.answer
        if told is None or (told.number, told.event_id) != (call.number, call.case_id):
            yield f"#{call.number} ({call.case_id}) got {told}"
        elif told.copy:
            yield f"#{call.number} got a later copy of its answer"


def wrong_cases(evidence: Evidence) -> Iterator[str]:
    """A case that has an answer has the first one to its own request."""
    numbers = {asked.event_id: asked.number for asked in evidence.asked}
    for event_id, case in evidence.cases.items():
        if case.answer is None:
            continue
        kept = read_answer(case.answer)
        if kept is None or kept != (event_id, numbers.get(event_id), 0):
            yield f"{event_id} (#{numbers.get(event_id)}) keeps {kept}"


def lost(evidence: Evidence) -> Iterator[str]:
    """Whoever was told anything of a request finds it in the topic, under the ID it was told."""
    events = _events(evidence)
    for call in evidence.calls:
        if call.status not in TOLD:
            continue
        if call.number not in events:
            yield f"#{call.number} was told {call.status} and is not in the topic"
        elif call.status != 502 and call.case_id not in events[call.number]:
            yield f"#{call.number} was told of {call.case_id}, which is not in the topic"


def doubled(evidence: Evidence) -> Iterator[str]:
    """A request is one event; of its copies all but one have the mark."""
    for number, events in _events(evidence).items():
        if len(events) > 1:
            yield f"#{number} became {len(events)} events"
    unmarked = Counter(asked.event_id for asked in evidence.asked if not asked.replayed)
    for event_id, count in unmarked.items():
        if count > 1:
            yield f"{event_id} is there {count} times without ce_replayed"


def waited_in_vain(evidence: Evidence) -> Iterator[str]:
    """Nobody gets a receipt, or nothing, for an answer that was there in good time."""
    manners = _manners(evidence)
    for call in evidence.calls:
        if call.status != 202 or manners.get(call.number) not in IN_TIME:
            continue
        answered = evidence.answered.get(call.case_id or "")
        if answered is not None and answered + GRACE < call.at.end:
            yield f"#{call.number} waited {call.at.end - answered:.1f} s beside its answer"


def kept_waiting(evidence: Evidence) -> Iterator[str]:
    """Whoever is told anything is told it when the time is up, at the latest."""
    limit = math.inf if evidence.timeout is None else evidence.timeout + GRACE
    for call in evidence.calls:
        waited = call.at.end - call.at.start
        if call.status is not None and waited > limit:
            yield f"#{call.number} was told {call.status} after {waited:.1f} s"


def refused_and_sent(evidence: Evidence) -> Iterator[str]:
    """As no broker fails here, a request that is refused is not with the department."""
    events = _events(evidence)
    for call in evidence.calls:
        if call.status == 503 and call.number in events:
            yield f"#{call.number} was refused ({call.cause}) and is in the topic"


def unanswered_cases(evidence: Evidence) -> Iterator[str]:
    """What the department answered is answered in its case, whatever became of the caller."""
    for asked in _once(evidence):
        if asked.event_id not in evidence.answered:
            continue
        case = evidence.cases.get(asked.event_id, UNSEEN)
        if case.state != "answered" or case.answer is None:
            yield f"{_name(asked)} was answered, and its case is {case.status} {case.state}"


def unanswered_requests(evidence: Evidence) -> Iterator[str]:
    """The department has answered whatever it was to answer: or the run shows too little."""
    for asked in _once(evidence):
        if asked.manner in ANSWERING and asked.event_id not in evidence.answered:
            yield f"{_name(asked)} was never answered by the department"


def unreadable_answers(evidence: Evidence) -> Iterator[str]:
    """An answer that cannot be read is a 502 while somebody waits, and a failed case."""
    manners = _manners(evidence)
    for call in evidence.calls:
        malformed = manners.get(call.number) is Manner.MALFORMED
        if call.status == 502 and not (malformed and call.cause in UNREADABLE):
            yield f"#{call.number} ({manners.get(call.number)}) got 502 {call.cause}"
        elif malformed and call.status == 200:
            yield f"#{call.number} (malformed) got 200"
    for asked in _once(evidence):
        case = evidence.cases.get(asked.event_id, UNSEEN)
        if asked.manner is Manner.MALFORMED and (case.state != "failed" or case.answer):
            yield f"{_name(asked)}: its case is {case.status} {case.state}"


def dishonest_silence(evidence: Evidence) -> Iterator[str]:
    """Where no answer came, nobody is told of one: the caller has a receipt, the case is open."""
    manners = _manners(evidence)
    silent = {Manner.SILENT, Manner.NAMELESS}
    for call in evidence.calls:
        if manners.get(call.number) in silent and call.status in {200, 502}:
            yield f"#{call.number} ({manners[call.number]}) got {call.status}"
    for asked in _once(evidence):
        case = evidence.cases.get(asked.event_id, UNSEEN)
        if asked.manner in silent and not is_open(case):
            yield f"{_name(asked)}: its case is {case.status} {case.state}"


def dishonest_refusals(evidence: Evidence) -> Iterator[str]:
    """There is an answer, a receipt, a 502 for what cannot be read, or a 503 that says why."""
    for call in evidence.calls:
        if call.status is None or call.status in TOLD or (call.status == 503 and call.cause):
            continue
        yield f"#{call.number}: {call.status} {call.cause}"


def broken_connections(evidence: Evidence) -> Iterator[str]:
    """Only a gateway that is killed leaves a caller without an answer."""
    for call in evidence.calls:
        away = any(
            span.start <= call.at.end and call.at.start <= span.end for span in evidence.away
        )
        if call.status is None and not away:
            yield f"#{call.number}: {call.error} while the gateway stood"


def too_much_memory(evidence: Evidence) -> Iterator[str]:
    """What all the waits cost stays under the limit, if there is one."""
    if evidence.memory_limit is None:
        return
    for wave in evidence.waves:
        if wave.full - wave.before > evidence.memory_limit:
            yield f"{wave.waiting:,} waits cost {(wave.full - wave.before) / 1e6:.1f} MB"


def accidents(evidence: Evidence) -> Iterator[str]:
    """The gateway ends when it is killed or told to, and its log tells of no fault in itself."""
    yield from evidence.accidents


def nothing_shown(evidence: Evidence) -> Iterator[str]:
    """A run in which nothing happened proves nothing."""
    if not evidence.complete:
        return
    for missing in sorted(set(Manner) - {asked.manner for asked in evidence.asked}):
        yield f"no request was treated so: {missing}"
    if len(evidence.waves) < 2:
        yield "there was no wave after the kill"
    for wave in evidence.waves:
        if wave.waiting < evidence.waits:
            yield f"at most {wave.waiting:,} waited at once, and not {evidence.waits:,}"
    for status in sorted(TOLD - {call.status for call in evidence.calls}):
        yield f"nobody was told {status}"
    cut = {call.number for call in evidence.calls if call.status is None}
    rescued = {asked.event_id for asked in evidence.asked if asked.number in cut}
    if not any(evidence.cases.get(i, UNSEEN).state == "answered" for i in rescued):
        yield "no case was answered whose caller lost its gateway"


RULES: Final[Mapping[str, Callable[[Evidence], Iterator[str]]]] = {
    "wrong answers": wrong_answers,
    "cases with a wrong answer": wrong_cases,
    "lost": lost,
    "doubled": doubled,
    "waited in vain": waited_in_vain,
    "kept waiting": kept_waiting,
    "refused and sent": refused_and_sent,
    "cases without their answer": unanswered_cases,
    "requests that the department forgot": unanswered_requests,
    "unreadable answers": unreadable_answers,
    "dishonest silence": dishonest_silence,
    "dishonest refusals": dishonest_refusals,
    "broken connections": broken_connections,
    "too much memory": too_much_memory,
    "accidents": accidents,
    "nothing was shown": nothing_shown,
}


def _events(evidence: Evidence) -> dict[int, set[str]]:
    """The events of each request in the topic."""
    events: dict[int, set[str]] = defaultdict(set)
    for asked in evidence.asked:
        events[asked.number].add(asked.event_id)
    return dict(events)


def _manners(evidence: Evidence) -> dict[int, Manner]:
    return {asked.number: asked.manner for asked in evidence.asked}


def _once(evidence: Evidence) -> Iterator[Asked]:
    """One record of each event."""
    return iter({asked.event_id: asked for asked in evidence.asked}.values())


def _name(asked: Asked) -> str:
    return f"#{asked.number} {asked.event_id} ({asked.manner})"
