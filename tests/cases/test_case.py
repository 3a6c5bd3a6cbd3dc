"""Values of a case: what they show of themselves, and what they do not."""

from __future__ import annotations

import pytest

from gateway.cases.case import PROGRESS, Answer, State, Step, Verdict
from tests.cases.samples import NOON, a_case

PRIVATE = "made-up 张某某"


def test_what_a_department_wrote_is_in_no_representation() -> None:
    answer = Answer(200, "text/plain", PRIVATE.encode())
    step = Step(State.ACCEPTED, NOON, version=3, note=PRIVATE)
    case = a_case()._replace(answer=answer, history=(step,))
    for value in (answer, step, case):
        assert "made-up" not in repr(value)


def test_a_refused_step_shows_why() -> None:
    assert "stale" in repr(Step(State.ACCEPTED, NOON, rejected=Verdict.STALE))


def test_the_revision_counts_steps_that_are_listed_and_those_that_are_not() -> None:
    assert a_case()._replace(unlisted=4).revision == 5


@pytest.mark.parametrize("state", State)
def test_every_state_is_the_gateway_s_or_the_department_s(state: State) -> None:
    own = {"received", "spooled", "published", "answered", "failed", "expired"}
    assert (state in PROGRESS) == (state.value not in own)
