"""The joined gateway: it starts whole or not at all, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from gateway.errors import StartError
from gateway.routing.model import SecretKind, SecretRef
from gateway.serve import Gateway, run
from gateway.settings import Address, Settings
from tests.doubles.caller import Caller, request
from tests.doubles.gateway import (
    ENVIRON,
    FREE,
    WITH_KEY,
    http_service,
    replace_file,
    routes_text,
    running_gateway,
)
from tests.doubles.origin import Origin, reply, stall
from tests.whole.scraping import ask, scrape, until_scraped

if TYPE_CHECKING:
    from pathlib import Path

TEXT = routes_text(http_service("edu.payment", "http://127.0.0.1:1"))


def settings(folder: Path, listen: Address = FREE, ops: Address = FREE) -> Settings:
    return Settings(replace_file(folder / "routes.yaml", TEXT), listen, ops, environ=ENVIRON)


@pytest.mark.parametrize("door", ["listen", "ops"])
async def test_a_port_in_use_lets_nothing_start_and_the_other_port_is_free_again(
    tmp_path: Path, door: str
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        other = Address("127.0.0.1", probe.getsockname()[1])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        used = Address("127.0.0.1", taken.getsockname()[1])
        listen, ops = (used, other) if door == "listen" else (other, used)
        gateway = Gateway(settings(tmp_path, listen, ops))
        with pytest.raises(StartError, match=f"{used.port}.*--{door}"):
            await gateway.start()
        await gateway.drain_and_close()
    with socket.create_server(other):
        pass


async def test_it_can_be_closed_before_it_was_started(tmp_path: Path) -> None:
    gateway = Gateway(settings(tmp_path))
    gateway.reload()
    assert gateway.entry_address.port == gateway.ops_address.port == 0
    assert gateway.routes() == {}
    await gateway.drain_and_close()


async def test_run_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    stop = asyncio.Event()
    started: asyncio.Future[Gateway] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        group.create_task(run(settings(tmp_path), ready=started.set_result, stop=stop))
        gateway = await started
        entry, ops = gateway.entry_address.port, gateway.ops_address.port
        assert (await ask(ops, "/readyz")).status == 200
        stop.set()
    for port in (entry, ops):
        with pytest.raises(ConnectionRefusedError):
            await Caller(port).__aenter__()


async def test_a_run_that_is_cancelled_ends_clean(tmp_path: Path) -> None:
    started: asyncio.Future[Gateway] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(run(settings(tmp_path), ready=started.set_result))
    port = (await started).ops_address.port
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(ConnectionRefusedError):
        await Caller(port).__aenter__()


async def test_draining_ends_what_is_in_flight_when_the_time_is_over() -> None:
    async with Origin(stall) as origin:
        text = routes_text(http_service("edu.payment", origin.url))
        async with running_gateway(text, drain_time=0.1) as running:
            caller = Caller(running.entry_port)
            async with caller:
                await caller.send(request("GET", "/s/edu.payment", WITH_KEY))
                await origin.until(lambda o: o.requests != [])
                await running.gateway.drain_and_close()
                assert await caller.closed() == b""
        await origin.until(lambda o: o.open == 0)


async def test_connections_to_departments_are_closed_at_the_end() -> None:
    async with Origin() as origin:
        text = routes_text(http_service("edu.payment", origin.url, http_idle="1m"))
        async with running_gateway(text) as running, Caller(running.entry_port) as caller:
            await caller.ask("GET", "/s/edu.payment", WITH_KEY)
            assert origin.open == 1
        await origin.until(lambda o: o.open == 0)


async def test_a_service_over_kafka_is_refused_without_kafka_and_the_rest_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kafka = """
    edu.card:
      title: 补卡
      department: hrss
      kafka: {topic: cards, mode: reply, reply_topic: cards.replies}
    """
    async with Origin(reply(b"paid")) as origin:
        text = routes_text(http_service("edu.payment", origin.url), kafka)
        async with running_gateway(text) as running:
            async with Caller(running.entry_port) as caller:
                refused = await caller.ask("POST", "/s/edu.card", WITH_KEY, b"{}")
                paid = await caller.ask("GET", "/s/edu.payment", WITH_KEY)
            readiness = (await ask(running.ops_port, "/readyz")).json()
    assert (refused.status, refused.json()["cause"]) == (503, "broker_unreachable")
    assert "--kafka" in refused.json()["detail"]
    assert paid.body == b"paid"
    checks = {check["name"]: check for check in readiness["checks"]}
    assert set(checks) == {"routes", "serving", "replies", "cases"}
    assert (checks["replies"]["ok"], readiness["ready"]) == (False, False)
    assert "--kafka" in checks["replies"]["reason"]
    (warning,) = (record for record in caplog.records if "--kafka" in record.message)
    assert vars(warning)["fields"] == {"services": ["edu.card"]}


async def test_connections_of_callers_are_counted_up_and_down() -> None:
    async with running_gateway(TEXT) as running:
        async with Caller(running.entry_port) as caller:
            await caller.ask("GET", "/s/edu.payment", WITH_KEY)
            during = await scrape(running.ops_port)
        await until_scraped(
            running.ops_port, lambda samples: samples.only("gateway_caller_connections") == 0
        )
    assert during.only("gateway_caller_connections") == 1


async def test_one_caller_too_many_is_told_so() -> None:
    async with (
        running_gateway(TEXT, max_connections=1) as running,
        Caller(running.entry_port) as first,
    ):
        await first.ask("GET", "/s/edu.payment", WITH_KEY)
        async with Caller(running.entry_port) as second:
            refused = await second.receive()
        assert (refused.status, refused.json()["cause"]) == (503, "connection_limit")
        samples = await scrape(running.ops_port)
    assert samples.causes(service="-", channel="-") == {"connection_limit": 1}


async def test_secrets_that_are_given_are_not_looked_up() -> None:
    text = TEXT.replace("env:APP_KEY", "file:/nowhere/app")
    given = {SecretRef(SecretKind.FILE, "/nowhere/app"): "given-key-of-a-test"}
    with_key = {"X-Api-Key": "given-key-of-a-test"}
    async with (
        running_gateway(text, secrets=given) as running,
        Caller(running.entry_port) as caller,
    ):
        answer = await caller.ask("GET", "/s/edu.payment", with_key)
    assert answer.json()["cause"] == "connection_refused"
