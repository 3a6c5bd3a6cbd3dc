"""Schemas of a service through the whole gateway: what is refused at the door, and on the way back.

The data about people is made up.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.doubles.caller import Caller
from tests.doubles.gateway import WITH_KEY, replace_file, routes_text, running_gateway
from tests.doubles.kafka_department import KafkaDepartment, reply
from tests.doubles.kafka_topic import partitions, records, topic_name
from tests.whole.departments import replying
from tests.whole.scraping import until_ready, until_scraped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.doubles.caller import Response
    from tests.doubles.gateway import RunningGateway
    from tests.doubles.kafka_department import Answer

REQUEST = {
    "type": "object",
    "required": ["name", "id_number"],
    "properties": {
        "name": {"type": "string", "minLength": 2},
        "id_number": {"type": "string", "pattern": "^[0-9]{17}[0-9X]$"},
    },
}
REPLY = {"type": "object", "required": ["months"]}
GOOD = {"name": "测试甲", "id_number": "11010119000101000X"}


@asynccontextmanager
async def checked(
    bootstrap: str, folder: Path, answer: Answer
) -> AsyncIterator[tuple[RunningGateway, KafkaDepartment, str]]:
    topic = topic_name("pension")
    await partitions(bootstrap, topic)
    (folder / "request.json").write_text(json.dumps(REQUEST), "utf-8")
    (folder / "reply.json").write_text(json.dumps(REPLY), "utf-8")
    own = "\n  schema: {request: request.json, reply: reply.json}"
    path = replace_file(folder / "routes.yaml", routes_text(replying(topic, own=own)))
    async with (
        KafkaDepartment(bootstrap, topic, answer) as department,
        running_gateway(path, kafka=bootstrap) as running,
    ):
        await until_ready(running.ops_port)
        await until_scraped(running.ops_port, lambda s: s.only("gateway_kafka_connected") == 1)
        yield running, department, topic


async def ask_with(running: RunningGateway, body: object) -> Response:
    headers = {**WITH_KEY, "Content-Type": "application/json", "Accept-Language": "en"}
    async with Caller(running.entry_port) as caller:
        data = json.dumps(body).encode()
        return await caller.ask("POST", "/s/edu.pension?subject=MADE-UP-1", headers, data)


async def test_a_body_that_breaks_the_schema_is_refused_with_every_place_and_no_value(
    bootstrap: str, tmp_path: Path
) -> None:
    good = reply(b'{"months": 3}', content_type="application/json")
    async with checked(bootstrap, tmp_path, good) as (running, department, _):
        refused = await ask_with(running, {"name": "甲", "id_number": "not-a-number"})
        taken = await ask_with(running, GOOD)
        assert len(department.requests) == 1
    problem = refused.json()
    assert (refused.status, problem["cause"]) == (422, "body_invalid")
    assert {error["pointer"] for error in problem["errors"]} == {"/name", "/id_number"}
    assert all(error["detail"] and error["rule"] for error in problem["errors"])
    assert b"not-a-number" not in refused.body
    assert taken.status == 200


async def test_a_reply_that_breaks_the_schema_does_not_reach_the_caller_but_its_mender(
    bootstrap: str, tmp_path: Path
) -> None:
    bad = reply(b'{"wrong": "made-up"}', content_type="application/json")
    async with checked(bootstrap, tmp_path, bad) as (running, _, topic):
        refused = await ask_with(running, GOOD)
        await until_scraped(
            running.ops_port,
            lambda s: s.total("gateway_dead_letters_total", reason="reply_invalid") == 1,
        )
        async with asyncio.timeout(20):
            (letter,) = await records(bootstrap, f"{topic}.replies.dlq")
    assert (refused.status, refused.json()["cause"]) == (502, "reply_invalid")
    assert b"made-up" not in refused.body
    assert letter.value == b'{"wrong": "made-up"}'
    headers = dict(letter.headers)
    assert headers["kafka_dlt-original-topic"] == f"{topic}.replies".encode()
    assert headers["kafka_dlt-exception-fqcn"] == b"reply_invalid"
