"""Brokers away: HTTP goes on, every receipt is true, and what the disk holds is sent afterwards."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from gateway.demo.broker import EmbeddedBroker
from tests.doubles.caller import Caller
from tests.doubles.gateway import WITH_KEY, http_service, routes_text, running_gateway
from tests.doubles.kafka_department import silence
from tests.doubles.kafka_topic import partitions, records, topic_name
from tests.doubles.origin import Origin, reply
from tests.doubles.tcp_proxy import TcpProxy
from tests.whole.departments import accepting, pension, replying
from tests.whole.scraping import ask, scrape, until_ready, until_scraped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from gateway.kafka.record import IncomingRecord
    from tests.doubles.caller import Response
    from tests.doubles.gateway import RunningGateway


async def post(running: RunningGateway, target: str = "/s/edu.card") -> Response:
    async with Caller(running.entry_port) as caller:
        return await caller.ask("POST", target, {**WITH_KEY, "X-Subject": "MADE-UP-0001"}, b"{}")


async def case_of(running: RunningGateway, answer: Response) -> Response:
    async with Caller(running.entry_port) as caller:
        return await caller.ask("GET", answer.json()["status_url"], WITH_KEY)


async def until_drained(running: RunningGateway) -> None:
    """Wait longer than a producer is kept for brokers that are away."""
    await until_scraped(
        running.ops_port, lambda s: s.only("gateway_spool_records") == 0, patience=40.0
    )


def ids(found: Iterable[IncomingRecord]) -> list[str]:
    return [dict(record.headers)["ce_id"].decode() for record in found]


def assert_copies_are_marked(found: Sequence[IncomingRecord]) -> None:
    """All copies of a record but one say that they may be duplicates."""
    unmarked = ids(record for record in found if ("ce_replayed", b"true") not in record.headers)
    assert len(unmarked) == len(set(unmarked))


async def test_without_a_broker_it_boots_and_takes_requests_that_are_sent_later(
    embedded: str,
) -> None:
    topic = topic_name("cards")
    async with Origin(reply(b"paid")) as origin, TcpProxy() as proxy:
        text = routes_text(
            http_service("edu.payment", origin.url),
            accepting(topic),
            replying(f"{topic}.pension"),
        )
        async with running_gateway(text, kafka=proxy.address) as running:
            assert (await post(running, "/s/edu.payment")).body == b"paid"
            cards = [await post(running) for _ in range(5)]
            asked = await post(running, "/s/edu.pension?subject=1")
            readiness = await ask(running.ops_port, "/readyz")
            samples = await scrape(running.ops_port)
            await proxy.open(embedded)
            await until_ready(running.ops_port)
            await until_drained(running)
            found = await records(embedded, topic)
            cases = [(await case_of(running, answer)).json() for answer in cards]
            now = await post(running)
    for answer in (*cards, asked):
        assert (answer.status, answer.json()["durability"]) == (202, "local")
    assert readiness.status == 503
    assert samples.only("gateway_spool_records") == 6
    assert samples.only("gateway_kafka_connected") == 0
    assert ids(found) == [answer.json()["id"] for answer in cards]
    assert not any("ce_replayed" in dict(record.headers) for record in found)
    for case, record in zip(cases, found, strict=True):
        assert (case["state"], case["durability"]) == ("published", "kafka")
        assert (case["partition"], case["offset"]) == (record.partition, record.offset)
        assert case["possible_duplicate"] is False
        assert [step["state"] for step in case["history"]] == ["received", "spooled", "published"]
    assert now.json()["durability"] == "kafka"


async def test_a_broker_that_is_killed_costs_no_request_and_another_one_is_found() -> None:
    async with Origin(reply(b"paid")) as origin, TcpProxy() as proxy:
        topic = topic_name("cards")
        text = routes_text(
            http_service("edu.payment", origin.url),
            accepting(topic),
            replying(f"{topic}.pension"),
        )
        async with EmbeddedBroker() as first:
            await partitions(first.bootstrap, f"{topic}.pension.replies")
            await proxy.open(first.bootstrap)
            async with running_gateway(text, kafka=proxy.address) as running:
                await until_ready(running.ops_port)
                await until_scraped(
                    running.ops_port, lambda s: s.only("gateway_kafka_connected") == 1
                )
                assert (await post(running)).json()["durability"] == "kafka"
                await first.kill()
                await proxy.close()
                away = [await post(running) for _ in range(5)]
                assert (await post(running, "/s/edu.payment")).body == b"paid"
                await until_scraped(
                    running.ops_port, lambda s: s.only("gateway_kafka_connected") == 0
                )
                readiness = await ask(running.ops_port, "/readyz")
                async with EmbeddedBroker() as second:
                    await proxy.open(second.bootstrap)
                    await until_drained(running)
                    found = await records(second.bootstrap, topic)
                    samples = await scrape(running.ops_port)
    assert readiness.status == 200, "nothing is lost, so no instance is taken out of service"
    for answer in away:
        assert (answer.status, answer.json()["durability"]) == (202, "local")
    assert_copies_are_marked(found)
    seen = list(dict.fromkeys(ids(found)))
    assert seen == [answer.json()["id"] for answer in away]
    assert samples.causes(service="edu.card") == {"none": 6}


async def test_what_the_disk_holds_outlives_the_gateway(embedded: str, tmp_path: Path) -> None:
    topic = topic_name("cards")
    text = routes_text(accepting(topic))
    async with TcpProxy() as proxy:
        async with running_gateway(text, kafka=proxy.address, data=tmp_path / "data") as running:
            answer = await post(running)
        await proxy.open(embedded)
        async with running_gateway(text, kafka=proxy.address, data=tmp_path / "data") as running:
            await until_scraped(
                running.ops_port,
                lambda s: s.total("gateway_spool_drained_total", result="published") == 1,
            )
            case = (await case_of(running, answer)).json()
        found = await records(embedded, topic)
    assert ids(found) == [answer.json()["id"]]
    assert (case["state"], case["offset"]) == ("published", found[0].offset)


async def test_while_the_disk_cannot_be_written_nothing_is_taken_that_could_be_lost() -> None:
    async with TcpProxy() as proxy:
        text = routes_text(accepting(topic_name("cards")))
        async with running_gateway(text, kafka=proxy.address) as running:
            (spool,) = (running.data / "spool").glob("*.db")
            with closing(sqlite3.connect(spool, timeout=5)) as other:
                other.execute("BEGIN EXCLUSIVE")
                refused = await post(running)
                readiness = (await ask(running.ops_port, "/readyz")).json()
    assert (refused.status, refused.json()["cause"]) == (503, "spool_failed")
    assert refused.json()["side"] == "gateway"
    checks = {check["name"]: check["ok"] for check in readiness["checks"]}
    assert checks["spool"] is False


# --- the case store away -------------------------------------------------------------------------


async def test_while_cases_cannot_be_written_no_receipt_is_given(bootstrap: str) -> None:
    card = accepting(topic_name("cards")).replace("10s", "3s")
    async with pension(bootstrap, silence, "1s", card) as (running, _):
        with closing(sqlite3.connect(running.data / "cases.db", timeout=5)) as other:
            other.execute("BEGIN EXCLUSIVE")
            async with asyncio.TaskGroup() as group:
                late = group.create_task(post(running, "/s/edu.pension?subject=1"))
                taken = group.create_task(post(running))
            refused = await post(running)
            readiness = await ask(running.ops_port, "/readyz")
        mended = await until_taken(running)
    for answer in (late.result(), taken.result(), refused):
        assert (answer.status, answer.json()["cause"]) == (503, "cases_unreachable")
    assert readiness.status == 503
    assert mended.json()["durability"] == "kafka"


async def until_taken(running: RunningGateway) -> Response:
    async with asyncio.timeout(20):
        while (answer := await post(running)).status != 202:
            assert answer.json()["cause"] == "cases_unreachable"
    return answer
