"""The judgement has to see what is wrong, or a run that passes says nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.loss.evidence import CaseSeen, Span
from tests.loss.replies.answers import Asked
from tests.loss.replies.evidence import Answer, Call, Evidence, Wave
from tests.loss.replies.judge import RULES, is_open, judge
from tests.loss.replies.manners import Manner

AT = Span(10.0, 12.0)
AWAY = Span(20.0, 22.0)
MANNERS = tuple(Manner)
CUT = len(MANNERS)
"""The number of the request whose caller lost its gateway; the others are by their manner."""

OPEN_CASE = CaseSeen(200, "published")


def number(how: Manner) -> int:
    return MANNERS.index(how)


def event(of: Manner | int) -> str:
    return f"event-{of if isinstance(of, int) else number(of)}"


def answer(of: Manner | int, copy: int = 0) -> Answer:
    return Answer(event(of), of if isinstance(of, int) else number(of), copy)


def answered_case(told: Answer) -> CaseSeen:
    return CaseSeen(200, "answered", answer=json.dumps(told._asdict()))


def told(how: Manner) -> Call:
    match how:
        case Manner.MALFORMED:
            return Call(number(how), AT, 502, cause="reply_malformed")
        case Manner.SILENT | Manner.NAMELESS | Manner.LATE:
            return Call(number(how), AT, 202, event(how))
        case _:
            return Call(number(how), AT, 200, event(how), answer(how))


def case(how: Manner) -> CaseSeen:
    match how:
        case Manner.MALFORMED:
            return CaseSeen(200, "failed")
        case Manner.SILENT | Manner.NAMELESS:
            return OPEN_CASE
        case _:
            return answered_case(answer(how))


def sound() -> Evidence:
    """One request of each manner, and one whose caller lost its gateway: nothing is wrong."""
    quiet = {Manner.MALFORMED, Manner.NAMELESS, Manner.SILENT}
    return Evidence(
        calls=(*map(told, MANNERS), Call(CUT, Span(19.0, 20.5), error="reset")),
        asked=(
            *(Asked(number(how), event(how), how) for how in MANNERS),
            Asked(CUT, event(CUT), Manner.PROMPT),
        ),
        answered={event(how): 11.0 for how in MANNERS if how not in quiet} | {event(CUT): 21.0},
        cases={event(how): case(how) for how in MANNERS} | {event(CUT): answered_case(answer(CUT))},
        away=(AWAY,),
        waits=10,
        timeout=60,
        waves=(Wave(10, 1_000_000, 2_000_000, 1.0), Wave(10, 1_000_000, 2_000_000, 1.0)),
        memory_limit=1_500_000,
        complete=True,
    )


def broken_rules(seen: Evidence) -> list[str]:
    return [rule for rule, breaches in judge(seen).items() if breaches]


def with_call(how: Manner, **changes: Any) -> Evidence:
    """The sound run with one call changed."""
    seen = sound()
    calls = [replace(c, **changes) if c.number == number(how) else c for c in seen.calls]
    return replace(seen, calls=tuple(calls))


def with_case(of: Manner | int, changed: CaseSeen) -> Evidence:
    return replace(sound(), cases={**sound().cases, event(of): changed})


def without_record(seen: Evidence, how: Manner) -> Evidence:
    """The run with a request that never came to the department."""
    return replace(
        seen,
        asked=tuple(a for a in seen.asked if a.manner is not how),
        answered={i: at for i, at in seen.answered.items() if i != event(how)},
        cases={i: case for i, case in seen.cases.items() if i != event(how)},
        complete=False,
    )


def test_a_sound_run_breaks_no_rule() -> None:
    assert broken_rules(sound()) == []
    assert list(judge(sound())) == list(RULES)


@pytest.mark.parametrize(
    "got",
    [answer(Manner.SLOW), answer(Manner.PROMPT)._replace(event_id=event(Manner.SLOW)), None],
    ids=["another number", "another event", "no answer"],
)
def test_an_answer_that_is_not_the_callers_own_is_a_breach(got: Answer | None) -> None:
    assert broken_rules(with_call(Manner.PROMPT, answer=got)) == ["wrong answers"]


def test_a_later_copy_of_an_answer_is_not_the_answer() -> None:
    again = answer(Manner.DUPLICATE, copy=1)
    assert broken_rules(with_call(Manner.DUPLICATE, answer=again)) == ["wrong answers"]
    kept = with_case(Manner.DUPLICATE, answered_case(again))
    assert broken_rules(kept) == ["cases with a wrong answer"]


def test_a_case_that_keeps_somebody_elses_answer_is_a_breach() -> None:
    seen = with_case(Manner.LATE, answered_case(answer(Manner.PROMPT)))
    assert broken_rules(seen) == ["cases with a wrong answer"]


def test_whoever_was_told_something_is_in_the_topic() -> None:
    seen = sound()
    asked = tuple(a for a in seen.asked if a.manner is not Manner.LATE)
    assert broken_rules(replace(seen, asked=asked, complete=False)) == [
        "cases with a wrong answer",  # the case is nobody's
        "lost",
    ]


def test_a_receipt_for_an_event_that_is_not_in_the_topic_is_a_breach() -> None:
    assert broken_rules(with_call(Manner.SILENT, case_id="event-x")) == ["lost"]


def test_one_request_that_became_two_events_is_a_breach() -> None:
    twin = Asked(number(Manner.SILENT), "twin", Manner.SILENT)
    seen = with_case(Manner.PROMPT, case(Manner.PROMPT))
    seen = replace(seen, asked=(*seen.asked, twin), cases={**seen.cases, "twin": OPEN_CASE})
    assert broken_rules(seen) == ["doubled"]


def test_a_copy_of_a_request_needs_a_mark() -> None:
    copy = Asked(number(Manner.PROMPT), event(Manner.PROMPT), Manner.PROMPT)
    unmarked = replace(sound(), asked=(*sound().asked, copy))
    assert broken_rules(unmarked) == ["doubled"]
    marked = replace(sound(), asked=(*sound().asked, copy._replace(replayed=True)))
    assert broken_rules(marked) == []


def test_a_receipt_where_the_answer_was_there_in_good_time_is_a_breach() -> None:
    vain = {"status": 202, "answer": None, "at": Span(10.0, 30.0)}
    assert broken_rules(with_call(Manner.PROMPT, **vain)) == ["waited in vain"]
    assert broken_rules(with_call(Manner.PROMPT, **vain | {"at": Span(10.0, 12.0)})) == []


@pytest.mark.parametrize("of", [Manner.PROMPT, Manner.LATE, CUT], ids=["200", "202", "cut off"])
@pytest.mark.parametrize("seen", [OPEN_CASE, CaseSeen(404)], ids=["open", "unknown"])
def test_what_was_answered_is_answered_in_its_case_whatever_the_caller_got(
    of: Manner | int, seen: CaseSeen
) -> None:
    run = replace(with_case(of, seen), complete=False)
    assert broken_rules(run) == ["cases without their answer"]


def test_a_department_that_forgets_shows_too_little() -> None:
    seen = sound()
    left = {i: at for i, at in seen.answered.items() if i != event(Manner.LATE)}
    assert broken_rules(replace(seen, answered=left)) == ["requests that the department forgot"]


def test_an_unreadable_answer_is_a_failed_case() -> None:
    for seen in (OPEN_CASE, CaseSeen(404), CaseSeen(200, "answered")):
        assert broken_rules(with_case(Manner.MALFORMED, seen)) == ["unreadable answers"]


def test_only_an_unreadable_answer_is_a_502() -> None:
    wrong = [
        with_call(Manner.PROMPT, status=502, cause="reply_malformed"),
        with_call(Manner.MALFORMED, cause="broker_refused"),
        with_call(Manner.MALFORMED, status=200, answer=answer(Manner.MALFORMED), case_id="event-4"),
    ]
    for seen in wrong:
        assert broken_rules(replace(seen, complete=False)) == ["unreadable answers"]


@pytest.mark.parametrize("how", [Manner.SILENT, Manner.NAMELESS])
def test_where_no_answer_came_the_case_is_open_and_nobody_is_told_of_one(how: Manner) -> None:
    for seen in (CaseSeen(200, "failed"), CaseSeen(404), CaseSeen(200, "expired")):
        assert broken_rules(with_case(how, seen)) == ["dishonest silence"]
    assert broken_rules(with_call(how, status=200, answer=answer(how))) == ["dishonest silence"]


@pytest.mark.parametrize(
    ("status", "cause"),
    [(500, "internal_error"), (504, "answer_timeout"), (429, "rate_limited"), (503, None)],
)
def test_only_503_with_a_cause_refuses_honestly(status: int, cause: str | None) -> None:
    refused = with_call(Manner.SLOW, status=status, cause=cause)
    assert broken_rules(without_record(refused, Manner.SLOW)) == ["dishonest refusals"]
    honest = with_call(Manner.SLOW, status=503, cause="spool_full")
    assert broken_rules(without_record(honest, Manner.SLOW)) == []


def test_whoever_was_refused_is_not_with_the_department() -> None:
    refused = with_call(Manner.SLOW, status=503, cause="spool_full")
    assert broken_rules(refused) == ["refused and sent"]


def test_nobody_is_told_something_after_the_time_is_up() -> None:
    long = with_call(Manner.SILENT, at=Span(10.0, 75.1))
    assert broken_rules(long) == ["kept waiting"]
    assert broken_rules(replace(long, timeout=70.5)) == []


def test_a_connection_breaks_only_when_the_gateway_is_killed() -> None:
    assert broken_rules(with_call(Manner.SLOW, status=None, error="reset")) == [
        "broken connections"
    ]


def test_waits_that_cost_more_than_the_limit_are_a_breach() -> None:
    seen = replace(sound(), memory_limit=999_999)
    assert broken_rules(seen) == ["too much memory"]
    assert broken_rules(replace(seen, memory_limit=None)) == []


def test_what_the_gateway_did_unasked_is_a_breach() -> None:
    assert broken_rules(replace(sound(), accidents=("Traceback",))) == ["accidents"]


@pytest.mark.parametrize(
    "changes",
    [
        {"waits": 11},
        {"waves": sound().waves[:1]},
        {"calls": sound().calls[:-1]},
        {"calls": tuple(c for c in sound().calls if c.status != 502)},
        {"calls": tuple(c for c in sound().calls if c.status != 202)},
        {"asked": tuple(a for a in sound().asked if a.manner is not Manner.SLOW)},
    ],
    ids=["too few waited", "no second wave", "nobody cut off", "no 502", "no 202", "no slow one"],
)
def test_a_run_in_which_something_did_not_happen_proves_nothing(changes: dict[str, Any]) -> None:
    assert "nothing was shown" in broken_rules(replace(sound(), **changes))
    assert "nothing was shown" not in broken_rules(replace(sound(), **changes, complete=False))


def test_an_open_case_has_no_answer_and_no_outcome() -> None:
    assert is_open(OPEN_CASE)
    assert not is_open(replace(OPEN_CASE, answer="{}"))
    assert not is_open(CaseSeen(200, "expired"))
    assert not is_open(CaseSeen(404))
