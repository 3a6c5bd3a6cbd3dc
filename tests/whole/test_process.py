"""The process: first line, signals, drain, exit status."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING

import pytest

from tests.doubles.caller import BrokenOffError, Caller, request
from tests.doubles.gateway import WITH_KEY, http_service, replace_file, routes_text
from tests.doubles.origin import Origin, body, reply, response, script, send, stall, wait
from tests.whole.process import gateway_process, run_to_its_end
from tests.whole.scraping import ask, scrape, until_ready, until_scraped

if TYPE_CHECKING:
    from pathlib import Path


def routes_file(folder: Path, origin: Origin) -> str:
    text = routes_text(http_service("edu.payment", origin.url))
    return str(replace_file(folder / "routes.yaml", text))


async def test_port_0_takes_free_ports_and_the_first_line_has_them(tmp_path: Path) -> None:
    async with Origin(reply(b"paid")) as origin:
        file = routes_file(tmp_path, origin)
        async with gateway_process("--routes", file) as running:
            entry, ops = await running.addresses()
            assert entry not in (0, ops)
            async with Caller(entry) as caller:
                answer = await caller.ask("GET", "/s/edu.payment", WITH_KEY)
            assert (await ask(ops, "/livez")).status == 200
            running.signal(signal.SIGTERM)
            assert await running.ended() == 0
    assert answer.body == b"paid"
    assert json.loads(running.err[0])["routes"] == file


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_lets_a_slow_request_finish_and_its_line_is_written(
    tmp_path: Path, number: int
) -> None:
    go = asyncio.Event()
    slow = script(body, wait(go), send(response(b"late")))
    async with Origin(slow) as origin:
        file = routes_file(tmp_path, origin)
        async with gateway_process("--routes", file) as running:
            entry, ops = await running.addresses()
            async with Caller(entry) as caller:
                await caller.send(request("GET", "/s/edu.payment", WITH_KEY))
                await origin.until(lambda o: o.requests != [])
                running.signal(number)
                readiness = await until_ready(ops, ready=False)
                assert (readiness.status, readiness.json()["ready"]) == (503, False)
                assert "draining" in readiness.body.decode()
                with pytest.raises(ConnectionRefusedError):
                    await Caller(entry).__aenter__()
                go.set()
                answer = await caller.receive()
            assert await running.ended() == 0
    assert (answer.body, answer.value("connection")) == (b"late", "close")
    assert [json.loads(line)["cause"] for line in running.out] == ["none"]
    last = json.loads(running.err[-1])
    assert (last["message"], last["requests_cut_off"]) == ("stopped", 0)


async def test_what_is_in_flight_when_the_drain_time_is_over_is_cut_off_and_counted(
    tmp_path: Path,
) -> None:
    async with Origin(stall) as origin:
        file = routes_file(tmp_path, origin)
        async with gateway_process("--routes", file, "--drain-time", "0.2") as running:
            entry, _ = await running.addresses()
            async with Caller(entry) as caller:
                await caller.send(request("GET", "/s/edu.payment", WITH_KEY))
                await origin.until(lambda o: o.requests != [])
                running.signal(signal.SIGTERM)
                with pytest.raises(BrokenOffError):
                    await caller.receive()
            assert await running.ended() == 0
    assert json.loads(running.err[-1])["requests_cut_off"] == 1
    (line,) = map(json.loads, running.out)
    assert (line["cause"], line["side"], line["service"]) == ("draining", "gateway", "edu.payment")


async def test_a_connection_at_rest_is_closed_when_the_gateway_stops(tmp_path: Path) -> None:
    async with (
        Origin() as origin,
        gateway_process("--routes", routes_file(tmp_path, origin)) as running,
    ):
        entry, _ = await running.addresses()
        async with Caller(entry) as caller:
            await caller.ask("GET", "/s/edu.payment", WITH_KEY)
            running.signal(signal.SIGTERM)
            assert await caller.closed() == b""
        assert await running.ended() == 0


async def test_sighup_reads_the_file_at_once_and_says_so(tmp_path: Path) -> None:
    async with Origin() as origin:
        file = routes_file(tmp_path, origin)
        async with gateway_process("--routes", file) as running:
            _, ops = await running.addresses()
            running.signal(signal.SIGHUP)
            await until_scraped(
                ops, lambda s: s.total("gateway_routes_reloads_total", result="unchanged") == 1
            )
            running.signal(signal.SIGTERM)
            assert await running.ended() == 0


async def test_a_second_instance_on_the_same_port_is_told_so(tmp_path: Path) -> None:
    async with Origin() as origin:
        file = routes_file(tmp_path, origin)
        async with gateway_process("--routes", file) as first:
            entry, ops = await first.addresses()
            for option, port in (("--listen", entry), ("--ops", ops)):
                taken = (option, f"127.0.0.1:{port}")
                status, second = await run_to_its_end("--routes", file, *taken)
                assert (status, len(second.err)) == (1, 1), second.err
                line = json.loads(second.err[0])
                assert line["level"] == "critical"
                assert option in line["message"]
                assert str(port) in line["message"]
            assert (await scrape(ops)).only("gateway_build_info") == 1
