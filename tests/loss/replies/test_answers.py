"""What the department writes is what its manner says, and names its request."""

from __future__ import annotations

from tests.loss.replies.answers import Asked, copies_of, malformed, nameless
from tests.loss.replies.evidence import Answer, read_answer
from tests.loss.replies.manners import Manner

NAME = ("ce_correlationid", b"abc1")


def asked(how: Manner, number: int = 7) -> Asked:
    return Asked(number, "abc1", how)


def test_an_answer_names_its_request_and_carries_its_number() -> None:
    (written,) = copies_of(asked(Manner.PROMPT))
    assert written.headers[0] == NAME
    assert read_answer(written.value) == Answer("abc1", 7, 0)


def test_each_copy_of_an_answer_says_which_it_is() -> None:
    copies = [read_answer(written.value) for written in copies_of(asked(Manner.DUPLICATE))]
    assert copies == [Answer("abc1", 7, copy) for copy in range(3)]


def test_malformed_answers_name_their_request_and_are_of_many_kinds() -> None:
    written = [malformed(asked(Manner.MALFORMED, number)) for number in range(20)]
    assert all(NAME in one.headers for one in written)
    assert len({(tuple(one.headers), one.value[:15]) for one in written}) == 7


def test_nameless_answers_name_no_request_that_there_is() -> None:
    for number in range(20):
        names = [value for name, value in nameless(asked(Manner.NAMELESS, number)).headers
                 if name == NAME[0]]  # fmt: skip
        assert names != [NAME[1]]


def test_what_is_no_answer_of_the_department_is_none() -> None:
    assert [read_answer(body) for body in (None, "", "{}", "[]", "7", '{"number": ')] == [None] * 6
