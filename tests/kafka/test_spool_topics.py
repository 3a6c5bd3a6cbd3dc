from __future__ import annotations

from gateway.kafka.spool_topics import AGAIN, PATIENCE, UnavailableTopics


def test_a_topic_that_nobody_asked_for_is_asked_for() -> None:
    topics = UnavailableTopics()
    assert not topics.wait("t", 0.0)
    assert not topics.given_up("t", 0.0)


def test_a_missing_topic_is_asked_for_again_after_a_while() -> None:
    topics = UnavailableTopics()
    assert not topics.missing("t", 100.0)
    assert topics.wait("t", 100.0 + AGAIN / 2)
    topics.choose(100.0 + AGAIN)
    assert not topics.wait("t", 100.0 + AGAIN)
    assert not topics.wait("other", 100.0)


def test_a_topic_that_appears_is_forgotten() -> None:
    topics = UnavailableTopics()
    topics.missing("t", 0.0)
    topics.found("t")
    assert not topics.missing("t", PATIENCE + 1)


def test_after_too_long_its_rows_are_refused_without_a_question_each() -> None:
    topics = UnavailableTopics()
    topics.missing("t", 0.0)
    late = PATIENCE + 1
    topics.choose(late)
    assert not topics.wait("t", late)
    assert topics.missing("t", late)
    assert topics.given_up("t", late + AGAIN / 2)
    assert not topics.wait("t", late + AGAIN / 2)
    assert not topics.given_up("t", late + AGAIN)


def test_in_one_pass_one_topic_is_asked_for_the_one_that_was_asked_longest_ago() -> None:
    topics = UnavailableTopics()
    for place, topic in enumerate("abc"):
        topics.missing(topic, float(place))
    topics.choose(10.0)
    assert [topics.wait(topic, 10.0) for topic in "abc"] == [False, True, True]
    topics.missing("a", 13.0)
    assert topics.wait("a", 13.0)
    topics.choose(14.0)
    assert [topics.wait(topic, 14.0) for topic in "abc"] == [True, False, True]


def test_a_topic_without_rows_does_not_keep_the_others_from_being_asked_for() -> None:
    topics = UnavailableTopics()
    topics.missing("without", 0.0)
    topics.missing("with", 1.0)
    topics.choose(10.0)
    topics.end()
    topics.choose(10.0)
    assert not topics.wait("with", 10.0)
    topics.missing("with", 13.0)
    topics.end()
    topics.choose(20.0)
    assert topics.question == "with"


def test_a_topic_without_a_leader_waits_a_while_and_is_never_given_up() -> None:
    topics = UnavailableTopics()
    for now in (0.0, PATIENCE, 2 * PATIENCE):
        topics.no_leader("t", now)
        assert topics.wait("t", now + AGAIN / 2)
        assert not topics.wait("other", now)
        assert not topics.given_up("t", now + AGAIN / 2)
        assert not topics.wait("t", now + AGAIN)
