"""A Kafka department as written: defaults, the placeholder of an instance, states of cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.cases.case import State
from gateway.kafka import profiles as kafka_profiles
from gateway.routing.model import CASE_STATES, PROFILES, Durability, KafkaBackend, KafkaMode
from tests.routing.files import GOOD, changed, load

if TYPE_CHECKING:
    from pathlib import Path

PENSION = "kafka: {topic: pension, mode: reply, reply_topic: pension.replies, key: query:subject}"


def kafka(folder: Path, text: str) -> KafkaBackend:
    loaded = load(folder, changed(PENSION, f"kafka: {text}"))
    assert loaded.problems == ()
    assert loaded.routes is not None
    backend = loaded.routes.services["hrss.pension"].kafka
    assert backend is not None
    return backend


def test_every_key_is_read(tmp_path: Path) -> None:
    text = (
        "{topic: t, mode: reply, reply_topic: r, profile: spring, durability: journal,"
        " spill_after: 2s, max_waits: 5, status_topic: s, state_map: {3: accepted, 办结: closed}}"
    )
    assert kafka(tmp_path, text) == KafkaBackend(
        topic="t",
        mode=KafkaMode.REPLY,
        reply_topic="r",
        profile="spring",
        durability=Durability.JOURNAL,
        spill_after=2.0,
        max_waits=5,
        status_topic="s",
        state_map={"3": "accepted", "办结": "closed"},
    )


def test_what_is_not_written_has_the_default(tmp_path: Path) -> None:
    assert kafka(tmp_path, "{topic: t, mode: event}") == KafkaBackend("t", KafkaMode.EVENT)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_is_known(profile: str, tmp_path: Path) -> None:
    assert kafka(tmp_path, f"{{topic: t, mode: accept, profile: {profile}}}").profile == profile


def test_profiles_and_states_are_those_that_the_gateway_has() -> None:
    assert set(PROFILES) == set(kafka_profiles.PROFILES)
    assert set(CASE_STATES) < set(State)


def test_without_a_map_the_words_are_the_states_of_a_case(tmp_path: Path) -> None:
    backend = kafka(tmp_path, "{topic: t, mode: accept, status_topic: s}")

    assert backend.state_map == dict(zip(CASE_STATES, CASE_STATES, strict=True))


def test_states_and_replies_may_share_a_topic(tmp_path: Path) -> None:
    backend = kafka(tmp_path, "{topic: t, mode: reply, reply_topic: r, status_topic: r}")

    assert backend.status_topic == backend.reply_topic == "r"


@pytest.mark.parametrize("topic", ["r.{instance}", "{instance}.r", "a.{instance}.b"])
def test_a_topic_for_replies_may_be_each_instances_own(topic: str, tmp_path: Path) -> None:
    backend = kafka(tmp_path, f'{{topic: t, mode: reply, reply_topic: "{topic}"}}')

    assert backend.reply_topic == topic


def test_the_placeholder_needs_no_quotes_on_a_line_of_its_own(tmp_path: Path) -> None:
    lines = "\n      topic: t\n      mode: reply\n      reply_topic: r.{instance}"

    assert kafka(tmp_path, lines).reply_topic == "r.{instance}"


def test_a_service_with_a_bad_mode_has_no_second_problem(tmp_path: Path) -> None:
    text = changed("mode: reply,", "mode: rely, max_waits: 3, status_topic: s,")

    assert [problem.code for problem in load(tmp_path, text).problems] == ["unknown_value"]


def test_the_good_file_is_as_it_was(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD).problems == ()
