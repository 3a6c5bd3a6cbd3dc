"""How a change of the files is noticed: by content, however it came there; and by SIGHUP."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

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
from tests.whole.scraping import routes_report, scrape, until_reported, until_scraped

if TYPE_CHECKING:
    from pathlib import Path

    from tests.doubles.gateway import RunningGateway

ONE = http_service("edu.one", "http://127.0.0.1:9101")
TWO = http_service("edu.two", "http://127.0.0.1:9101")
ONLY_ONE = routes_text(ONE)
BOTH = routes_text(ONE, TWO)
WITH_INCLUDES = BOTH + "include: [routes.d/*.yaml]\n"


async def until_services(running: RunningGateway, *services: str) -> None:
    """Wait until exactly these run."""
    wanted = set(services)
    await until_reported(
        running.ops_port, lambda report: {s["id"] for s in report["services"]} == wanted
    )


def included_text(service: str) -> str:
    lines = http_service(service, "http://127.0.0.1:9101").split("\n")
    return "services:\n" + "".join(f"  {line}\n" for line in lines)


async def test_a_file_that_is_renamed_over_the_old_one() -> None:
    async with running_gateway(ONLY_ONE) as running:
        replace_file(running.routes, BOTH)
        await until_services(running, "edu.one", "edu.two")


async def test_a_file_that_is_rewritten_in_place_with_its_old_time_and_size() -> None:
    async with running_gateway(ONLY_ONE) as running:
        before = running.routes.stat()
        with running.routes.open("r+", encoding="utf-8") as file:
            file.write(ONLY_ONE.replace("edu.one", "edu.new"))
        os.utime(running.routes, ns=(before.st_atime_ns, before.st_mtime_ns))
        after = running.routes.stat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
        assert after.st_size == before.st_size
        await until_services(running, "edu.new")


async def test_a_config_map_whose_link_is_swapped(tmp_path: Path) -> None:
    for version, text in (("v1", ONLY_ONE), ("v2", BOTH)):
        (tmp_path / version).mkdir()
        (tmp_path / version / "routes.yaml").write_text(text, "utf-8")
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "routes.yaml").symlink_to("..data/routes.yaml")
    async with running_gateway(tmp_path / "routes.yaml") as running:
        await until_services(running, "edu.one")
        (tmp_path / "..new").symlink_to("v2")
        (tmp_path / "..new").replace(tmp_path / "..data")
        await until_services(running, "edu.one", "edu.two")


async def test_included_files_that_come_change_and_go(tmp_path: Path) -> None:
    folder = tmp_path / "routes.d"
    folder.mkdir()
    file = replace_file(tmp_path / "routes.yaml", WITH_INCLUDES)
    async with running_gateway(file) as running:
        await until_services(running, "edu.one", "edu.two")
        replace_file(folder / "three.yaml", included_text("edu.three"))
        await until_services(running, "edu.one", "edu.two", "edu.three")
        replace_file(folder / "three.yaml", included_text("edu.four"))
        await until_services(running, "edu.one", "edu.two", "edu.four")
        (folder / "three.yaml").unlink()
        await until_services(running, "edu.one", "edu.two")


async def test_a_file_that_stays_as_it_is_is_not_read_again() -> None:
    async with running_gateway(ONLY_ONE) as running:
        replace_file(running.routes, ONLY_ONE)
        replace_file(running.routes, BOTH)
        await until_services(running, "edu.one", "edu.two")
        samples = await scrape(running.ops_port)
    assert samples.total("gateway_routes_reloads_total") == 1


async def test_a_reload_that_is_asked_for_reads_an_unchanged_file_and_says_so() -> None:
    async with running_gateway(ONLY_ONE, reload_every=3600.0) as running:
        running.gateway.reload()
        await until_scraped(
            running.ops_port,
            lambda samples: samples.total("gateway_routes_reloads_total", result="unchanged") == 1,
        )
        replace_file(running.routes, BOTH)
        running.gateway.reload()
        await until_services(running, "edu.one", "edu.two")
        report = await routes_report(running.ops_port)
    assert report["last_reload"]["result"] == "applied"


async def test_a_file_that_is_taken_away_changes_nothing_and_is_read_when_it_is_back() -> None:
    async with running_gateway(ONLY_ONE) as running:
        running.routes.unlink()
        report = await until_reported(running.ops_port, lambda report: report["rejected"] != [])
        assert [problem["code"] for problem in report["rejected"]] == ["unreadable"]
        assert [service["id"] for service in report["services"]] == ["edu.one"]
        replace_file(running.routes, ONLY_ONE)
        report = await until_reported(running.ops_port, lambda report: report["rejected"] == [])
        replace_file(running.routes, BOTH)
        await until_services(running, "edu.one", "edu.two")


# --- keys ---------------------------------------------------------------------------------------


async def status(running: RunningGateway, key: str) -> int:
    async with Caller(running.entry_port) as caller:
        return (await caller.ask("GET", "/s/edu.one", {"X-Api-Key": key})).status


@pytest.mark.parametrize("poked", [False, True])
async def test_a_key_file_that_is_replaced_opens_the_door_with_the_new_key(
    tmp_path: Path, *, poked: bool
) -> None:
    async with Origin() as origin:
        replace_file(tmp_path / "key", "made-up-first\n")
        text = routes_text(http_service("edu.one", origin.url))
        text = text.replace("env:APP_KEY", f"file:{tmp_path}/key")
        every = 3600.0 if poked else 0.05
        async with running_gateway(text, reload_every=every) as running:
            assert await status(running, "made-up-first") == 200
            replace_file(tmp_path / "key", "made-up-second\n")
            if poked:
                running.gateway.reload()
            await until_scraped(
                running.ops_port, lambda s: s.total("gateway_routes_reloads_total") == 1
            )
            assert await status(running, "made-up-second") == 200
            assert await status(running, "made-up-first") == 401


async def until_digest_is_not(running: RunningGateway, digest: str) -> None:
    await until_reported(running.ops_port, lambda report: report["digest"] != digest)


async def test_two_keys_live_side_by_side_and_the_old_one_is_taken_away_by_a_reload() -> None:
    environ = {**ENVIRON, "NEXT_KEY": "made-up-next"}
    async with Origin() as origin:
        text = routes_text(http_service("edu.one", origin.url))
        async with running_gateway(text, environ=environ) as running:
            old = WITH_KEY["X-Api-Key"]
            assert [await status(running, key) for key in (old, "made-up-next")] == [200, 401]
            for keys, expected in (
                ("env:APP_KEY, env:NEXT_KEY", [200, 200]),
                ("env:NEXT_KEY", [401, 200]),
            ):
                digest = (await routes_report(running.ops_port))["digest"]
                replace_file(running.routes, text.replace("env:APP_KEY", keys))
                await until_digest_is_not(running, digest)
                assert [await status(running, key) for key in (old, "made-up-next")] == expected
