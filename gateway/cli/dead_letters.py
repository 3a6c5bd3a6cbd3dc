"""`gateway dead-letters`: what went no further, why, and the way back for what can go on.

Room rule: as `gateway.cli`. Contents stay masked unless somebody asks for them in so many words,
and nothing is sent that was not named or confirmed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

import click
import uvloop

from gateway.cli.dead_letter_texts import letter_text, list_text, listed, redriven_text, shown
from gateway.cli.kafka_options import kafka_connection, kafka_option
from gateway.cli.result import write_result
from gateway.cli.seconds import Seconds
from gateway.errors import Fault, StartError
from gateway.kafka.dead_letter_form import (
    SUFFIX,
    dead_letter_topic,
    kept_letter,
    marker_of,
    redriven_marker,
    redriven_record,
)
from gateway.kafka.topic_reader import TopicReader
from gateway.kafka.topic_writer import TopicWriter
from gateway.routing.loader import load_routes
from gateway.routing.sources import UnreadableFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from gateway.kafka.connection import KafkaConnection
    from gateway.kafka.dead_letter_form import KeptLetter

__all__ = ["dead_letters"]

FAILED: Final = 1
MISUSED: Final = 2

_MARKS_UNKNOWN: Final = (
    "the topic could not be read to its end in time, so it is not known what was sent again"
    " already: give more --seconds"
)


class Place(NamedTuple):
    """Where a letter stands in its topic."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


def _place(_context: object, _parameter: object, text: str | None) -> Place | None:
    """Read what was typed as PARTITION:OFFSET."""
    if text is None:
        return None
    partition, colon, offset = text.partition(":")
    digits = partition + offset
    if not (colon and partition and offset and digits.isascii() and digits.isdigit()):
        raise click.BadParameter(f"{text!r} is not PARTITION:OFFSET, as in 0:42")
    return Place(int(partition), int(offset))


@dataclass(frozen=True, slots=True)
class Scope:
    """The dead letter topics to look at, and of which service; None: of all."""

    connection: KafkaConnection
    topics: tuple[str, ...]
    service: str | None
    seconds: float
    form: str


@dataclass(slots=True)
class Found:
    """The letters of one topic: the first ones that were asked for, and how many there are."""

    letters: list[KeptLetter]
    total: int
    sent_again: set[tuple[int, int]]
    complete: bool


@click.group(name="dead-letters", short_help="List, show and redrive dead letters.")
def dead_letters() -> None:
    """What went no further: list it, look at it, send it again.

    Each topic TOPIC has its dead letters in TOPIC.dlq: replies that are none or break their
    schema, records that the brokers refused, notes of cases that expired and of channels that
    could not be told. Exit status: 0 done, 1 not (all) done, 2 wrong usage.
    """


def _scoped(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options that all these commands share."""
    for option in reversed(
        (
            kafka_option,
            click.option("--service", help="Letters of this service; needs the routes file."),
            click.option("--topic", help="Letters of this topic, which may be the .dlq itself."),
            click.option(
                "--routes",
                envvar="GATEWAY_ROUTES",
                default="routes.yaml",
                show_default=True,
                type=click.Path(path_type=Path),
                help="The routes file, for the topics when --topic names none.",
            ),
            click.option(
                "--seconds",
                type=Seconds(),
                default=30.0,
                show_default=True,
                help="How long reading a topic may take.",
            ),
            click.option(
                "--format",
                "form",
                type=click.Choice(["text", "json"]),
                default="text",
                show_default=True,
                help="text for people, json for programs.",
            ),
        )
    ):
        function = option(function)
    return function


@dead_letters.command("list")
@_scoped
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Letters of each topic that are shown, the oldest of each partition first.",
)
def list_letters(*, limit: int, **options: Any) -> None:
    """List dead letters: where, when, why, and of which event. Keys are masked."""
    scope = _scope(**options)
    founds = _run(_read_all(scope, limit))
    if scope.form == "json":
        _write_json([listed(topic, found) for topic, found in founds.items()])
    else:
        write_result("\n".join(list_text(listed(*item)) for item in founds.items()))
    if not all(found.complete for found in founds.values()):
        _fail("a topic could not be read to its end in time: give more --seconds")


@dead_letters.command("show")
@_scoped
@click.option("--unmasked", is_flag=True, help="Show headers and value as they are.")
@click.argument("place", metavar="PARTITION:OFFSET", callback=_place)
def show_letter(*, place: Place, unmasked: bool, **options: Any) -> None:
    """Show one letter: its headers, and the form of its value with nothing that stands in it."""
    scope = _scope(**options)
    document = shown(_run(_read_one(scope, place)), unmasked=unmasked)
    if scope.form == "json":
        _write_json(document)
    else:
        write_result(letter_text(document))


@dead_letters.command("redrive")
@_scoped
@click.option("--all", "every", is_flag=True, help="All letters that were not sent again yet.")
@click.option("--yes", is_flag=True, help="Do not ask before sending all.")
@click.option("--again", is_flag=True, help="Also what was sent again before.")
@click.argument("place", metavar="[PARTITION:OFFSET]", callback=_place, required=False)
def redrive(*, place: Place | None, every: bool, yes: bool, again: bool, **options: Any) -> None:
    """Send a letter, or all, back to the original topic.

    Key, headers and value are those of the record, its ce_id included; ce_replayed: true is added.
    What was sent again is marked in the dead letter topic, and is not sent a second time.
    """
    if (place is None) != every:
        raise click.UsageError("name one letter as PARTITION:OFFSET, or give --all")
    scope = _scope(**options)
    topic = _one_topic(scope)
    found = _run(_to_send(scope, topic, place, again=again))
    if every and found and not yes:
        question = f"Send {len(found)} letters of {topic} to their original topics again?"
        click.confirm(question, abort=True, err=True)
    results = _run(_send_again(scope, found)) if found else []
    if scope.form == "json":
        _write_json(results)
    else:
        write_result(redriven_text(topic, results))
    if any("why" in result for result in results):
        sys.exit(FAILED)


# --- what to look at ----------------------------------------------------------------------------


def _scope(
    *,
    kafka: str | None,
    service: str | None,
    topic: str | None,
    routes: Path,
    seconds: float,
    form: str,
) -> Scope:
    try:
        connection = kafka_connection(kafka, os.environ)
    except StartError as error:
        _fail(str(error), MISUSED)
    if connection is None:
        raise click.UsageError("name the brokers with --kafka or GATEWAY_KAFKA")
    if topic is None:
        topics = _topics_of(routes, service)
    else:
        topics = (topic if topic.endswith(SUFFIX) else dead_letter_topic(topic),)
    return Scope(connection, topics, service, seconds, form)


def _topics_of(routes: Path, service_id: str | None) -> tuple[str, ...]:
    try:
        loaded = load_routes(routes)
    except UnreadableFileError:
        _fail(f"{routes} cannot be read; name a topic with --topic to do without it", MISUSED)
    if loaded.routes is None:
        _fail(f"{routes} has problems (see gateway check); name a topic with --topic", MISUSED)
    services = loaded.routes.services
    if service_id is not None and service_id not in services:
        _fail(f"there is no service {service_id} in {routes}", MISUSED)
    topics: dict[str, None] = {}
    for service in services.values():
        if service.kafka is not None and service_id in (None, service.id):
            names = (service.kafka.topic, service.kafka.reply_topic, service.kafka.status_topic)
            # The reply topic of an instance has a name that only the instance knows.
            topics |= dict.fromkeys(name for name in names if name and "{" not in name)
    if not topics:
        _fail("no Kafka service is concerned; name a topic with --topic", MISUSED)
    return tuple(map(dead_letter_topic, topics))


def _one_topic(scope: Scope) -> str:
    if len(scope.topics) > 1:
        choice = ", ".join(scope.topics)
        raise click.UsageError(f"a place is in one topic; name it with --topic: {choice}")
    return scope.topics[0]


# --- reading and sending ------------------------------------------------------------------------


async def _read_all(scope: Scope, limit: int) -> dict[str, Found]:
    async with TopicReader(scope.connection) as reader:
        return {topic: await _read(reader, scope, topic, limit) for topic in scope.topics}


async def _read(
    reader: TopicReader, scope: Scope, topic: str, limit: int, *, strict: bool = False
) -> Found:
    """Read the letters of `topic`; of copies, which several gateways or a restart write, the first.

    `strict` leaves out those of which nobody knows the service, when one is asked for.
    """
    services = (scope.service,) if strict else (scope.service, None, "-")
    origins: set[tuple[str | None, int | None, int]] = set()
    found = Found([], 0, set(), complete=False)
    async for record in reader.records(topic, scope.seconds):
        mark = marker_of(record)
        if mark is not None:
            found.sent_again.add(mark)
            continue
        letter = kept_letter(record)
        if letter.offset is not None:
            origin = (letter.topic, letter.partition, letter.offset)
            if origin in origins:
                continue
            origins.add(origin)
        if scope.service is None or letter.service in services:
            found.total += 1
            if len(found.letters) < limit:
                # A list has no use for values, and there may be many.
                place = record._replace(value=None if record.value is None else b"")
                found.letters.append(letter._replace(place=place))
    found.complete = reader.complete
    return found


async def _read_one(scope: Scope, place: Place) -> KeptLetter:
    topic = _one_topic(scope)
    async with TopicReader(scope.connection) as reader:
        record = await reader.record(topic, *place)
    if record is None or marker_of(record) is not None:
        raise StartError(f"there is no dead letter at {place} of {topic}")
    return kept_letter(record)


async def _to_send(scope: Scope, topic: str, place: Place | None, *, again: bool) -> list[Place]:
    """Return what is to be sent: the letter at `place`, or all; in order within a partition."""
    async with TopicReader(scope.connection) as reader:
        found = await _read(reader, scope, topic, limit=sys.maxsize, strict=place is None)
    if not found.complete:
        raise StartError(_MARKS_UNKNOWN)
    places = [Place(letter.place.partition, letter.place.offset) for letter in found.letters]
    if place is None:
        return [one for one in places if again or one not in found.sent_again]
    if place not in places:
        raise StartError(f"there is no dead letter at {place} of {topic}")
    if place in found.sent_again and not again:
        raise StartError(f"the letter at {place} was sent again already; --again repeats it")
    return [place]


async def _send_again(scope: Scope, places: list[Place]) -> list[dict[str, Any]]:
    async with TopicReader(scope.connection) as reader, TopicWriter(scope.connection) as writer:
        topic = scope.topics[0]
        return [await _send_one(reader, writer, topic, place) for place in places]


async def _send_one(
    reader: TopicReader, writer: TopicWriter, topic: str, place: Place
) -> dict[str, Any]:
    result: dict[str, Any] = {"place": str(place), "sent": False}
    record = await reader.record(topic, *place)
    if record is None:
        return result | {"why": "it is not there any more"}
    letter = kept_letter(record)
    result |= {"topic": letter.topic, "event_id": letter.event_id}
    if letter.obstacle is not None:
        return result | {"why": letter.obstacle}
    try:
        sent = await writer.send(redriven_record(letter))
    except Fault as fault:
        doubt = " (it may have been sent)" if fault.may_have_been_sent else ""
        return result | {"why": f"{fault.cause.title.en}{doubt}"}
    result |= {"sent": True, "partition": sent.partition, "offset": sent.offset}
    try:
        await writer.send(redriven_marker(letter))
    except Fault as fault:
        return result | {"why": f"sent, but not marked as such: {fault.cause.title.en}"}
    return result


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)
    except StartError as error:
        _fail(str(error))


def _fail(text: str, status: int = FAILED) -> NoReturn:
    click.echo(f"Error: {text}", err=True)
    sys.exit(status)


def _write_json(document: object) -> None:
    write_result(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
