"""The judgement has to see what is wrong, or a run that passes says nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.loss.evidence import Attempt, CaseSeen, Evidence, Place, Receipt, Record, Span
from tests.loss.judge import RULES, copies, judge
from tests.loss.schedule import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

TOPIC = "cards.requests"
AT = Span(1.0, 1.1)


def place(offset: int, partition: int = 0) -> Place:
    return Place(TOPIC, partition, offset)


def record(event: str, number: int, offset: int, **changes: Any) -> Record:
    return replace(Record(place(offset), event, "lane", number), **changes)


def accepted(event: str, number: int, where: Place, durability: str = "kafka") -> Attempt:
    receipt = Receipt(event, durability, where)
    return Attempt("cards", "lane", number, AT, 202, receipt, event)


def case(where: Place, *history: str, **changes: Any) -> CaseSeen:
    steps = history or ("received", "published")
    return replace(CaseSeen(200, "published", "kafka", where, history=steps), **changes)


def evidence(attempts: Sequence[Attempt], records: Sequence[Record], **more: Any) -> Evidence:
    known = {"topics": {"cards": TOPIC}, "ordered": frozenset({"cards"}), **more}
    return Evidence(tuple(attempts), tuple(records), **known)


def sound() -> Evidence:
    """Two requests, one of them from the spool and there twice: nothing is wrong."""
    return evidence(
        [
            accepted("a", 0, place(0)),
            accepted("b", 1, Place(TOPIC, None, None), "local"),
            Attempt("cards", "lane", 2, AT, 503, cause="broker_unreachable"),
        ],
        [record("a", 0, 0), record("b", 1, 1), record("b", 1, 2, replayed=True)],
        cases={
            "a": case(place(0)),
            "b": case(place(2), "received", "spooled", "published", possible_duplicate=True),
        },
        strangers=(404, 404),
    )


def whole_run(**changes: Any) -> Evidence:
    """The sound one as all of a run, in which each fault was planned and happened."""
    known = {"gateway_away": (Span(5.0, 6.0),), "planned": frozenset(Kind), "complete": True}
    return replace(sound(), **{**known, **changes})


def without(durability: str) -> tuple[Attempt, ...]:
    """The sound attempts, but for the receipts of that durability."""
    attempts = sound().attempts
    return tuple(a for a in attempts if a.receipt is None or a.receipt.durability != durability)


def broken_rules(seen: Evidence) -> list[str]:
    return [rule for rule, breaches in judge(seen).items() if breaches]


def with_case(event: str, seen: CaseSeen) -> Evidence:
    return replace(sound(), cases={**(sound().cases or {}), event: seen})


def test_a_sound_run_breaks_no_rule() -> None:
    assert broken_rules(sound()) == []
    assert list(judge(sound())) == list(RULES)


def test_an_acknowledged_request_that_is_in_no_topic_is_lost() -> None:
    seen = evidence([accepted("a", 0, place(0))], [record("other", 0, 0)])
    assert broken_rules(seen) == ["lost"]


def test_an_event_that_carries_another_request_does_not_count_as_found() -> None:
    seen = evidence([accepted("a", 0, place(0))], [record("a", 7, 0)])
    assert broken_rules(seen) == ["lost"]


def test_an_event_in_another_services_topic_does_not_count_as_found() -> None:
    elsewhere = record("a", 0, 0, place=Place("pension.requests", 0, 0))
    assert broken_rules(evidence([accepted("a", 0, place(0))], [elsewhere])) == ["lost"]


def test_a_success_that_names_no_event_is_lost() -> None:
    seen = evidence([Attempt("cards", "lane", 0, AT, 200)], [record("a", 0, 0)])
    assert broken_rules(seen) == ["lost"]


def test_a_request_without_an_answer_may_be_in_the_topic_or_not() -> None:
    nothing = Attempt("cards", "lane", 0, AT, error="reset")
    for records in ([], [record("a", 0, 0)]):
        assert broken_rules(evidence([nothing], records, gateway_away=(AT,))) == []


def test_a_receipt_that_does_not_say_where_the_request_is_durable_is_a_breach() -> None:
    receipt = Receipt("a", None, place(0))
    seen = evidence([Attempt("cards", "lane", 0, AT, 202, receipt, "a")], [record("a", 0, 0)])
    assert broken_rules(seen) == ["receipts that promise nothing"]


def test_a_spool_that_does_not_empty_itself_is_a_breach() -> None:
    assert broken_rules(replace(sound(), spool_left=3)) == ["left in the spool"]


def test_copies_without_a_mark_are_a_breach() -> None:
    seen = evidence([], [record("a", 0, 0), record("a", 0, 1)])
    assert broken_rules(seen) == ["duplicates without a mark"]


def test_a_mark_on_one_copy_does_not_excuse_the_others() -> None:
    unmarked = [record("a", 0, 0), record("a", 0, 1)]
    seen = evidence([], [*unmarked, record("a", 0, 2, replayed=True)])
    assert broken_rules(seen) == ["duplicates without a mark"]


def test_every_copy_may_have_the_mark() -> None:
    seen = evidence([], [record("a", 0, 1, replayed=True), record("a", 0, 2, replayed=True)])
    assert broken_rules(seen) == []


def test_copies_that_are_different_requests_are_a_breach() -> None:
    seen = evidence([], [record("a", 0, 0), record("a", 1, 1, replayed=True)])
    assert broken_rules(seen) == ["copies that differ"]


def test_one_idempotency_key_makes_one_event() -> None:
    twice = evidence([], [record("a", 0, 0), record("b", 0, 1)])
    assert broken_rules(twice) == []
    assert broken_rules(replace(twice, once=frozenset({"cards"}))) == ["doubled under one key"]


def test_a_later_request_must_not_stand_before_an_earlier_one() -> None:
    attempts = [accepted("a", 0, place(1)), accepted("b", 1, place(0))]
    seen = evidence(attempts, [record("b", 1, 0), record("a", 0, 1)])
    assert broken_rules(seen) == ["out of order"]
    assert broken_rules(replace(seen, ordered=frozenset())) == []


def test_a_copy_that_comes_later_does_not_break_the_order() -> None:
    attempts = [accepted("a", 0, place(0)), accepted("b", 1, place(1))]
    records = [record("a", 0, 0), record("b", 1, 1), record("a", 0, 2, replayed=True)]
    assert broken_rules(evidence(attempts, records)) == []


def test_one_lane_in_two_partitions_has_no_order() -> None:
    attempts = [accepted("a", 0, place(0)), accepted("b", 1, place(5, partition=1))]
    records = [record("a", 0, 0), record("b", 1, 5, place=place(5, partition=1))]
    assert broken_rules(evidence(attempts, records)) == ["out of order"]


@pytest.mark.parametrize(
    ("status", "cause"),
    [(500, "internal_error"), (502, "broker_refused"), (429, "rate_limited"), (503, None)],
)
def test_only_503_and_504_with_a_cause_are_honest(status: int, cause: str | None) -> None:
    seen = evidence([Attempt("cards", "lane", 0, AT, status, cause=cause)], [])
    assert broken_rules(seen) == ["dishonest refusals"]


def test_a_connection_breaks_only_when_the_gateway_is_killed() -> None:
    nothing = Attempt("cards", "lane", 0, AT, error="reset")
    assert broken_rules(evidence([nothing], [])) == ["broken connections"]
    assert broken_rules(evidence([nothing], [], gateway_away=(Span(0.5, 1.0),))) == []
    assert broken_rules(evidence([nothing], [], gateway_away=(Span(2.0, 3.0),))) != []


def test_an_answer_to_somebody_else_is_a_breach() -> None:
    answer = Attempt("cards", "lane", 0, AT, 200, event_id="a", answers=("lane", 1))
    assert broken_rules(evidence([answer], [record("a", 0, 0)])) == ["wrong answers"]


@pytest.mark.parametrize(
    ("event", "seen"),
    [
        ("a", CaseSeen(404)),
        ("a", case(place(0), state="received")),
        ("a", case(place(0), durability="local")),
        ("a", case(place(1))),
        ("b", case(place(2), "received", "spooled", "published")),
        ("b", case(place(2), possible_duplicate=True)),
    ],
    ids=["unknown", "not published", "local", "wrong place", "not a duplicate", "never spooled"],
)
def test_a_case_that_does_not_agree_with_the_topic_is_a_breach(event: str, seen: CaseSeen) -> None:
    assert broken_rules(with_case(event, seen)) == ["untruthful cases"]


def test_a_receipt_that_names_another_records_place_is_a_breach() -> None:
    seen = evidence([accepted("a", 0, place(9))], [record("a", 0, 0)], cases={"a": case(place(0))})
    assert broken_rules(seen) == ["untruthful cases"]


def test_a_case_that_was_answered_has_to_say_so() -> None:
    seen = evidence(
        [accepted("a", 0, place(0))],
        [record("a", 0, 0)],
        cases={"a": case(place(0))},
        replying=frozenset({"cards"}),
    )
    assert broken_rules(seen) == ["untruthful cases"]


def test_a_stranger_gets_404_and_nothing_else() -> None:
    assert broken_rules(replace(sound(), strangers=(404, 403))) == ["readable by strangers"]


def test_a_gateway_that_ends_by_itself_is_a_breach() -> None:
    assert broken_rules(replace(sound(), accidents=("it ended by itself",))) == ["accidents"]


def test_copies_are_in_the_order_of_the_topic() -> None:
    later, sooner = record("a", 0, 5), record("a", 0, 2)
    assert copies(evidence([], [later, sooner])) == {"a": [sooner, later]}


def test_a_whole_run_in_which_all_happened_is_sound() -> None:
    assert broken_rules(whole_run()) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"attempts": ()},
        {"topics": {"cards": TOPIC, "births": "births.requests"}},
        {"attempts": without("kafka")},
        {"attempts": without("local")},
        {"strangers": ()},
        {"gateway_away": ()},
    ],
    ids=["no request", "an idle service", "no kafka", "no local", "no stranger", "no kill"],
)
def test_a_whole_run_in_which_something_did_not_happen_proves_nothing(
    changes: dict[str, Any],
) -> None:
    assert broken_rules(whole_run(**changes)) == ["nothing was shown"]
    assert broken_rules(whole_run(**changes, complete=False)) == []


def test_what_only_a_journal_says_is_no_outage() -> None:
    """A journal's receipts are always local: the outage shows where there are both."""
    journal = accepted("b", 1, Place(TOPIC, None, None), "local")
    attempts = (*without("local"), replace(journal, service="journal"))
    topics = {"cards": TOPIC, "journal": TOPIC}
    assert broken_rules(whole_run(attempts=attempts, topics=topics)) == ["nothing was shown"]


def test_without_a_planned_outage_nothing_need_be_local_and_without_a_kill_nobody_away() -> None:
    quiet = frozenset({Kind.RELOAD})
    run = whole_run(attempts=without("local"), gateway_away=(), planned=quiet)
    assert broken_rules(run) == []
