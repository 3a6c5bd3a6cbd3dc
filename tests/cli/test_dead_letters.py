"""`gateway dead-letters` against a broker. The people are made up."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest
import uvloop
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.kafka.connection import KafkaConnection
from gateway.kafka.dead_letter_form import DeadLetter, Reason, dead_letter_record
from gateway.kafka.record import IncomingRecord, OutgoingRecord
from gateway.kafka.topic_writer import TopicWriter
from tests.doubles.kafka_topic import records, topic_name
from tests.doubles.ports import refusing_port
from tests.routing.files import write

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

NOW: Final = datetime(2024, 1, 31, tzinfo=UTC)
PERSON: Final = "made-up-citizen"
VALUE: Final = json.dumps({"name": PERSON, "amount": 12}).encode()


def in_loop(work: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def dead_letters(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(main, ["dead-letters", *arguments], input=answer)


def as_json(*arguments: str) -> Any:
    result = dead_letters(*arguments, "--format", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def reply(topic: str, number: int) -> DeadLetter:
    headers = (("ce_id", b"event-%d" % number), ("ce_httppath", PERSON.encode()))
    record = IncomingRecord(topic, 0, number, PERSON.encode(), VALUE, headers, 1706693400000)
    return DeadLetter(Reason.REPLY_INVALID, "edu.pay", record, NOW)


def note(topic: str) -> DeadLetter:
    record = OutgoingRecord("event-note", "edu.other", topic, PERSON.encode(), VALUE, ())
    return DeadLetter(Reason.CALLBACK, "edu.other", record, NOW)


async def put(bootstrap: str, letters: list[DeadLetter]) -> list[str]:
    """Write letters; return their places."""
    async with TopicWriter(KafkaConnection(bootstrap)) as writer:
        sent = [await writer.send(dead_letter_record(letter)) for letter in letters]
    return [f"{one.partition}:{one.offset}" for one in sent]


@pytest.fixture
def topic() -> str:
    return topic_name("replies")


# --- list ---------------------------------------------------------------------------------------


def test_letters_are_listed_without_what_stands_in_them(bootstrap: str, topic: str) -> None:
    places = in_loop(put(bootstrap, [reply(topic, 0), reply(topic, 1), note(topic)]))
    (listed,) = as_json("list", "--kafka", bootstrap, "--topic", topic)
    assert (listed["topic"], listed["total"], listed["complete"]) == (f"{topic}.dlq", 3, True)
    assert [row["place"] for row in listed["letters"]] == places
    assert [row["event_id"] for row in listed["letters"]] == ["event-0", "event-1", "event-note"]
    assert {row["key"] for row in listed["letters"]} == {f"<{len(PERSON)} bytes>"}
    result = dead_letters("list", "--kafka", bootstrap, "--topic", f"{topic}.dlq", "--limit", "1")
    assert result.exit_code == 0
    assert "3 in all, 2 not shown" in result.stdout
    assert PERSON not in result.stdout


def test_a_topic_without_dead_letters_is_good(bootstrap: str, topic: str) -> None:
    result = dead_letters("list", "--kafka", bootstrap, "--topic", topic)
    assert (result.exit_code, result.stdout) == (0, f"{topic}.dlq: no dead letters\n")


def test_a_service_has_the_letters_of_all_its_topics(
    bootstrap: str, topic: str, tmp_path: Path
) -> None:
    requests = topic_name("requests")
    routes = write(
        tmp_path,
        f"""\
version: 1
departments: {{edu: {{name: 演示教育局}}}}
channels: {{app: {{keys: [env:APP_KEY], services: ["*"], rate: 1/s}}}}
services:
  edu.pay:
    title: 缴费
    department: edu
    kafka: {{topic: {requests}, mode: reply, reply_topic: {topic}}}
""",
    )
    in_loop(put(bootstrap, [reply(topic, 0), note(topic)]))
    options = ("--kafka", bootstrap, "--routes", str(routes), "--service", "edu.pay")
    assert [(one["topic"], one["total"]) for one in as_json("list", *options)] == [
        (f"{requests}.dlq", 0),
        (f"{topic}.dlq", 1),
    ]
    ambiguous = dead_letters("show", *options, "0:0")
    assert (ambiguous.exit_code, f"{topic}.dlq" in ambiguous.stderr) == (2, True)
    unknown = dead_letters("list", *options[:-1], "edu.none")
    assert (unknown.exit_code, "edu.none" in unknown.stderr) == (2, True)


def test_reading_that_is_not_complete_is_said(bootstrap: str, topic: str) -> None:
    in_loop(put(bootstrap, [reply(topic, 0)]))
    options = ("--kafka", bootstrap, "--topic", topic, "--seconds", "0")
    result = dead_letters("list", *options)
    assert (result.exit_code, "--seconds" in result.stderr) == (1, True)
    result = dead_letters("redrive", *options, "--all", "--yes")
    assert (result.exit_code, "--seconds" in result.stderr) == (1, True)


def test_the_same_letter_of_several_gateways_is_one(bootstrap: str, topic: str) -> None:
    places = in_loop(put(bootstrap, [reply(topic, 0), reply(topic, 0), reply(topic, 1)]))
    (listed,) = as_json("list", "--kafka", bootstrap, "--topic", topic)
    assert [row["place"] for row in listed["letters"]] == [places[0], places[2]]
    as_json("redrive", "--kafka", bootstrap, "--topic", topic, "--all", "--yes")
    sent = in_loop(records(bootstrap, topic))
    ids = sorted(dict(record.headers)["ce_id"] for record in sent)
    assert ids == [b"event-0", b"event-1"]


def test_all_of_a_service_is_not_what_belongs_to_nobody(
    bootstrap: str, topic: str, tmp_path: Path
) -> None:
    stray = replace(reply(topic, 5), service_id="-", reason=Reason.REPLY_MALFORMED)
    in_loop(put(bootstrap, [reply(topic, 0), stray]))
    options = ("--kafka", bootstrap, "--topic", topic, "--service", "edu.pay")
    assert [one["total"] for one in as_json("list", *options)] == [2]
    as_json("redrive", *options, "--all", "--yes")
    (sent,) = in_loop(records(bootstrap, topic))
    assert dict(sent.headers)["ce_id"] == b"event-0"


# --- show ---------------------------------------------------------------------------------------


def test_a_letter_is_shown_masked_and_unmasked_only_on_demand(bootstrap: str, topic: str) -> None:
    (place,) = in_loop(put(bootstrap, [reply(topic, 5)]))
    options = ("show", "--kafka", bootstrap, "--topic", topic, place)
    masked = dead_letters(*options)
    assert masked.exit_code == 0
    assert PERSON not in masked.stdout
    assert '"amount": "<number of 2>"' in masked.stdout
    shown = as_json(*options, "--unmasked")
    assert json.loads(shown["value"]) == json.loads(VALUE)
    assert shown["original"]["offset"] == 5
    assert shown["headers"]["ce_httppath"] == PERSON


def test_a_place_without_a_letter_is_said(bootstrap: str, topic: str) -> None:
    in_loop(put(bootstrap, [reply(topic, 0)]))
    for command in ("show", "redrive"):
        result = dead_letters(command, "--kafka", bootstrap, "--topic", topic, "0:99")
        assert (result.exit_code, f"at 0:99 of {topic}.dlq" in result.stderr) == (1, True)


# --- redrive ------------------------------------------------------------------------------------


def test_a_letter_goes_back_as_it_was_and_says_that_it_is_sent_again(
    bootstrap: str, topic: str
) -> None:
    place, _ = in_loop(put(bootstrap, [reply(topic, 0), reply(topic, 1)]))
    (result,) = as_json("redrive", "--kafka", bootstrap, "--topic", topic, place)
    assert (result["place"], result["sent"], result["event_id"]) == (place, True, "event-0")
    (record,) = in_loop(records(bootstrap, topic))
    assert (record.key, record.value) == (PERSON.encode(), VALUE)
    assert record.headers == (
        ("ce_id", b"event-0"),
        ("ce_httppath", PERSON.encode()),
        ("ce_replayed", b"true"),
    )


def test_a_letter_is_not_sent_a_second_time_unless_it_is_asked_for(
    bootstrap: str, topic: str
) -> None:
    first, _ = in_loop(put(bootstrap, [reply(topic, 0), reply(topic, 1)]))
    options = ("--kafka", bootstrap, "--topic", topic)
    assert dead_letters("redrive", *options, first).exit_code == 0
    again = dead_letters("redrive", *options, first)
    assert (again.exit_code, "--again" in again.stderr) == (1, True)
    assert dead_letters("redrive", *options, "--all", "--yes").exit_code == 0
    assert len(in_loop(records(bootstrap, topic))) == 2
    (listed,) = as_json("list", *options)
    assert [row["sent_again"] for row in listed["letters"]] == [True, True]
    assert as_json("redrive", *options, "--all") == []
    assert dead_letters("redrive", *options, first, "--again").exit_code == 0
    assert len(in_loop(records(bootstrap, topic))) == 3


def test_all_are_sent_only_when_it_is_confirmed(bootstrap: str, topic: str) -> None:
    in_loop(put(bootstrap, [reply(topic, number) for number in range(3)]))
    options = ("redrive", "--kafka", bootstrap, "--topic", topic, "--all")
    refused = dead_letters(*options, answer="n\n")
    assert (refused.exit_code, "Send 3 letters" in refused.stderr) == (1, True)
    assert in_loop(records(bootstrap, topic)) == []
    done = dead_letters(*options, answer="y\n")
    assert done.exit_code == 0
    assert f"{topic}.dlq: 3 of 3 letters sent again" in done.stdout
    values = [dict(record.headers)["ce_id"] for record in in_loop(records(bootstrap, topic))]
    assert values == [b"event-0", b"event-1", b"event-2"]


def test_a_note_for_people_is_not_sent_and_holds_up_no_other(bootstrap: str, topic: str) -> None:
    in_loop(put(bootstrap, [note(topic), reply(topic, 0)]))
    result = dead_letters("redrive", "--kafka", bootstrap, "--topic", topic, "--all", "--yes")
    assert result.exit_code == 1
    assert "callback_undeliverable" in result.stdout
    assert "1 of 2 letters sent again" in result.stdout


# --- wrong usage --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("list", "--topic", "t"), "--kafka"),
        (("list", "--kafka", "nonsense", "--topic", "t"), "HOST:PORT"),
        (("list", "--kafka", "a:1", "--routes", "/made-up/none.yaml"), "none.yaml"),
        (("show", "--kafka", "a:1", "--topic", "t", "first"), "PARTITION:OFFSET"),
        (("show", "--kafka", "a:1", "--topic", "t"), "PARTITION:OFFSET"),
        (("redrive", "--kafka", "a:1", "--topic", "t"), "--all"),
        (("redrive", "--kafka", "a:1", "--topic", "t", "0:1", "--all"), "--all"),
    ],
)
def test_wrong_usage_is_said(arguments: tuple[str, ...], text: str) -> None:
    result = dead_letters(*arguments)
    assert (result.exit_code, text in result.stderr) == (2, True), result.stderr


def test_routes_with_problems_are_wrong_usage(tmp_path: Path) -> None:
    routes = write(tmp_path, "version: 1\nnonsense: 1\n")
    result = dead_letters("list", "--kafka", "a:1", "--routes", str(routes))
    assert (result.exit_code, "gateway check" in result.stderr) == (2, True)


def test_brokers_that_cannot_be_reached_are_named() -> None:
    with refusing_port() as port:
        result = dead_letters("list", "--kafka", f"127.0.0.1:{port}", "--topic", "t")
    assert (result.exit_code, f"127.0.0.1:{port}" in result.stderr) == (1, True)
