"""The scrape of a gateway that has seen every outcome, as Prometheus' own tool judges it."""

from __future__ import annotations

import asyncio
import shutil
import subprocess

import pytest

from tests.doubles.caller import Caller
from tests.whole.scraping import scrape, until_scraped
from tests.whole.test_accounts import every_department, send_all

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


async def checked(text: str) -> tuple[int, str]:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("tool missing: promtool (Debian's package prometheus)")
    done = await asyncio.to_thread(
        subprocess.run,
        [promtool, "check", "metrics"],
        input=text.encode(),
        capture_output=True,
        check=False,
        timeout=30,
    )
    return done.returncode, (done.stdout + done.stderr).decode()


async def test_promtool_accepts_our_series_after_every_outcome() -> None:
    async with every_department() as running:
        await send_all(running)
        samples = await scrape(running.ops_port)
    assert samples.text.count("\ngateway_") > 100
    assert await checked(samples.text) == (0, "")


async def test_openmetrics_is_given_to_whom_asks_for_it() -> None:
    async with every_department() as running, Caller(running.ops_port) as ops:
        answer = await ops.ask("GET", "/metrics", {"Accept": OPENMETRICS})
    assert (answer.value("content-type") or "").startswith("application/openmetrics-text")
    assert answer.body.endswith(b"# EOF\n")


async def test_no_counter_goes_back_or_away_while_a_gateway_lives() -> None:
    async with every_department() as running:
        await send_all(running)
        before = await scrape(running.ops_port)
        text = running.routes.read_text("utf-8")
        running.routes.write_text(text.replace("edu.failing", "edu.renamed"), "utf-8")
        running.gateway.reload()
        await until_scraped(
            running.ops_port, lambda s: s.total("gateway_routes_reloads_total") == 1
        )
        await send_all(running)
        after = await scrape(running.ops_port)
    counted = before.counters()
    assert len(counted) > 100
    assert [key for key, value in counted.items() if after.counters().get(key, -1) < value] == []
