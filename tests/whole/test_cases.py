"""Cases through the whole gateway: receipts, questions, long polls, streams and late answers."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.doubles.caller import Caller
from tests.doubles.gateway import MEDIA_KEY, WITH_KEY
from tests.doubles.kafka_department import reply, silence
from tests.doubles.kafka_topic import records, topic_name, write
from tests.whole.departments import accepting, connected, pension, post, replying
from tests.whole.scraping import scrape, until_scraped

if TYPE_CHECKING:
    from tests.doubles.caller import Response
    from tests.doubles.gateway import RunningGateway
    from tests.doubles.kafka_department import Request, Written

KEYED = {"X-Subject": "MADE-UP-0001"}
SUBJECT = "/s/edu.pension?subject=MADE-UP-0001"


async def get(
    running: RunningGateway, target: str, headers: dict[str, str] | None = None
) -> Response:
    async with Caller(running.entry_port) as caller:
        return await caller.ask("GET", target, {**WITH_KEY, **(headers or {})})


async def until_state(running: RunningGateway, target: str, state: str) -> dict[str, Any]:
    """Long-poll until the case is in `state`."""
    async with asyncio.timeout(20):
        while True:
            case: dict[str, Any] = (await get(running, target, {"Prefer": "wait=5"})).json()
            if case["state"] == state:
                return case


# --- receipts and questions ---


async def test_a_receipt_leads_to_its_case(bootstrap: str) -> None:
    async with connected(bootstrap, accepting(topic_name("cards"))) as running:
        answer = await post(running, "/s/edu.card", KEYED)
        receipt = answer.json()
        case = (await get(running, answer.value("location") or "")).json()
    assert answer.value("location") == receipt["status_url"] == f"/cases/{receipt['id']}"
    assert receipt["state"] == case["state"] == "published"
    for name in ("id", "service", "department", "durability", "topic", "partition", "offset"):
        assert case[name] == receipt[name], name
    assert case["accepted_at"] == receipt["accepted_at"]
    assert case["possible_duplicate"] is False
    assert [step["state"] for step in case["history"]] == ["received", "published"]
    assert "answer" not in case


async def test_a_case_is_nobody_elses(bootstrap: str) -> None:
    async with connected(bootstrap, accepting(topic_name("cards"))) as running:
        receipt = (await post(running, "/s/edu.card", KEYED)).json()
        mine = receipt["status_url"]
        forged = f"{mine[:-1]}{'0' if mine[-1] != '0' else '1'}"
        asked = {
            "unknown": await get(running, "/cases/" + "0" * 48),
            "forged": await get(running, forged),
            "short": await get(running, "/cases/1"),
            "another's": await get(running, mine, {"X-Api-Key": MEDIA_KEY}),
        }
        samples = await scrape(running.ops_port)
    bodies = set()
    for name, answer in asked.items():
        assert (answer.status, answer.json()["cause"]) == (404, "case_unknown"), name
        problem = {key: value for key, value in answer.json().items() if key != "trace"}
        bodies.add(orjson.dumps(problem, option=orjson.OPT_SORT_KEYS))
    assert len(bodies) == 1
    assert samples.total("gateway_cases_read_total", result="unknown") == 4


async def test_a_channel_may_let_another_one_read_its_cases(bootstrap: str) -> None:
    readers = {"app": "case_readers: [media]"}
    async with connected(bootstrap, accepting(topic_name("cards")), channels=readers) as running:
        receipt = (await post(running, "/s/edu.card", KEYED)).json()
        answer = await get(running, receipt["status_url"], {"X-Api-Key": MEDIA_KEY})
    assert (answer.status, answer.json()["id"]) == (200, receipt["id"])


async def test_a_question_without_a_key_or_with_a_wrong_method_is_refused(bootstrap: str) -> None:
    async with connected(bootstrap, accepting(topic_name("cards"))) as running:
        url = (await post(running, "/s/edu.card", KEYED)).json()["status_url"]
        async with Caller(running.entry_port) as caller:
            nobody = await caller.ask("GET", url)
        posted = await post(running, url)
    assert (nobody.status, nobody.json()["cause"]) == (401, "credentials_missing")
    assert (posted.status, posted.value("allow")) == (405, "GET, HEAD")


# --- answers in time, late, and never ---


async def test_an_answer_in_time_is_kept_with_its_case(bootstrap: str) -> None:
    answer = reply(b'{"months": 12}', content_type="application/json")
    async with pension(bootstrap, answer) as (running, _):
        answered = await post(running, SUBJECT)
        link = answered.value("link") or ""
        case = await until_state(running, link[1 : link.index(">")], "answered")
    assert (answered.status, answered.body) == (200, b'{"months": 12}')
    assert link.endswith('; rel="status"')
    assert case["answer"] == {
        "status": 200,
        "content_type": "application/json",
        "body": '{"months": 12}',
    }
    assert case["durability"] == "kafka"
    assert case["offset"] is not None


async def test_a_late_answer_completes_the_case_and_wakes_who_waits(bootstrap: str) -> None:
    async with pension(bootstrap, silence, "1s") as (running, department):
        answered = await post(running, SUBJECT)
        url = answered.json()["status_url"]
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(get(running, url, {"Prefer": "wait=20"}))
            await department.say(reply(b"late")(department.requests[0]))
        samples = await until_scraped(
            running.ops_port,
            lambda s: s.total("gateway_replies_total", fate="late", service="edu.pension") == 1,
        )
    assert answered.status == 202
    assert answered.value("retry-after") == "5"
    assert answered.json()["state"] == "published"
    case = asking.result().json()
    assert (case["state"], case["answer"]["body"]) == ("answered", "late")
    assert samples.causes(service="edu.pension") == {"none": 1}


async def test_the_caller_may_ask_for_the_receipt_at_once(bootstrap: str) -> None:
    async with pension(bootstrap, silence, "20s") as (running, _):
        answered = await post(running, SUBJECT, {"Prefer": "respond-async"})
    assert answered.status == 202
    assert answered.value("preference-applied") == "respond-async"


async def test_the_caller_may_shorten_the_wait(bootstrap: str) -> None:
    async with pension(bootstrap, silence, "20s") as (running, _):
        answered = await post(running, SUBJECT, {"Prefer": "wait=1"})
    assert answered.status == 202
    assert answered.value("preference-applied") == "wait=1"


async def test_beyond_the_limit_of_waits_the_receipt_comes_at_once(bootstrap: str) -> None:
    async with pension(bootstrap, silence, "20s", waits=1) as (running, department):
        async with asyncio.TaskGroup() as group:
            first = group.create_task(post(running, SUBJECT, {"Prefer": "wait=3"}))
            await department.until(lambda requests: len(requests) == 1)
            second = await post(running, SUBJECT)
            assert not first.done()
        samples = await scrape(running.ops_port)
    assert second.status == first.result().status == 202
    assert samples.only("gateway_kafka_waits", service="edu.pension") == 0


async def test_a_malformed_reply_fails_the_case_and_a_good_one_still_completes_it(
    bootstrap: str,
) -> None:
    async with pension(bootstrap, reply(b"x", status="999")) as (running, department):
        refused = await post(running, SUBJECT)
        case_id = department.requests[0].header("ce_id")
        failed = await until_state(running, f"/cases/{case_id}", "failed")
        await department.say(reply(b"good")(department.requests[0]))
        case = await until_state(running, f"/cases/{case_id}", "answered")
    assert (refused.status, refused.json()["cause"]) == (502, "reply_malformed")
    assert failed["history"][-1]["note"] == "reply_malformed"
    assert case["answer"]["body"] == "good"


async def test_a_restart_reads_the_answers_that_came_meanwhile(bootstrap: str) -> None:
    topic = topic_name("pension")
    service = replying(topic, limit="1s")
    async with pension(bootstrap, silence, "1s", topic=topic) as (running, department):
        url = (await post(running, SUBJECT)).json()["status_url"]
        data = running.data
        await running.stop()
        await department.say(reply(b"meanwhile")(department.requests[0]))
        async with connected(bootstrap, service, data=data) as again:
            case = await until_state(again, url, "answered")
    assert case["answer"]["body"] == "meanwhile"


# --- progress ---


async def test_the_departments_progress_moves_the_case_and_stale_news_are_kept(
    bootstrap: str,
) -> None:
    topic = topic_name("cards")
    status = f"{topic}.status"
    settings = f'status_topic: {status}, state_map: {{"受理": accepted, "办结": closed}}'
    async with connected(bootstrap, accepting(topic, more=settings)) as running:
        receipt = (await post(running, "/s/edu.card", KEYED)).json()
        url, case_id = receipt["status_url"], receipt["id"].encode()

        async def say(state: str, version: int) -> None:
            body = orjson.dumps({"state": state, "version": version, "note": "测试"})
            await write(bootstrap, status, body, [("ce_correlationid", case_id)])

        await say("受理", 2)
        await until_state(running, url, "accepted")
        await say("corrected", 1)
        await say("退件", 3)
        await say("办结", 4)
        case = await until_state(running, url, "closed")
        samples = await scrape(running.ops_port)
    told = [(step["state"], step.get("rejected")) for step in case["history"]][2:]
    assert told == [
        ("accepted", None),
        ("corrected", "stale"),
        (None, "unknown_state"),
        ("closed", None),
    ]
    assert case["history"][2]["note"] == "测试"
    assert samples.total("gateway_cases_rejected_total", service="edu.card") == 2


# --- streams ---


async def test_a_stream_tells_every_change_until_the_case_is_over(bootstrap: str) -> None:
    async with pension(bootstrap, silence, "1s") as (running, department):
        url = (await post(running, SUBJECT)).json()["status_url"]
        async with Caller(running.entry_port) as caller:
            asking = asyncio.create_task(caller.ask("GET", f"{url}/events", WITH_KEY))
            await until_scraped(
                running.ops_port,
                lambda s: s.total("gateway_cases_read_total", result="found") == 1,
            )
            await department.say(reply(b"done")(department.requests[0]))
            stream = await asking
    events = [part for part in stream.body.decode().split("\n\n") if part.startswith("id:")]
    states = [orjson.loads(event.partition("data: ")[2])["state"] for event in events]
    assert stream.value("content-type") == "text/event-stream"
    assert states == ["published", "answered"]


# --- modes ---


async def test_an_event_is_over_when_it_is_published(bootstrap: str) -> None:
    topic = topic_name("events")
    async with connected(bootstrap, accepting(topic, mode="event")) as running:
        answer = await post(running, "/s/edu.card", KEYED)
        case = await get(running, answer.json()["status_url"])
        found = await records(bootstrap, topic)
    assert (answer.status, answer.json()["state"]) == (202, "published")
    assert case.value("retry-after") is None
    assert len(found) == 1


# --- idempotency ---


async def test_the_same_request_with_the_same_key_is_taken_once(bootstrap: str) -> None:
    topic = topic_name("cards")
    headers = {**KEYED, "Idempotency-Key": '"made-up-1"'}
    async with connected(bootstrap, accepting(topic)) as running:
        first = await post(running, "/s/edu.card", headers)
        again = await post(running, "/s/edu.card", headers)
        other = await post(running, "/s/edu.card?changed", headers)
        found = await records(bootstrap, topic)
        samples = await scrape(running.ops_port)
    assert first.json()["id"] == again.json()["id"]
    assert again.value("idempotency-replayed") == "true"
    assert (other.status, other.json()["cause"]) == (422, "idempotency_key_reused")
    assert len(found) == 1
    for result in ("first", "replayed", "reused"):
        assert samples.total("gateway_idempotency_total", result=result) == 1, result


async def test_a_repeated_question_gets_the_answer_of_the_first(bootstrap: str) -> None:
    headers = {"Idempotency-Key": "made-up-2"}
    answer = reply(b"once", status="201", content_type="text/plain")
    async with pension(bootstrap, answer) as (running, department):
        first = await post(running, SUBJECT, headers)
        link = first.value("link") or ""
        await until_state(running, link[1 : link.index(">")], "answered")
        again = await post(running, SUBJECT, headers)
        assert len(department.requests) == 1
    assert (first.status, first.body) == (again.status, again.body) == (201, b"once")
    assert again.value("content-type") == "text/plain"


async def test_a_repeated_question_gets_the_answer_in_the_form_that_it_had(
    bootstrap: str,
) -> None:
    packed = gzip.compress(b"made-up", mtime=0)

    def answer(request: Request) -> list[Written]:
        (plain,) = reply(packed, content_type="text/plain")(request)
        return [plain._replace(headers=(*plain.headers, ("content-encoding", b"gzip")))]

    headers = {"Idempotency-Key": "made-up-5"}
    async with pension(bootstrap, answer) as (running, _):
        first = await post(running, SUBJECT, headers)
        link = first.value("link") or ""
        case = await until_state(running, link[1 : link.index(">")], "answered")
        again = await post(running, SUBJECT, headers)
    assert first.body == again.body == packed
    assert first.value("content-encoding") == again.value("content-encoding") == "gzip"
    assert case["answer"]["content_encoding"] == "gzip"


async def test_a_repeated_question_joins_the_wait_or_is_told_to_wait(bootstrap: str) -> None:
    headers = {"Idempotency-Key": "made-up-3"}
    async with pension(bootstrap, silence, "20s") as (running, department):
        async with asyncio.TaskGroup() as group:
            first = group.create_task(post(running, SUBJECT, headers))
            await department.until(lambda requests: len(requests) == 1)
            second = group.create_task(post(running, SUBJECT, headers))
            await until_scraped(
                running.ops_port,
                lambda s: s.total("gateway_idempotency_total", result="joined") == 1,
            )
            await department.say(reply(b"both")(department.requests[0]))
        assert len(department.requests) == 1
    assert first.result().body == second.result().body == b"both"


async def test_where_a_conflict_is_asked_for_a_repeated_question_is_refused(
    bootstrap: str,
) -> None:
    headers = {"Idempotency-Key": "made-up-4"}
    async with (
        pension(bootstrap, silence, "20s", repeat="conflict") as (running, department),
        asyncio.TaskGroup() as group,
    ):
        group.create_task(post(running, SUBJECT, headers))
        await department.until(lambda requests: len(requests) == 1)
        refused = await post(running, SUBJECT, headers)
        await department.say(reply(b"one")(department.requests[0]))
    assert (refused.status, refused.json()["cause"]) == (409, "idempotency_in_flight")


@pytest.mark.parametrize("value", ["", '"a', "a b"])
async def test_a_key_that_cannot_be_read_is_refused(bootstrap: str, value: str) -> None:
    async with connected(bootstrap, accepting(topic_name("cards"))) as running:
        answer = await post(running, "/s/edu.card", {**KEYED, "Idempotency-Key": value})
    assert (answer.status, answer.json()["cause"]) == (400, "idempotency_key_refused")


async def test_where_a_key_is_required_a_request_without_one_is_refused(bootstrap: str) -> None:
    service = accepting(topic_name("cards")) + "\n  idempotency: required"
    async with connected(bootstrap, service) as running:
        answer = await post(running, "/s/edu.card", KEYED)
    assert (answer.status, answer.json()["cause"]) == (400, "idempotency_key_missing")
