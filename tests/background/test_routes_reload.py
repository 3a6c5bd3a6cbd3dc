"""Loading the routes: all or nothing at first, as much as is good later, and the books of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.background.routes_reload import SHOWN
from gateway.errors import StartError
from gateway.routing.sources import UnreadableFileError
from tests.background.reloading import BOTH, ONLY_ONE, ReloadedFile
from tests.doubles.gateway import ENVIRON, http_service, routes_text

if TYPE_CHECKING:
    from pathlib import Path

SLIP = ONLY_ONE.replace("http://127.0.0.1:9101", "127.0.0.1:9101")
WHOLE = ONLY_ONE.replace("version: 1", "version: 2")


@pytest.fixture
async def file(tmp_path: Path) -> ReloadedFile:
    return ReloadedFile(tmp_path / "routes.yaml")


@pytest.mark.parametrize("text", [SLIP, WHOLE, "", "\0", "[" * 1000])
async def test_the_first_load_takes_all_or_nothing(file: ReloadedFile, text: str) -> None:
    with pytest.raises(StartError, match="nothing was started") as caught:
        await file.first(text)
    assert f"{file.path}:" in str(caught.value)
    assert file.taken == []
    with pytest.raises(RuntimeError):
        _ = file.reload.state


async def test_the_first_load_needs_a_file(file: ReloadedFile) -> None:
    with pytest.raises(UnreadableFileError, match="there is no such file"):
        await file.reload.first()


async def test_the_first_load_shows_every_problem_up_to_a_bound(file: ReloadedFile) -> None:
    many = [http_service(f"edu.s{number}", "127.0.0.1:1") for number in range(SHOWN + 5)]
    with pytest.raises(StartError, match="and 5 more") as caught:
        await file.first(routes_text(*many))
    assert str(caught.value).count("[endpoint_without_scheme]") == SHOWN


async def test_a_reload_before_the_first_load_is_a_mistake_of_ours(file: ReloadedFile) -> None:
    with pytest.raises(RuntimeError):
        await file.reload.reload()


@pytest.mark.parametrize(
    ("text", "result"),
    [(BOTH, "applied"), (ONLY_ONE, "unchanged"), (SLIP, "partial"), (WHOLE, "refused")],
)
async def test_each_reading_has_one_result_and_is_counted(
    file: ReloadedFile, text: str, result: str
) -> None:
    await file.first()
    assert await file.again(text) == result
    counted = await file.counted("gateway_routes_reloads_total")
    assert counted == {f"gateway_routes_reloads_total{{result={result}}}": 1}
    assert len(file.taken) == (1 if result in {"unchanged", "refused"} else 2)


async def test_a_refused_service_keeps_what_ran(file: ReloadedFile) -> None:
    await file.first()
    await file.again(SLIP)
    assert file.services == ["edu.one"]
    assert list(file.reload.state.refused) == ["edu.one"]
    assert await file.counted("gateway_routes_refused") == {
        "gateway_routes_refused{service=edu.one}": 1
    }


async def test_a_slip_that_was_seen_is_still_refused_when_it_is_read_again(
    file: ReloadedFile,
) -> None:
    await file.first()
    assert [await file.again(SLIP), await file.again()] == ["partial", "partial"]
    assert list(file.reload.state.refused) == ["edu.one"]


async def test_a_secret_that_was_absent_at_first_lets_the_same_file_in_later(
    tmp_path: Path,
) -> None:
    environ = dict(ENVIRON)
    file = ReloadedFile(tmp_path / "routes.yaml", environ)
    await file.first()
    with_more = BOTH.replace("env:MEDIA_KEY", "env:LATER")
    assert await file.again(with_more) == "refused"
    environ["LATER"] = "made-up-later"
    assert await file.again() == "applied"
    assert file.services == ["edu.one", "edu.two"]
    assert await file.counted("gateway_routes_refused") == {}


async def test_the_same_file_with_another_key_is_a_change(tmp_path: Path) -> None:
    environ = dict(ENVIRON)
    file = ReloadedFile(tmp_path / "routes.yaml", environ)
    await file.first()
    keys = set(file.taken[-1].keys)
    environ["APP_KEY"] = "made-up-other"
    assert await file.again() == "applied"
    assert set(file.taken[-1].keys) != keys


async def test_a_look_changes_with_the_file_and_with_a_key_and_not_otherwise(
    tmp_path: Path,
) -> None:
    environ = dict(ENVIRON)
    file = ReloadedFile(tmp_path / "routes.yaml", environ)
    await file.first()
    assert await file.look() == file.reload.seen
    environ["APP_KEY"] = "made-up-other"
    assert await file.look() != file.reload.seen
    environ["APP_KEY"] = ENVIRON["APP_KEY"]
    file.write(BOTH)
    assert await file.look() != file.reload.seen
    file.write(ONLY_ONE)
    assert await file.look() == file.reload.seen
    assert ENVIRON["APP_KEY"] not in await file.look()


async def test_a_file_that_has_gone_is_refused_and_what_runs_goes_on(file: ReloadedFile) -> None:
    await file.first()
    file.path.unlink()
    assert await file.again() == "refused"
    assert [problem.code for problem in file.reload.state.rejected] == ["unreadable"]
    assert file.services == ["edu.one"]
    assert await file.look() == file.reload.seen


async def test_the_time_of_loading_is_that_of_the_snapshot_that_runs(file: ReloadedFile) -> None:
    await file.first()
    loaded_at = file.reload.state.loaded_at
    for text in (WHOLE, ONLY_ONE):
        await file.again(text)
        assert file.reload.state.loaded_at == loaded_at
        assert file.reload.state.result_at > loaded_at
    await file.again(BOTH)
    assert file.reload.state.loaded_at > loaded_at
