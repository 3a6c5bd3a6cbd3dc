"""Brokers away: HTTP goes on, nobody gets a false receipt, and it mends by itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gateway.demo.broker import EmbeddedBroker
from tests.doubles.caller import Caller
from tests.doubles.gateway import WITH_KEY, http_service, routes_text, running_gateway
from tests.doubles.kafka_topic import records, topic_name
from tests.doubles.origin import Origin, reply
from tests.doubles.tcp_proxy import TcpProxy
from tests.whole.scraping import ask, scrape, until_ready, until_scraped
from tests.whole.test_kafka import accepting, replying

if TYPE_CHECKING:
    from tests.doubles.caller import Response
    from tests.doubles.gateway import RunningGateway

LIMIT = "2s"
REFUSALS = {(503, "broker_unreachable"), (504, "broker_timeout")}


async def post(running: RunningGateway, target: str) -> Response:
    async with Caller(running.entry_port) as caller:
        return await caller.ask("POST", target, {**WITH_KEY, "X-Subject": "MADE-UP-0001"}, b"{}")


def outcome(answer: Response) -> tuple[int, str]:
    if answer.status == 202:
        return (202, "none")
    assert answer.json()["side"] == "broker"
    return answer.status, answer.json()["cause"]


async def until_accepted(running: RunningGateway) -> set[tuple[int, str]]:
    """Ask until a receipt comes; return the outcomes before it."""
    before = set()
    async with asyncio.timeout(40):
        while (seen := outcome(await post(running, "/s/edu.card")))[0] != 202:
            before.add(seen)
    return before


async def test_without_a_broker_it_boots_and_serves_http(embedded: str) -> None:
    async with Origin(reply(b"paid")) as origin, TcpProxy() as proxy:
        topic = topic_name("pension")
        text = routes_text(
            http_service("edu.payment", origin.url), accepting(topic_name("cards")), replying(topic)
        )
        async with running_gateway(text, kafka=proxy.address) as running:
            assert (await post(running, "/s/edu.payment")).body == b"paid"
            card = await post(running, "/s/edu.card")
            pension = await post(running, "/s/edu.pension?subject=1")
            readiness = await ask(running.ops_port, "/readyz")
            samples = await scrape(running.ops_port)
            await proxy.open(embedded)
            await until_ready(running.ops_port)
            await until_accepted(running)
    assert outcome(card) == (503, "broker_unreachable")
    assert outcome(pension) == (503, "replies_not_ready")
    assert card.value("retry-after") is not None
    assert readiness.status == 503
    assert f"{topic}.replies" in readiness.body.decode()
    assert samples.only("gateway_kafka_connected") == 0
    assert samples.only("gateway_kafka_replies_positioned", topic=f"{topic}.replies") == 0


async def test_a_broker_that_is_killed_costs_no_false_receipt_and_another_one_is_found() -> None:
    async with Origin(reply(b"paid")) as origin, TcpProxy() as proxy:
        topic = topic_name("cards")
        card = accepting(topic).replace("10s", LIMIT)
        text = routes_text(http_service("edu.payment", origin.url), card)
        async with EmbeddedBroker() as first:
            await proxy.open(first.bootstrap)
            async with running_gateway(text, kafka=proxy.address) as running:
                await until_accepted(running)
                await first.kill()
                await proxy.close()
                refused = {outcome(await post(running, "/s/edu.card")) for _ in range(3)}
                assert (await post(running, "/s/edu.payment")).body == b"paid"
                await until_scraped(
                    running.ops_port, lambda s: s.only("gateway_kafka_connected") == 0
                )
                assert outcome(await post(running, "/s/edu.card")) == (503, "broker_unreachable")
                async with EmbeddedBroker() as second:
                    await proxy.open(second.bootstrap)
                    refused |= await until_accepted(running)
                    found = await records(second.bootstrap, topic)
                    samples = await scrape(running.ops_port)
    assert refused <= REFUSALS
    assert len(found) == 1
    assert samples.causes(service="edu.card")["none"] == 2
    assert samples.total("gateway_kafka_producer_restarts_total") >= 1
