"""Services over Kafka through the whole gateway, on the embedded broker and on Apache Kafka."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Final

import pytest

from tests.doubles.gateway import http_service
from tests.doubles.kafka_department import KafkaDepartment, Written, reply
from tests.doubles.kafka_topic import partitions, records, topic_name
from tests.doubles.origin import Origin
from tests.doubles.origin import reply as answer_with
from tests.whole.departments import accepting, connected, pension, post, replying
from tests.whole.scraping import ask, scrape, until_scraped

if TYPE_CHECKING:
    from tests.doubles.kafka_department import Answer, Request
    from tests.whole.scraping import Samples

SUBJECT: Final = "MADE-UP-0001"
FATES: Final = ("answered", "late", "foreign", "duplicate", "malformed")


def fates(samples: Samples, service: str | None = None) -> dict[str, float]:
    labels = {} if service is None else {"service": service}
    counts = {fate: samples.total("gateway_replies_total", fate=fate, **labels) for fate in FATES}
    return {fate: count for fate, count in counts.items() if count}


# --- accept -------------------------------------------------------------------------------------


async def test_a_receipt_is_given_for_a_record_that_stands_where_it_says(bootstrap: str) -> None:
    topic = topic_name("cards")
    async with connected(bootstrap, accepting(topic)) as running:
        headers = {"X-Subject": SUBJECT, "Content-Type": "application/json", "ce-id": "forged"}
        answer = await post(running, "/s/edu.card/new?reason=lost", headers)
        found = await records(bootstrap, topic)
        samples = await scrape(running.ops_port)
    receipt = answer.json()
    assert (answer.status, answer.value("content-type")) == (202, "application/json")
    assert set(receipt) == {
        *("id", "service", "department", "state", "durability"),
        *("topic", "partition", "offset", "accepted_at", "status_url"),
    }
    assert (receipt["service"], receipt["department"]) == ("edu.card", "hrss")
    assert (receipt["durability"], receipt["topic"]) == ("kafka", topic)
    assert datetime.fromisoformat(receipt["accepted_at"]).utcoffset() is not None
    (record,) = found
    assert (record.partition, record.offset) == (receipt["partition"], receipt["offset"])
    assert (record.key, record.value) == (SUBJECT.encode(), b'{"a": 1}')
    ids = [value for name, value in record.headers if name == "ce_id"]
    assert ids == [receipt["id"].encode()]
    assert samples.causes(service="edu.card", transport="kafka") == {"none": 1}
    assert samples.only("gateway_kafka_produce_duration_seconds_count", service="edu.card") == 1


async def test_a_request_without_its_key_is_refused_and_nothing_is_produced(bootstrap: str) -> None:
    topic = topic_name("cards")
    async with connected(bootstrap, accepting(topic)) as running:
        answer = await post(running, "/s/edu.card")
        assert await records(bootstrap, topic) == []
    assert (answer.status, answer.json()["cause"]) == (400, "record_key_missing")
    assert answer.json()["side"] == "caller"


async def test_records_of_one_key_stay_in_order(bootstrap: str) -> None:
    topic = topic_name("cards")
    async with connected(bootstrap, accepting(topic)) as running:
        receipts = [
            (await post(running, "/s/edu.card", {"X-Subject": SUBJECT})).json() for _ in range(5)
        ]
    assert len({receipt["partition"] for receipt in receipts}) == 1
    offsets = [receipt["offset"] for receipt in receipts]
    assert offsets == sorted(offsets)
    assert len({receipt["id"] for receipt in receipts}) == 5


# --- reply --------------------------------------------------------------------------------------


async def test_the_departments_reply_is_the_answer(bootstrap: str) -> None:
    answer = reply(b"<ok/>", status="201", content_type="application/xml")
    async with pension(bootstrap, answer) as (running, department):
        answered = await post(running, f"/s/edu.pension/months?subject={SUBJECT}")
        samples = await scrape(running.ops_port)
    assert (answered.status, answered.body) == (201, b"<ok/>")
    assert answered.value("content-type") == "application/xml"
    (received,) = department.requests
    assert received.key == SUBJECT.encode()
    assert received.header("ce_id") == received.header("ce_correlationid")
    assert len(received.header("ce_id") or "") >= 32
    assert received.header("ce_replyto") is not None
    assert fates(samples, "edu.pension") == {"answered": 1}


async def test_requests_at_once_each_get_their_own_reply(bootstrap: str) -> None:
    def echo(request: Request) -> list[Written]:
        identity = (request.header("ce_correlationid") or "").encode()
        return [Written(request.key, (("ce_correlationid", identity),))]

    async with pension(bootstrap, echo) as (running, _), asyncio.TaskGroup() as group:
        asked = [
            group.create_task(post(running, f"/s/edu.pension?subject=S{number}"))
            for number in range(10)
        ]
    assert [task.result().body for task in asked] == [b"S%d" % number for number in range(10)]


async def test_a_department_that_does_not_reply_in_time_leaves_a_receipt_and_its_late_reply_counts(
    bootstrap: str,
) -> None:
    async with pension(bootstrap, lambda _: (), "1s") as (running, department):
        answer = await post(running, f"/s/edu.pension?subject={SUBJECT}")
        late = department.requests[0]
        department.answer = lambda request: reply(b"late")(late) if request is not late else ()
        await post(running, f"/s/edu.pension?subject={SUBJECT}")
        samples = await until_scraped(running.ops_port, lambda s: fates(s) != {})
    assert (answer.status, answer.json()["state"]) == (202, "published")
    assert fates(samples) == {"late": 1}
    assert samples.total("gateway_requests_in_flight") == 0


@pytest.mark.parametrize(
    "broken",
    [
        reply(b"x", status="99"),
        reply(b"x", status="ok"),
        reply(b"x", content_type="text/plain\r\nX-Forged: 1"),
    ],
)
async def test_a_reply_that_cannot_be_an_answer_is_the_departments_fault(
    bootstrap: str, broken: Answer
) -> None:
    async with pension(bootstrap, broken) as (running, _):
        answer = await post(running, f"/s/edu.pension?subject={SUBJECT}")
        samples = await scrape(running.ops_port)
    assert (answer.status, answer.json()["cause"]) == (502, "reply_malformed")
    assert answer.json()["side"] == "department"
    assert answer.value("x-forged") is None
    assert fates(samples) == {"malformed": 1}


async def test_a_second_reply_and_a_foreign_one_change_nothing(bootstrap: str) -> None:
    def answer(request: Request) -> list[Written]:
        foreign = Written(b"foreign", (("ce_correlationid", b"0" * 32),))
        return [foreign, *reply(b"first")(request), *reply(b"second")(request)]

    async with pension(bootstrap, answer) as (running, _):
        answered = await post(running, f"/s/edu.pension?subject={SUBJECT}")
        samples = await until_scraped(running.ops_port, lambda s: sum(fates(s).values()) == 3)
    assert answered.body == b"first"
    assert fates(samples) == {"answered": 1, "duplicate": 1, "foreign": 1}


async def test_one_department_cannot_answer_for_another(bootstrap: str) -> None:
    others = topic_name("others")
    other = replying(others, "edu.others")

    def forged(request: Request) -> list[Written]:
        return [*reply(b"forged", topic=f"{others}.replies")(request)]

    async with pension(bootstrap, forged, "1s", other) as (running, _):
        answer = await post(running, f"/s/edu.pension?subject={SUBJECT}")
        samples = await scrape(running.ops_port)
    assert (answer.status, answer.json()["state"]) == (202, "published")
    assert fates(samples) == {"foreign": 1}


async def test_readiness_names_the_reply_topics_and_metrics_show_their_position(
    bootstrap: str,
) -> None:
    topic = topic_name("pension")
    async with connected(bootstrap, replying(topic)) as running:
        readiness = (await ask(running.ops_port, "/readyz")).json()
        samples = await scrape(running.ops_port)
    checks = {check["name"]: check for check in readiness["checks"]}
    assert checks["replies"]["ok"] is True
    assert samples.only("gateway_kafka_replies_positioned", topic=f"{topic}.replies") == 1


async def test_http_and_kafka_departments_stand_behind_the_same_door(bootstrap: str) -> None:
    async with Origin(answer_with(b"paid")) as origin:
        services = (http_service("edu.payment", origin.url), accepting(topic_name("cards")))
        async with connected(bootstrap, *services) as running:
            paid = await post(running, "/s/edu.payment")
            receipt = await post(running, "/s/edu.card", {"X-Subject": SUBJECT})
            samples = await scrape(running.ops_port)
    assert (paid.status, receipt.status) == (200, 202)
    assert samples.causes(transport="http") == samples.causes(transport="kafka") == {"none": 1}


async def test_a_gateway_may_have_a_reply_topic_of_its_own(bootstrap: str) -> None:
    topic = topic_name("pension")
    await partitions(bootstrap, topic)
    await partitions(bootstrap, f"{topic}.of-gw-7")
    service = replying(topic).replace(f"{topic}.replies", f"'{topic}.of-{{instance}}'")
    async with (
        KafkaDepartment(bootstrap, topic, reply(b"own")) as department,
        connected(bootstrap, service, instance="gw-7") as running,
    ):
        answered = await post(running, f"/s/edu.pension?subject={SUBJECT}")
    assert (answered.status, answered.body) == (200, b"own")
    assert department.requests[0].header("ce_replyto") == f"{topic}.of-gw-7"
