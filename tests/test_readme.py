"""The README is kept true: its tables are the code's, its file loads, its options exist."""

from __future__ import annotations

import re
from pathlib import Path

import click

from gateway.cli.serve import serve
from gateway.entry.problem import STATUSES
from gateway.errors import CAUSES
from gateway.routing.loader import load_routes
from gateway.telemetry.metrics import describe

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_the_table_of_metrics_is_the_one_of_the_code() -> None:
    rows = [line for line in README.splitlines() if line.startswith("| `gateway_")]
    assert rows == [
        f"| `{family.name}` | {family.kind}"
        f" | {', '.join(f'`{label}`' for label in family.labels) or '–'} | {family.help} |"
        for family in describe()
    ]


def test_the_table_of_causes_is_the_one_of_the_code() -> None:
    start = README.index("### Causes")
    rows = [line for line in README[start:].splitlines() if line.startswith("| `")]
    assert rows[: len(CAUSES)] == [
        f"| `{cause.code}` | {cause.side.value} | {STATUSES[cause].status}"
        f" | {cause.title.en} | {cause.title.zh} |"
        for cause in CAUSES.values()
    ]


def test_the_integrators_example_is_a_good_file(tmp_path: Path) -> None:
    (example,) = blocks("yaml")
    path = tmp_path / "routes.yaml"
    path.write_text(example, encoding="utf-8")
    loaded = load_routes(path)
    assert loaded.problems == ()
    assert loaded.routes is not None


def test_the_shipped_routes_are_good() -> None:
    assert load_routes(ROOT / "routes.yaml").problems == ()


def test_every_option_of_serve_is_listed_with_its_variable() -> None:
    options = [option for option in serve.params if isinstance(option, click.Option)]
    assert options
    for option in options:
        assert f"| `{option.opts[0]}` | `{option.envvar}` |" in README


def test_the_first_screen_has_the_two_commands() -> None:
    setup = "python3 -m venv .venv && .venv/bin/pip install -e"
    assert blocks("sh")[:2] == [
        f"{setup} '.[demo]' && .venv/bin/gateway demo\n",
        f"{setup} '.[test]' && .venv/bin/pytest\n",
    ]
