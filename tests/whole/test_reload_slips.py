"""Mistakes in a new version of the file: whom they stop, and where they are seen."""

from __future__ import annotations

import json
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.doubles.caller import Caller
from tests.doubles.gateway import (
    ENVIRON,
    WITH_KEY,
    http_service,
    replace_file,
    routes_text,
    running_gateway,
)
from tests.doubles.origin import Origin
from tests.whole.scraping import routes_report, scrape, until_reported

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.doubles.gateway import RunningGateway
    from tests.whole.scraping import Samples

REFUSED = "gateway_routes_refused"
RELOADS = "gateway_routes_reloads_total"


@asynccontextmanager
async def gateway_with(*services: str, **changes: Any) -> AsyncIterator[RunningGateway]:
    async with running_gateway(routes_text(*services), **changes) as running:
        yield running


async def reload(running: RunningGateway, text: str, result: str) -> dict[str, Any]:
    """Put the text in place, wait until it was read with this result; return what is reported."""
    before = (await routes_report(running.ops_port))["last_reload"]["at"]
    replace_file(running.routes, text)
    report = await until_reported(
        running.ops_port, lambda report: report["last_reload"]["at"] != before
    )
    assert report["last_reload"]["result"] == result
    return report


async def status_of(running: RunningGateway, service: str) -> int:
    async with Caller(running.entry_port) as caller:
        answer = await caller.ask("GET", f"/s/{service}", WITH_KEY)
    return answer.status


def reload_counts(samples: Samples) -> dict[str, float]:
    results = ("applied", "partial", "refused", "unchanged")
    counts = {result: samples.total(RELOADS, result=result) for result in results}
    return {result: count for result, count in counts.items() if count}


async def test_a_slip_in_one_service_keeps_its_last_good_version_and_applies_the_rest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "gateway.routes")
    async with Origin() as origin:
        pay, school = (http_service(f"edu.{name}", origin.url) for name in ("pay", "school"))
        async with gateway_with(pay, school) as running:
            slip = http_service("edu.pay", origin.url, timeout="3 s", http_path="/new")
            mended_school = http_service("edu.school", origin.url, http_path="/new")
            added = http_service("edu.added", origin.url)
            report = await reload(running, routes_text(slip, mended_school, added), "partial")
            for service in ("edu.pay", "edu.school", "edu.added"):
                assert await status_of(running, service) == 200
            samples = await scrape(running.ops_port)
    assert [received.target for received in origin.requests] == ["/", "/new", "/"]
    assert samples.values_of(REFUSED, "service") == {"edu.pay"}
    assert reload_counts(samples) == {"partial": 1}
    refused = report["refused"]["edu.pay"]
    assert refused["running"] == "last good version"
    (problem,) = refused["problems"]
    assert problem["path"] == 'services["edu.pay"].timeout'
    assert (problem["found"], problem["line"] > 1) == ("3 s", True)
    logged = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage().split("[")[1].split("]")[0] for record in logged] == [
        problem["code"]
    ]
    (applied,) = [record for record in caplog.records if record.message == "routes reloaded"]
    fields = applied.__dict__["fields"]
    assert (fields["added"], fields["changed"], fields["refused"]) == (
        ["edu.added"],
        ["edu.school"],
        ["edu.pay"],
    )


async def test_a_new_service_with_a_slip_stays_absent() -> None:
    async with Origin() as origin:
        pay = http_service("edu.pay", origin.url)
        async with gateway_with(pay) as running:
            broken = http_service("edu.new", "127.0.0.1:9101")
            report = await reload(running, routes_text(pay, broken), "partial")
            assert await status_of(running, "edu.new") == 404
            assert await status_of(running, "edu.pay") == 200
            samples = await scrape(running.ops_port)
    assert report["refused"]["edu.new"]["running"] == "nothing"
    assert samples.values_of(REFUSED, "service") == {"edu.new"}


async def test_a_mended_service_is_clear_everywhere() -> None:
    async with Origin() as origin:
        pay = http_service("edu.pay", origin.url)
        async with gateway_with(pay) as running:
            slip = http_service("edu.pay", origin.url, timeout="3 s")
            await reload(running, routes_text(slip), "partial")
            mended = http_service("edu.pay", origin.url, timeout="3s")
            report = await reload(running, routes_text(mended), "applied")
            samples = await scrape(running.ops_port)
    assert (report["refused"], report["rejected"]) == ({}, [])
    assert samples.values_of(REFUSED, "service") == set()


async def test_the_old_file_back_in_place_is_clear_everywhere() -> None:
    async with Origin() as origin:
        pay = routes_text(http_service("edu.pay", origin.url))
        async with running_gateway(pay) as running:
            await reload(running, pay + "nonsense: true\n", "refused")
            report = await reload(running, pay, "unchanged")
            samples = await scrape(running.ops_port)
    assert (report["refused"], report["rejected"]) == ({}, [])
    assert samples.values_of(REFUSED, "service") == set()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version: 1", "version: 2"),
        ("channels:", "chanels:"),
        ('"0510-00000000"', "[0510"),
        ("rate: 10000/s", "rate: 10000/w"),
        ("services:", "services: ["),
    ],
)
async def test_a_slip_outside_services_changes_nothing(old: str, new: str) -> None:
    async with Origin() as origin:
        pay = http_service("edu.pay", origin.url)
        async with gateway_with(pay) as running:
            digest = (await routes_report(running.ops_port))["digest"]
            text = routes_text(pay, http_service("edu.new", origin.url)).replace(old, new, 1)
            report = await reload(running, text, "refused")
            assert await status_of(running, "edu.new") == 404
            assert await status_of(running, "edu.pay") == 200
            samples = await scrape(running.ops_port)
            readiness = await ready(running)
    assert report["rejected"]
    assert report["digest"] == digest != report["rejected_digest"] is not None
    assert samples.values_of(REFUSED, "service") == {"-"}
    assert samples.values_of("gateway_routes_info", "digest") == {digest}
    assert readiness["ready"] is True
    assert digest[:12] in json.dumps(readiness)


async def ready(running: RunningGateway) -> dict[str, Any]:
    async with Caller(running.ops_port) as ops:
        found: dict[str, Any] = (await ops.ask("GET", "/readyz")).json()
        return found


async def test_a_refused_file_leaves_the_refused_services_of_the_one_before_in_view() -> None:
    async with Origin() as origin:
        pay = http_service("edu.pay", origin.url)
        async with gateway_with(pay) as running:
            slip = routes_text(http_service("edu.pay", origin.url, timeout="3 s"))
            await reload(running, slip, "partial")
            report = await reload(running, slip.replace("version: 1", "version: 2"), "refused")
            samples = await scrape(running.ops_port)
    assert list(report["refused"]) == ["edu.pay"]
    assert report["rejected"]
    assert samples.values_of(REFUSED, "service") == {"-", "edu.pay"}


async def test_a_key_that_is_absent_refuses_the_file_and_the_old_keys_go_on(
    tmp_path: Path,
) -> None:
    async with Origin() as origin:
        text = routes_text(http_service("edu.pay", origin.url))
        async with running_gateway(text) as running:
            for reference in ("env:ABSENT", f"file:{tmp_path}/absent"):
                report = await reload(running, text.replace("env:APP_KEY", reference), "refused")
                (problem,) = report["rejected"]
                assert (problem["code"], problem["found"]) == ("secret_absent", reference)
                assert (problem["line"], problem["path"]) == (6, "channels.app.keys[0]")
                assert await status_of(running, "edu.pay") == 200


async def test_a_key_file_that_comes_later_is_enough(tmp_path: Path) -> None:
    async with Origin() as origin:
        text = routes_text(http_service("edu.pay", origin.url))
        async with running_gateway(text) as running:
            with_file = text.replace("env:APP_KEY", f"file:{tmp_path}/key")
            await reload(running, with_file, "refused")
            replace_file(tmp_path / "key", "made-up-new-key")
            report = await until_reported(running.ops_port, lambda report: report["rejected"] == [])
            assert report["last_reload"]["result"] == "applied"
            async with Caller(running.entry_port) as caller:
                key = {"X-Api-Key": "made-up-new-key"}
                assert (await caller.ask("GET", "/s/edu.pay", key)).status == 200
                assert (await caller.ask("GET", "/s/edu.pay", WITH_KEY)).status == 401


async def test_no_key_is_shown_anywhere(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async with Origin() as origin:
        text = routes_text(http_service("edu.pay", origin.url))
        async with running_gateway(text) as running:
            same = text.replace("env:MEDIA_KEY", "env:APP_KEY")
            report = await reload(running, same, "refused")
            await status_of(running, "edu.pay")
            samples = await scrape(running.ops_port)
    out, err = capfd.readouterr()
    shown = "".join((caplog.text, out, err, samples.text, json.dumps(report)))
    assert [key for key in ENVIRON.values() if key in shown] == []
