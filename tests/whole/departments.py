"""Services over Kafka for tests of the whole gateway: their routes, and a gateway that is ready."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from tests.doubles.caller import Caller
from tests.doubles.gateway import WITH_KEY, routes_text, running_gateway
from tests.doubles.kafka_department import KafkaDepartment
from tests.doubles.kafka_topic import partitions, topic_name
from tests.whole.scraping import until_ready, until_scraped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.doubles.caller import Response
    from tests.doubles.gateway import RunningGateway
    from tests.doubles.kafka_department import Answer

__all__ = ["accepting", "connected", "pension", "post", "replying"]


def accepting(
    topic: str, service: str = "edu.card", *, mode: str = "accept", more: str = ""
) -> str:
    """A service that answers with a receipt; `more` are further keys of its `kafka`."""
    kafka = f"{{topic: {topic}, mode: {mode}, key: header:X-Subject, {more}}}"
    return f"{service}:\n  title: 补卡\n  department: hrss\n  timeout: 10s\n  kafka: {kafka}"


def replying(
    topic: str, service: str = "edu.pension", limit: str = "10s", *, more: str = "", own: str = ""
) -> str:
    """A service that answers with a reply; `more` as above, `own` are lines of the service."""
    replies = f"reply_topic: {topic}.replies"
    kafka = f"{{topic: {topic}, mode: reply, {replies}, key: query:subject, {more}}}"
    title = "title: 养老金\n  department: hrss"
    return f"{service}:\n  {title}\n  timeout: {limit}\n  kafka: {kafka}{own}"


@asynccontextmanager
async def connected(
    bootstrap: str,
    *services: str,
    channels: Mapping[str, str] | None = None,
    **settings: Any,
) -> AsyncIterator[RunningGateway]:
    """A gateway whose producer has connected and whose reply topics are positioned.

    `channels` has further keys of the channels app and media.
    """
    text = routes_text(*services, channels=channels)
    async with running_gateway(text, kafka=bootstrap, **settings) as running:
        await until_ready(running.ops_port)
        await until_scraped(running.ops_port, lambda s: s.only("gateway_kafka_connected") == 1)
        yield running


@asynccontextmanager
async def pension(
    bootstrap: str,
    answer: Answer,
    limit: str = "10s",
    *more: str,
    topic: str | None = None,
    waits: int | None = None,
    repeat: str | None = None,
    **settings: Any,
) -> AsyncIterator[tuple[RunningGateway, KafkaDepartment]]:
    """A gateway with the service edu.pension, and its department."""
    topic = topic or topic_name("pension")
    await partitions(bootstrap, topic)
    await partitions(bootstrap, f"{topic}.replies")
    service = replying(
        topic,
        limit=limit,
        more="" if waits is None else f"max_waits: {waits}",
        own="" if repeat is None else f"\n  repeat: {repeat}",
    )
    async with (
        KafkaDepartment(bootstrap, topic, answer) as department,
        connected(bootstrap, service, *more, **settings) as running,
    ):
        yield running, department


async def post(
    running: RunningGateway, target: str, headers: dict[str, str] | None = None
) -> Response:
    """Ask once, with the key of the app."""
    async with Caller(running.entry_port) as caller:
        return await caller.ask("POST", target, {**WITH_KEY, **(headers or {})}, b'{"a": 1}')
