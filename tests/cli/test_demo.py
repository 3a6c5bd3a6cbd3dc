"""The command line of the demo; what it starts is tested with `gateway.demo.run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from gateway.cli.demo import demo

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("option", ["--listen", "--ops"])
def test_a_wrong_address_is_named(option: str) -> None:
    result = CliRunner().invoke(demo, [option, "nonsense"])
    assert result.exit_code == 1
    assert f"{option}: 'nonsense' is not an address" in result.output


@pytest.mark.parametrize("arguments", [["--nonsense"], ["--seconds", "-1"], ["--seconds", "nan"]])
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    result = CliRunner().invoke(demo, arguments)
    assert result.exit_code == 2
    assert arguments[0] in result.output


def test_a_routes_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing.yaml"
    result = CliRunner().invoke(demo, ["--routes", str(missing)])
    assert result.exit_code == 1
    assert "missing.yaml" in result.output


def test_a_routes_file_with_problems_is_refused_with_their_places(tmp_path: Path) -> None:
    broken = tmp_path / "routes.yaml"
    broken.write_text("version: 2\n")
    result = CliRunner().invoke(demo, ["--routes", str(broken)])
    assert result.exit_code == 1
    assert "routes.yaml:1:10: " in result.output
    assert "gateway check" in result.output
