"""From a case to its channel's server, and to the dead letters, through the whole gateway."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from gateway.cases.case import State
from gateway.cases.identity import CaseIds
from gateway.cases.sqlite_store import SqliteStore
from gateway.cases.webhook import webhook_headers
from tests.cases.samples import a_case
from tests.doubles.callback_channel import callback_channel
from tests.doubles.gateway import ENVIRON
from tests.doubles.kafka_department import reply, silence
from tests.doubles.kafka_topic import records, topic_name
from tests.whole.departments import connected, pension, post, replying
from tests.whole.scraping import until_scraped

if TYPE_CHECKING:
    from pathlib import Path

    from tests.doubles.callback_channel import CallbackChannel

SECRET = "made-up-secret-of-the-callbacks"
SUBJECT = "/s/edu.pension?subject=MADE-UP-0001"


def told_at(server: CallbackChannel) -> dict[str, Any]:
    """Settings of a gateway whose channel app is told at `server`."""
    url = f"http://127.0.0.1:{server.port}/told"
    callback = f"callback: {{url: '{url}', secret: env:CALLBACK, internal: true}}"
    return {"channels": {"app": callback}, "environ": {**ENVIRON, "CALLBACK": SECRET}}


async def test_a_late_answer_is_told_to_the_channel_that_submitted(bootstrap: str) -> None:
    async with (
        callback_channel(204) as server,
        pension(bootstrap, silence, "1s", **told_at(server)) as (running, department),
    ):
        receipt = (await post(running, SUBJECT)).json()
        await department.say(reply(b"made-up answer")(department.requests[0]))
        await server.until(2)
        samples = await until_scraped(
            running.ops_port,
            lambda s: s.total("gateway_callbacks_total", channel="app", result="delivered") == 2,
        )
    told = [orjson.loads(one.body) for one in server.got]
    assert [one["type"] for one in told] == ["case.published", "case.answered"]
    assert all(one["data"]["id"] == receipt["id"] for one in told)
    for one in server.got:
        assert (one.method, one.path) == ("POST", "/told")
        assert b"made-up answer" not in one.body
        at = datetime.fromtimestamp(int(one.headers["webhook-timestamp"]), UTC)
        expected = webhook_headers(one.headers["webhook-id"], one.body, SECRET, at)
        assert one.headers["webhook-signature"] == expected["webhook-signature"]
    assert len({one.headers["webhook-id"] for one in server.got}) == 2
    assert samples.total("gateway_callbacks_total", result="retry") == 0


async def test_a_case_whose_time_is_up_is_told_and_leaves_a_note(
    bootstrap: str, tmp_path: Path
) -> None:
    topic, data = topic_name("pension"), tmp_path / "data"
    store = SqliteStore(data / "cases.db")
    await store.open()
    now = datetime.now(UTC)
    waiting = a_case(
        CaseIds(await store.secret()).new(),
        service="edu.pension",
        state=State.PUBLISHED,
        accepted_at=now - timedelta(days=2),
        expires_at=now - timedelta(days=1),
    )._replace(topic=topic)
    await store.insert(waiting)
    await store.close()
    async with (
        callback_channel(204) as server,
        connected(bootstrap, replying(topic), data=data, **told_at(server)) as running,
    ):
        await server.until(1)
        await until_scraped(
            running.ops_port,
            lambda s: s.total("gateway_dead_letters_total", reason="case_expired") == 1,
        )
        (letter,) = await records(bootstrap, f"{topic}.dlq")
    assert orjson.loads(server.got[0].body)["type"] == "case.expired"
    assert orjson.loads(letter.value or b"")["id"] == waiting.id
    assert dict(letter.headers)["kafka_dlt-exception-fqcn"] == b"case_expired"


async def test_a_callback_that_is_given_up_is_kept_with_the_dead_letters(bootstrap: str) -> None:
    topic = topic_name("pension")
    async with (
        callback_channel(410) as server,
        pension(bootstrap, silence, "1s", topic=topic, **told_at(server)) as (running, _),
    ):
        receipt = (await post(running, SUBJECT)).json()
        await until_scraped(
            running.ops_port,
            lambda s: s.total("gateway_dead_letters_total", reason="callback_undeliverable") == 1,
        )
        (letter,) = await records(bootstrap, f"{topic}.dlq")
    assert letter.value == server.got[0].body
    assert orjson.loads(letter.value)["data"]["id"] == receipt["id"]
