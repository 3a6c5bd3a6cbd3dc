"""Delivery over Kafka while no broker answers; with one, `tests/whole` has it."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pytest

from gateway.errors import Fault
from gateway.handling.kafka_delivery import KafkaDelivery
from gateway.handling.request_record import RequestRecord
from gateway.sweep import Sweep
from tests.doubles.gateway import routes_text, running_gateway
from tests.doubles.ports import refusing_port
from tests.handling.snapshots import a_request, snapshot
from tests.whole.departments import accepting, post, replying
from tests.whole.scraping import ask, scrape

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.doubles.gateway import RunningGateway

SUBJECT: Final = {"X-Subject": "MADE-UP-0001"}


@asynccontextmanager
async def without_broker(*services: str) -> AsyncIterator[RunningGateway]:
    """A gateway whose broker refuses connections."""
    with refusing_port() as port:
        address = f"127.0.0.1:{port}"
        async with running_gateway(routes_text(*services), kafka=address) as running:
            yield running


async def test_without_a_broker_address_the_fault_names_the_option_in_both_languages() -> None:
    sweep = Sweep(asyncio.get_running_loop())
    runtime = (await snapshot(routes_text(accepting("cards")))).services["edu.card"]
    delivery = KafkaDelivery(None, sweep, lambda: datetime.now(UTC))
    with pytest.raises(Fault) as caught:
        await delivery.deliver(runtime, a_request("edu.card"), RequestRecord(time.monotonic(), ""))
    fault = caught.value
    assert fault.cause.code == "broker_unreachable"
    assert not fault.may_have_been_sent
    assert fault.detail is not None
    assert "--kafka" in fault.detail.en
    assert "--kafka" in fault.detail.zh


async def test_a_request_is_kept_on_disk_while_the_broker_is_away_and_the_receipt_says_so() -> None:
    async with without_broker(accepting("cards"), replying("pension")) as running:
        card = await post(running, "/s/edu.card", SUBJECT)
        pension = await post(running, "/s/edu.pension?subject=MADE-UP-0001")
        samples = await scrape(running.ops_port)
        readiness = (await ask(running.ops_port, "/readyz")).json()
    for answer in (card, pension):
        receipt = answer.json()
        assert answer.status == 202
        assert (receipt["state"], receipt["durability"]) == ("spooled", "local")
        assert receipt["partition"] is receipt["offset"] is None
    assert samples.only("gateway_spool_records") == 2
    assert samples.total("gateway_spool_spooled_total", reason="away") == 2
    checks = {check["name"]: check["ok"] for check in readiness["checks"]}
    assert checks["spool"] is checks["cases"] is True


async def test_a_request_without_its_key_is_not_kept() -> None:
    async with without_broker(accepting("cards")) as running:
        answer = await post(running, "/s/edu.card")
        samples = await scrape(running.ops_port)
    assert (answer.status, answer.json()["cause"]) == (400, "record_key_missing")
    assert samples.only("gateway_spool_records") == 0
