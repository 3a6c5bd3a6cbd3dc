from __future__ import annotations

from gateway.kafka.spool_topics import AGAIN, PATIENCE, MissingTopics


def test_a_topic_that_nobody_asked_for_is_asked_for() -> None:
    topics = MissingTopics()
    assert not topics.wait("t", 0.0)
    assert not topics.given_up("t", 0.0)


def test_a_missing_topic_is_asked_for_again_after_a_while() -> None:
    topics = MissingTopics()
    assert not topics.missing("t", 100.0)
    assert topics.wait("t", 100.0 + AGAIN / 2)
    assert not topics.wait("t", 100.0 + AGAIN)
    assert not topics.wait("other", 100.0)


def test_a_topic_that_appears_is_forgotten() -> None:
    topics = MissingTopics()
    topics.missing("t", 0.0)
    topics.found("t")
    assert not topics.missing("t", PATIENCE + 1)


def test_after_too_long_its_rows_are_refused_without_a_question_each() -> None:
    topics = MissingTopics()
    topics.missing("t", 0.0)
    late = PATIENCE + 1
    assert not topics.wait("t", late)
    assert topics.missing("t", late)
    assert topics.given_up("t", late + AGAIN / 2)
    assert not topics.wait("t", late + AGAIN / 2)
    assert not topics.given_up("t", late + AGAIN)
