"""The judgement: pure functions from what was seen to what is wrong with it.

Every rule is a function that yields one sentence for each breach. A run has passed when no rule
yields anything.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tests.loss.schedule import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.loss.evidence import Attempt, CaseSeen, Evidence, Place, Record

__all__ = ["RULES", "copies", "judge"]

DURABLE: Final = frozenset({"kafka", "local"})
HONEST: Final = frozenset({503, 504})
OUTAGES: Final = frozenset({Kind.KILL_BROKER, Kind.BLACKHOLE})
OVER: Final = frozenset({"published", "answered"})


def judge(evidence: Evidence) -> Mapping[str, list[str]]:
    """Return the breaches of each rule, by the rule's name, in the order of `RULES`."""
    return {name: list(rule(evidence)) for name, rule in RULES.items()}


def copies(evidence: Evidence) -> dict[str, list[Record]]:
    """The records of each event ID, in the order of the topic."""
    found: dict[str, list[Record]] = defaultdict(list)
    for record in sorted(evidence.records, key=_position):
        found[record.event_id].append(record)
    return dict(found)


def lost(evidence: Evidence) -> Iterator[str]:
    """Whoever got a 2xx finds the request in its topic, as it was sent."""
    found = copies(evidence)
    for attempt in _acknowledged(evidence):
        if attempt.event_id is None:
            yield f"{_name(attempt)}: {attempt.status} names no event ID"
        elif not any(_is_of(attempt, r, evidence) for r in found.get(attempt.event_id, ())):
            yield f"{_name(attempt)}: {attempt.event_id} is not in its topic"


def empty_receipts(evidence: Evidence) -> Iterator[str]:
    """A receipt says where the request is durable."""
    for attempt in evidence.attempts:
        receipt = attempt.receipt
        if receipt is not None and receipt.durability not in DURABLE:
            yield f"{_name(attempt)}: {receipt.id} is durable in {receipt.durability}"


def left_in_spool(evidence: Evidence) -> Iterator[str]:
    """When all is well again the spool empties itself."""
    if evidence.spool_left:
        yield f"{evidence.spool_left:.0f} records were still in the spool at the end"


def unmarked_duplicates(evidence: Evidence) -> Iterator[str]:
    """Of a record that is there more than once, all copies but one say so."""
    for event_id, records in copies(evidence).items():
        unmarked = sum(not record.replayed for record in records)
        if unmarked > 1:
            yield f"{event_id} is there {unmarked} times without ce_replayed"


def altered_copies(evidence: Evidence) -> Iterator[str]:
    """All copies of a record are the same request."""
    for event_id, records in copies(evidence).items():
        if len({(record.place.topic, record.lane, record.number) for record in records}) > 1:
            yield f"{event_id} stands for several requests"


def doubled_requests(evidence: Evidence) -> Iterator[str]:
    """A request that is repeated under one `Idempotency-Key` becomes one event."""
    topics = {evidence.topics[service] for service in evidence.once}
    ids: dict[tuple[str, int], set[str]] = defaultdict(set)
    for record in evidence.records:
        if record.place.topic in topics:
            ids[record.lane, record.number].add(record.event_id)
    for (lane, number), events in ids.items():
        if len(events) > 1:
            yield f"{lane} #{number} became {len(events)} events"


def out_of_order(evidence: Evidence) -> Iterator[str]:
    """What one caller submitted one after the other stands in that order, duplicates aside."""
    first = {event_id: records[0] for event_id, records in copies(evidence).items()}
    lanes: dict[str, dict[int, Record]] = defaultdict(dict)
    for attempt in _acknowledged(evidence):
        record = first.get(attempt.event_id or "")
        if record is not None and attempt.service in evidence.ordered:
            lanes[attempt.lane][attempt.number] = record
    for lane, numbers in lanes.items():
        if len({record.place.partition for record in numbers.values()}) > 1:
            yield f"{lane} is in several partitions"
            continue
        for before, after in pairwise(sorted(numbers)):
            if _position(numbers[before]) >= _position(numbers[after]):
                yield f"{lane} #{after} stands before #{before}"


def dishonest_refusals(evidence: Evidence) -> Iterator[str]:
    """Whoever is refused gets 503 or 504 with a problem that names its cause."""
    for attempt in evidence.attempts:
        if attempt.status is None or attempt.acknowledged:
            continue
        if attempt.status not in HONEST or attempt.cause is None:
            yield f"{_name(attempt)}: {attempt.status} {attempt.cause}"


def broken_connections(evidence: Evidence) -> Iterator[str]:
    """Only a gateway that is killed leaves a caller without an answer."""
    for attempt in evidence.attempts:
        away = any(
            span.start <= attempt.at.end and attempt.at.start <= span.end
            for span in evidence.gateway_away
        )
        if attempt.status is None and not away:
            yield f"{_name(attempt)}: {attempt.error} while the gateway stood"


def wrong_answers(evidence: Evidence) -> Iterator[str]:
    """A department's answer reaches the one who asked."""
    for attempt in evidence.attempts:
        if attempt.answers is not None and attempt.answers != (attempt.lane, attempt.number):
            yield f"{_name(attempt)} got the answer to {attempt.answers[0]} #{attempt.answers[1]}"


def untruthful_cases(evidence: Evidence) -> Iterator[str]:
    """Every receipt's case can be read, and agrees with the receipt and with the topic."""
    if evidence.cases is None:
        return
    found = copies(evidence)
    for attempt in _acknowledged(evidence):
        receipt = attempt.receipt
        if receipt is None:
            continue
        case = evidence.cases.get(receipt.id)
        if case is None or case.status != 200:
            yield f"{_name(attempt)}: its case is answered with {case and case.status}"
            continue
        records = found.get(receipt.id, [])
        yield from (
            f"{_name(attempt)} {receipt.id}: {fault}" for fault in _case_faults(case, records)
        )
        if receipt.durability == "kafka" and receipt.place not in _places(records):
            yield f"{_name(attempt)} {receipt.id}: the receipt's place holds something else"
        if receipt.durability == "local" and "spooled" not in case.history:
            yield f"{_name(attempt)} {receipt.id}: local, but its case was never spooled"
        if attempt.service in evidence.replying and case.state != "answered":
            yield f"{_name(attempt)} {receipt.id}: answered, but its case is {case.state}"


def readable_by_strangers(evidence: Evidence) -> Iterator[str]:
    """Another channel's case, and one that does not exist, are the same 404."""
    yield from (f"a stranger got {status}" for status in evidence.strangers if status != 404)


def accidents(evidence: Evidence) -> Iterator[str]:
    """The gateway ends when it is killed or told to, and its log tells of no fault in itself."""
    yield from evidence.accidents


def nothing_shown(evidence: Evidence) -> Iterator[str]:
    """A run in which nothing happened proves nothing."""
    if not evidence.complete:
        return
    told = {(attempt.service, _durability(attempt)) for attempt in _acknowledged(evidence)}
    for service in sorted(evidence.topics.keys() - {service for service, _ in told}):
        yield f"nothing was acknowledged by {service}"
    kafka = {service for service, durability in told if durability == "kafka"}
    if not kafka:
        yield "no receipt says kafka"
    if evidence.planned & OUTAGES and not any((service, "local") in told for service in kafka):
        yield "no service gave receipts for kafka and, in an outage, for local"
    if not evidence.strangers:
        yield "no stranger asked"
    if Kind.KILL_GATEWAY in evidence.planned and not evidence.gateway_away:
        yield "the gateway was never away"


RULES: Final[Mapping[str, Callable[[Evidence], Iterator[str]]]] = {
    "lost": lost,
    "receipts that promise nothing": empty_receipts,
    "left in the spool": left_in_spool,
    "duplicates without a mark": unmarked_duplicates,
    "copies that differ": altered_copies,
    "doubled under one key": doubled_requests,
    "out of order": out_of_order,
    "dishonest refusals": dishonest_refusals,
    "broken connections": broken_connections,
    "wrong answers": wrong_answers,
    "untruthful cases": untruthful_cases,
    "readable by strangers": readable_by_strangers,
    "accidents": accidents,
    "nothing was shown": nothing_shown,
}


def _case_faults(case: CaseSeen, records: list[Record]) -> Iterator[str]:
    if case.state not in OVER:
        yield f"in the topic, but its case is {case.state}"
    if case.durability != "kafka" or case.place not in _places(records):
        yield f"its case says {case.durability} {case.place}, which holds something else"
    again = len(records) > 1 or any(record.replayed for record in records)
    if again and not case.possible_duplicate:
        yield "sent again, but its case does not say possible_duplicate"


def _acknowledged(evidence: Evidence) -> Iterator[Attempt]:
    return (attempt for attempt in evidence.attempts if attempt.acknowledged)


def _durability(attempt: Attempt) -> str | None:
    return attempt.receipt.durability if attempt.receipt is not None else None


def _is_of(attempt: Attempt, record: Record, evidence: Evidence) -> bool:
    return (record.place.topic, record.lane, record.number) == (
        evidence.topics[attempt.service],
        attempt.lane,
        attempt.number,
    )


def _places(records: list[Record]) -> set[Place]:
    return {record.place for record in records}


def _position(record: Record) -> tuple[int, int]:
    return record.place.partition or 0, record.place.offset or 0


def _name(attempt: Attempt) -> str:
    return f"{attempt.lane} #{attempt.number}"
