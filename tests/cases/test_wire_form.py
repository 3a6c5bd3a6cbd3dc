"""A case as bytes: nothing is lost on the way, and what is no case is told without quoting it."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cases.case import Answer, Case, State, Step, Verdict
from gateway.cases.wire_form import from_bytes, to_bytes
from gateway.routing.model import KafkaMode
from tests.cases.samples import NOON, a_case

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.none() | st.integers(0, 2**53)
times = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001  # the strategy adds the zone
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
durable = st.sampled_from(["kafka", "local", None])
steps = st.builds(
    Step,
    st.none() | st.sampled_from(State),
    times,
    durable,
    numbers,
    st.none() | texts,
    st.none() | st.sampled_from(Verdict),
)
answers = st.builds(Answer, st.integers(100, 599), st.none() | texts, st.binary(max_size=50))
cases = st.builds(
    Case,
    *[texts] * 5,
    mode=st.sampled_from(KafkaMode),
    state=st.sampled_from(State),
    accepted_at=times,
    updated_at=times,
    durability=durable,
    partition=numbers,
    offset=numbers,
    expires_at=st.none() | times,
    possible_duplicate=st.booleans(),
    version=numbers,
    unlisted=st.integers(0, 1000),
    history=st.lists(steps, max_size=4).map(tuple),
    answer=st.none() | answers,
)


@given(cases)
def test_a_case_comes_back_as_it_was(case: Case) -> None:
    body = case.answer.body if case.answer is not None else None
    assert from_bytes(to_bytes(case), body) == case


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"[1]", b"nothing", b'[1,"a","b"]', b"null", b"\xff", b"[1,[2],3]"],
)
def test_what_is_no_case_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a case"):
        from_bytes(data)


def test_a_later_form_is_told_apart_from_damage() -> None:
    with pytest.raises(ValueError, match="a form that this version does not know"):
        from_bytes(b'[999,"whatever"]')


def test_a_damaged_case_is_not_quoted() -> None:
    step = Step(State.ACCEPTED, NOON, note="made-up note")
    data = to_bytes(a_case()._replace(history=(step,))).replace(b'"accepted"', b'"no-such-state"')
    with pytest.raises(ValueError, match="not a case") as caught:
        from_bytes(data)
    assert "no-such" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_case_with_a_receipt_is_a_few_hundred_bytes() -> None:
    assert len(to_bytes(a_case())) < 350


def test_an_answer_keeps_its_header_lines_and_one_of_the_first_form_has_none() -> None:
    fields = b"Content-Encoding: gzip\r\nLocation: /made-up\r\n"
    answered = a_case()._replace(answer=Answer(200, "text/plain", b"body", fields))
    data = to_bytes(answered)
    assert from_bytes(data, b"body") == answered
    form, *rest, (status, content_type, _) = orjson.loads(data)
    assert form == 2
    first = orjson.dumps([1, *rest, [status, content_type]])
    assert from_bytes(first, b"body").answer == Answer(200, "text/plain", b"body")
