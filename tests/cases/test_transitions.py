"""The state machine of a case: each rule by its example, and what holds for any events at all."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cases import transitions
from gateway.cases.case import PROGRESS, Answer, Place, State, Verdict
from gateway.cases.transitions import TRANSITIONS, CaseEvent, apply, is_over
from gateway.routing.model import KafkaMode
from tests.cases.samples import a_case, at

if TYPE_CHECKING:
    from gateway.cases.case import Case

ANSWER = Answer(200, "application/json", b'{"made-up": true}')
PLACE = Place("permit.requests", 2, 41)
GRANTED = CaseEvent(State.ANSWERED, at(3), answer=ANSWER)
PUBLISHED = CaseEvent(State.PUBLISHED, at(2), place=PLACE)
SPOOLED = CaseEvent(State.SPOOLED, at(1))


def after(case: Case, *events: CaseEvent) -> Case:
    """The case after events, each of which it must take."""
    for event in events:
        case, verdict = apply(case, event)
        assert verdict is Verdict.TAKEN
    return case


def progress(state: State, *, version: int | None = None, seconds: float = 10) -> CaseEvent:
    return CaseEvent(state, at(seconds), version=version)


def states(case: Case) -> list[State | None]:
    return [step.state for step in case.history]


# --- hops -------------------------------------------------------------------------------------


def test_a_published_record_tells_its_place() -> None:
    case = after(a_case(), PUBLISHED)
    assert (case.state, case.durability) == (State.PUBLISHED, "kafka")
    assert (case.partition, case.offset, case.updated_at) == (2, 41, at(2))


def test_a_spooled_record_is_local_until_it_is_published() -> None:
    spooled = after(a_case(), SPOOLED)
    assert (spooled.state, spooled.durability) == (State.SPOOLED, "local")
    assert after(spooled, PUBLISHED).durability == "kafka"
    assert [step.durability for step in after(spooled, PUBLISHED).history] == [
        None,
        "local",
        "kafka",
    ]


def test_an_acknowledgement_that_the_answer_overtook_fills_in_the_place() -> None:
    case = after(a_case(), GRANTED, PUBLISHED)
    assert case.state is State.ANSWERED
    assert (case.durability, case.partition, case.offset) == ("kafka", 2, 41)
    assert states(case) == [State.RECEIVED, State.ANSWERED, State.PUBLISHED]


def test_a_record_that_is_spooled_after_its_answer_is_local() -> None:
    case = after(a_case(), GRANTED, SPOOLED)
    assert (case.state, case.durability) == (State.ANSWERED, "local")


def test_a_spooled_hop_after_the_publication_says_nothing_new() -> None:
    case = after(a_case(), PUBLISHED)
    assert apply(case, SPOOLED) == (case, Verdict.REPEATED)


def test_a_second_acknowledgement_marks_a_possible_duplicate_and_keeps_the_first_place() -> None:
    again = PUBLISHED._replace(place=Place("permit.requests", 2, 99), possible_duplicate=True)
    case = after(a_case(), PUBLISHED, again)
    assert case.possible_duplicate
    assert case.offset == 41


def test_a_record_of_an_expired_case_that_is_published_after_all_has_its_place() -> None:
    case = after(a_case(), SPOOLED, CaseEvent(State.EXPIRED, at(5)), PUBLISHED)
    assert (case.state, case.durability) == (State.EXPIRED, "kafka")


def test_a_failed_record_that_is_sent_again_is_published() -> None:
    case = after(a_case(), CaseEvent(State.FAILED, at(1)), PUBLISHED)
    assert case.state is State.PUBLISHED


# --- outcome ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before",
    [
        (),
        (SPOOLED,),
        (PUBLISHED,),
        (CaseEvent(State.FAILED, at(1)),),
        (CaseEvent(State.EXPIRED, at(1)),),
    ],
)
def test_an_answer_completes_a_case(before: tuple[CaseEvent, ...]) -> None:
    case = after(a_case(expires_at=at(60)), *before, GRANTED)
    assert (case.state, case.answer, case.expires_at) == (State.ANSWERED, ANSWER, None)


def test_a_second_answer_changes_nothing() -> None:
    case = after(a_case(), GRANTED)
    other = GRANTED._replace(at=at(4), answer=Answer(500, None, b""))
    assert apply(case, other) == (case, Verdict.REPEATED)


def test_an_answer_during_progress_is_kept_and_the_progress_stays() -> None:
    case = after(a_case(), PUBLISHED, progress(State.ACCEPTED), GRANTED)
    assert (case.state, case.answer) == (State.ACCEPTED, ANSWER)
    assert after(case, progress(State.SUSPENDED, seconds=11)).state is State.SUSPENDED


def test_a_failure_after_the_answer_is_kept_and_not_followed() -> None:
    case, verdict = apply(after(a_case(), GRANTED), CaseEvent(State.FAILED, at(9)))
    assert (case.state, verdict) == (State.ANSWERED, Verdict.ILLEGAL)
    assert case.history[-1].rejected is Verdict.ILLEGAL


def test_the_clock_runs_while_something_is_awaited() -> None:
    case = a_case(expires_at=at(60))
    assert after(case, SPOOLED, PUBLISHED).expires_at == at(60)
    assert after(case, PUBLISHED, progress(State.ACCEPTED)).expires_at is None


def test_an_event_awaits_nothing_once_it_is_published() -> None:
    assert after(a_case(mode=KafkaMode.EVENT, expires_at=at(60)), PUBLISHED).expires_at is None


# --- progress ---------------------------------------------------------------------------------


def test_a_case_goes_through_the_department() -> None:
    way = [
        State.PRE_ACCEPTED,
        State.CORRECTION_REQUIRED,
        State.CORRECTED,
        State.ACCEPTED,
        State.SUSPENDED,
        State.RESUMED,
        State.CLOSED,
        State.DELIVERED,
    ]
    events = [progress(state, version=n, seconds=10 + n) for n, state in enumerate(way, 1)]
    case = after(a_case(), PUBLISHED, *events)
    assert (case.state, case.version) == (State.DELIVERED, len(way))


def test_progress_may_overtake_the_acknowledgement() -> None:
    case = after(a_case(), progress(State.ACCEPTED), PUBLISHED)
    assert (case.state, case.durability) == (State.ACCEPTED, "kafka")


@pytest.mark.parametrize("version", [4, 5])
def test_an_older_version_is_kept_and_not_followed(version: int) -> None:
    case = after(a_case(), PUBLISHED, progress(State.ACCEPTED, version=5))
    refused, verdict = apply(case, progress(State.CLOSED, version=version, seconds=20))
    assert (refused.state, refused.version, verdict) == (State.ACCEPTED, 5, Verdict.STALE)
    assert refused.history[-1].version == version
    assert refused.updated_at == case.updated_at


def test_a_step_back_is_kept_and_not_followed() -> None:
    case = after(a_case(), PUBLISHED, progress(State.CLOSED))
    refused, verdict = apply(case, progress(State.ACCEPTED, seconds=20))
    assert (refused.state, verdict) == (State.CLOSED, Verdict.ILLEGAL)


def test_a_word_in_no_map_is_kept() -> None:
    case, verdict = apply(after(a_case(), PUBLISHED), CaseEvent(None, at(9), note="made-up word"))
    assert (case.state, verdict) == (State.PUBLISHED, Verdict.UNKNOWN_STATE)
    assert case.history[-1].note == "made-up word"


@pytest.mark.parametrize(
    "event",
    [
        progress(State.ACCEPTED, version=2),
        progress(State.DELIVERED, version=3),
        CaseEvent(None, at(10), version=9),
    ],
)
def test_a_record_that_is_read_again_leaves_no_trace(event: CaseEvent) -> None:
    case, _ = apply(after(a_case(), PUBLISHED, progress(State.PRE_ACCEPTED, version=1)), event)
    assert apply(case, event) == (case, Verdict.REPEATED)


def test_the_same_state_with_a_newer_version_amends_it() -> None:
    first = progress(State.ACCEPTED, version=1)
    case = after(a_case(), first, first._replace(version=2, note="made-up", at=at(11)))
    assert (case.state, case.version) == (State.ACCEPTED, 2)


def test_the_same_state_without_a_version_is_no_news() -> None:
    case = after(a_case(), progress(State.ACCEPTED))
    assert apply(case, progress(State.ACCEPTED, seconds=12)) == (case, Verdict.REPEATED)


def test_a_long_note_is_cut_and_half_a_character_replaced() -> None:
    event = progress(State.ACCEPTED)._replace(note="\ud800" + "x" * 1000)
    note = after(a_case(), event).history[-1].note
    assert note == "?" + "x" * (transitions.NOTE_LENGTH - 1)


# --- bounds -----------------------------------------------------------------------------------


def test_refused_events_beyond_the_limit_are_counted_and_not_listed() -> None:
    case = a_case()
    for second in range(60):
        case, _ = apply(case, CaseEvent(None, at(second)))
    assert len(case.history) == 1 + transitions.REFUSED_STEPS
    assert (case.unlisted, case.revision) == (60 - transitions.REFUSED_STEPS, 61)


def test_a_case_that_never_ends_keeps_its_first_steps_and_its_last_ones() -> None:
    case = after(a_case(), PUBLISHED, progress(State.ACCEPTED))
    for n in range(300):
        state = State.RESUMED if n % 2 else State.SUSPENDED
        case = after(case, progress(state, version=n, seconds=20 + n))
    assert len(case.history) == transitions.TAKEN_STEPS
    assert states(case)[:2] == [State.RECEIVED, State.PUBLISHED]
    assert (case.history[-1].version, case.revision) == (299, 303)


# --- when it is over --------------------------------------------------------------------------


def test_an_event_is_over_when_it_is_published() -> None:
    assert not is_over(a_case(mode=KafkaMode.EVENT))
    assert is_over(after(a_case(mode=KafkaMode.EVENT), PUBLISHED))


def test_a_question_is_over_when_it_is_answered() -> None:
    assert not is_over(after(a_case(), PUBLISHED))
    assert is_over(after(a_case(), PUBLISHED, GRANTED))


def test_an_application_is_over_when_the_department_closes_it() -> None:
    case = after(a_case(mode=KafkaMode.ACCEPT), PUBLISHED, progress(State.ACCEPTED))
    assert not is_over(case)
    assert is_over(after(case, progress(State.CLOSED, seconds=12)))


def test_an_expired_case_is_not_over_because_an_answer_may_still_come() -> None:
    assert not is_over(after(a_case(), CaseEvent(State.EXPIRED, at(5))))


# --- any events at all ------------------------------------------------------------------------

events = st.builds(
    CaseEvent,
    state=st.none() | st.sampled_from(State),
    at=st.integers(-5, 20).map(at),
    place=st.none() | st.builds(Place, st.just("t"), st.integers(0, 3), st.integers(0, 9)),
    durability=st.none(),
    possible_duplicate=st.booleans(),
    answer=st.none() | st.just(ANSWER),
    version=st.none() | st.integers(0, 5),
    note=st.none() | st.text(max_size=3),
)


@given(st.sampled_from(KafkaMode), st.lists(events, max_size=40))
def test_whatever_comes_a_case_keeps_its_rules(mode: KafkaMode, coming: list[CaseEvent]) -> None:
    lives = [a_case("c", mode=mode, expires_at=at(60))]
    for event in coming:
        before = lives[-1]
        case, verdict = apply(before, event)
        lives.append(case)
        assert (case is before) == (verdict is Verdict.REPEATED)
        assert case.revision == before.revision + (verdict is not Verdict.REPEATED)
        assert (case.state is before.state) or (verdict is Verdict.TAKEN)
    for before, case in pairwise(lives):
        assert case.state is before.state or case.state in TRANSITIONS[before.state]
        assert (case.version or 0) >= (before.version or 0)
        assert case.updated_at >= before.updated_at
        assert before.answer in (None, case.answer)
        assert case.possible_duplicate or not before.possible_duplicate
        assert before.durability != "kafka" or case.durability == "kafka"
        assert before.offset in (None, case.offset)


@given(st.lists(events, max_size=40))
def test_reading_all_records_again_moves_nothing(coming: list[CaseEvent]) -> None:
    """A restarted gateway reads them from a while back: hops and answers are known already."""
    case = a_case("c")
    for event in coming:
        case, _ = apply(case, event)
    for event in coming:
        if event.state not in PROGRESS and event.state not in (None, State.FAILED, State.EXPIRED):
            again, _ = apply(case, event._replace(possible_duplicate=False))
            assert (again.state is case.state) or (case.state is State.FAILED)
            case = again


@pytest.mark.parametrize("state", State)
def test_the_table_knows_every_state_and_no_case_stands_still_on_the_way(state: State) -> None:
    assert state not in TRANSITIONS[state]
    assert TRANSITIONS[state] or state is State.DELIVERED


def test_every_state_but_the_first_can_be_reached() -> None:
    reached = frozenset().union(*TRANSITIONS.values())
    assert set(State) - reached == {State.RECEIVED}


def test_another_note_without_a_version_is_news_and_the_same_one_is_not() -> None:
    def missing(note: str | None, seconds: float) -> CaseEvent:
        return CaseEvent(State.CORRECTION_REQUIRED, at(seconds), note=note)

    case = after(a_case(), PUBLISHED, missing("made-up: a photo", 10))
    assert apply(case, missing("made-up: a photo", 20)) == (case, Verdict.REPEATED)
    assert apply(case, missing(None, 20)) == (case, Verdict.REPEATED)
    case = after(case, missing("made-up: form 3", 30))
    assert [step.note for step in case.history][-2:] == ["made-up: a photo", "made-up: form 3"]
