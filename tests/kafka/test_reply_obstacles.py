"""Obstacles of topics: what is told, and when."""

from __future__ import annotations

import pytest

from gateway.kafka.reply_obstacles import AWAY, MISSING, NOT_WANTED, NOT_YET, ReplyObstacles
from tests.doubles.kafka_events import RecordedEvents


def topics(*names: str) -> frozenset[str]:
    return frozenset(names)


@pytest.fixture
def events() -> RecordedEvents:
    return RecordedEvents()


def test_a_topic_that_is_wanted_counts_as_missed_until_somebody_has_looked(
    events: RecordedEvents,
) -> None:
    obstacles = ReplyObstacles(events)
    assert obstacles.of("a") == NOT_WANTED
    obstacles.want(topics("a"))
    assert obstacles.of("a") == NOT_YET
    obstacles.found(topics("a"), {})
    assert obstacles.of("a") is None
    assert obstacles.as_dict() == {}


def test_what_was_found_of_a_topic_that_is_wanted_no_longer_is_nothing(
    events: RecordedEvents,
) -> None:
    obstacles = ReplyObstacles(events)
    obstacles.want(topics("a", "b"))
    obstacles.want(topics("b"))
    obstacles.found(topics("a", "b"), {"a": MISSING, "b": MISSING})
    assert obstacles.as_dict() == {"b": MISSING}
    assert obstacles.of("a") == NOT_WANTED


def test_one_reason_can_stand_in_the_way_of_all(events: RecordedEvents) -> None:
    obstacles = ReplyObstacles(events)
    obstacles.want(topics("a", "b"))
    obstacles.all_have(AWAY)
    assert obstacles.as_dict() == {"a": AWAY, "b": AWAY}
