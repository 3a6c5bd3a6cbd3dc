"""`--routes` means the same for every command: the flag, then the variable, then routes.yaml."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gateway.cli.routes_option import routes_option


@click.command()
@routes_option
def shown(routes: Path) -> None:
    """Print what was understood."""
    assert isinstance(routes, Path)
    click.echo(routes)


@pytest.mark.parametrize(
    ("arguments", "environ", "routes"),
    [
        ([], {}, "routes.yaml"),
        ([], {"GATEWAY_ROUTES": "of-the-variable.yaml"}, "of-the-variable.yaml"),
        (["--routes", "a.yaml"], {"GATEWAY_ROUTES": "of-the-variable.yaml"}, "a.yaml"),
    ],
)
def test_the_flag_wins_over_the_variable(
    arguments: list[str], environ: dict[str, str], routes: str
) -> None:
    env = {"GATEWAY_ROUTES": None, **environ}
    assert CliRunner().invoke(shown, arguments, env=env).output == f"{routes}\n"
