"""`python -m tests.bench`: our gateway beside Envoy, Traefik, Caddy and nginx in one run."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from tests.bench.contenders import CONTENDERS, compiled, start_origin
from tests.bench.load import require_wrk
from tests.bench.machine import describe, split_cores
from tests.bench.results import keep
from tests.bench.rounds import Plan, compare
from tests.bench.table import as_json, comparison_table

if TYPE_CHECKING:
    from tests.bench.contenders import Contender

NAMES: Final = [contender.name for contender in CONTENDERS]


@click.command()
@click.option("--seconds", default=5, show_default=True, help="Length of each phase.")
@click.option("--rounds", default=5, show_default=True, help="Times that each one is measured.")
@click.option("--connections", default=32, show_default=True, help="Kept-alive connections.")
@click.option("--only", default=",".join(NAMES), help="Names, separated by commas.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Raw numbers to here.")
@click.option(
    "--compiled/--pure-only",
    "with_compiled",
    default=True,
    show_default=True,
    help="Ours once more, compiled to C (a minute; not with --quick).",
)
@click.option("--quick", is_flag=True, help="One round of one second: shows that it runs.")
def main(
    *,
    seconds: int,
    rounds: int,
    connections: int,
    only: str,
    json_file: Path | None,
    with_compiled: bool,
    quick: bool,
) -> None:
    """Measure CPU a request, beside others, interleaved, and print a table."""
    contenders = _chosen(only)
    require_wrk()
    cores = split_cores()
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as place:
        seconds, rounds = (1, 1) if quick else (seconds, rounds)
        plan = Plan(seconds, rounds, connections, cores, Path(place))
        if with_compiled and not quick:
            contenders.insert(0, compiled(plan.folder / "compiled"))
        _run(contenders, plan, json_file)


def _chosen(only: str) -> list[Contender]:
    wanted = only.split(",")
    unknown = [name for name in wanted if name not in NAMES]
    if unknown:
        raise click.UsageError(f"unknown: {', '.join(unknown)}; there are {', '.join(NAMES)}")
    return [contender for contender in CONTENDERS if contender.name in wanted]


def _run(contenders: list[Contender], plan: Plan, json_file: Path | None) -> None:
    origin, port = start_origin(plan.folder, plan.cores.load)
    with origin:
        comparison = compare(contenders, plan, port, lambda line: click.echo(line, err=True))
    machine = describe()
    table = comparison_table(comparison, contenders, plan, machine)
    click.echo(table)
    keep("comparison", table)
    if json_file:
        json_file.write_text(json.dumps(as_json(comparison, plan, machine), indent=1) + "\n")
    if not all(comparison.of(contender.name) for contender in contenders):
        raise click.ClickException("not every contender has a run that counts; see the table")


if __name__ == "__main__":
    main()
