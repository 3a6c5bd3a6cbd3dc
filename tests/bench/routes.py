"""`python -m tests.bench.routes`: what a request costs with 1, 100 and 10,000 services.

The load goes to at most a hundred of them, spread over the file, in turn: what is asked is the cost
of finding one among many, not that of opening ten thousand connections.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from tests.bench.contenders import start_origin
from tests.bench.load import APP_HEADERS, Load, require_wrk
from tests.bench.machine import describe, split_cores
from tests.bench.ours import many_services, start_ours
from tests.bench.results import OTHERS, keep, markdown, micro, others
from tests.bench.rounds import Measured, Plan, measure
from tests.bench.site import Site

if TYPE_CHECKING:
    from collections.abc import Sequence

COUNTS: Final = (1, 100, 10_000)
ASKED: Final = 100
HEAD: Final = (
    "services",
    "ready after",
    "CPU/request",
    "of one service's",
    "requests/s",
    "RSS",
    OTHERS,
)
HEADERS: Final = {k: v for k, v in APP_HEADERS.items() if k != "X-Service-Id"}


class Sized(NamedTuple):
    """One run: `start` is seconds from the command to readiness."""

    services: int
    start: float
    measured: Measured


@click.command()
@click.option("--seconds", default=5, show_default=True, help="Length of the measured phase.")
@click.option("--rounds", default=3, show_default=True, help="Times that each size is measured.")
@click.option("--connections", default=32, show_default=True, help="Kept-alive connections.")
def main(*, seconds: int, rounds: int, connections: int) -> None:
    """Measure the cost of a request by the number of services, interleaved."""
    require_wrk()
    cores = split_cores()
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as place:
        plan = Plan(seconds, rounds, connections, cores, Path(place))
        origin, port = start_origin(plan.folder, cores.load)
        with origin:
            runs = [_run(count, turn, plan, port) for turn in range(rounds) for count in COUNTS]
    rows = [_row(count, runs) for count in COUNTS]
    table = f"{describe()}\n\n{rounds} rounds of {seconds} s.\n\n{markdown(HEAD, rows)}\n"
    click.echo(table)
    keep("routes", table)


def _run(count: int, turn: int, plan: Plan, origin: int) -> Sized:
    site = Site.make(plan.folder / f"routes-{count}-{turn}", origin)
    routes, paths = many_services(count, site)
    began = time.monotonic()
    with start_ours(routes, site, plan.cores.gateway) as running:
        start = time.monotonic() - began
        load = Load(paths[:: max(1, count // ASKED)], headers=HEADERS, connections=plan.connections)
        measured = measure(running, load, site.port, plan)
    if measured.counted.fault:
        raise click.ClickException(f"{count} services: {measured.counted.fault}")
    return Sized(count, start, measured)


def _row(count: int, runs: Sequence[Sized]) -> list[str]:
    here = [run for run in runs if run.services == count]
    cpu, least = _cpu(here), _cpu([run for run in runs if run.services == COUNTS[0]])
    return [
        f"{count:,}",
        f"{statistics.median(run.start for run in here):.1f} s",
        micro(cpu),
        f"{cpu / least:.2f}",
        f"{statistics.median(run.measured.counted.rate for run in here):,.0f}",
        f"{statistics.median(run.measured.resident for run in here) / (1 << 20):.0f} MiB",
        others(max(run.measured.others for run in here)),
    ]


def _cpu(runs: Sequence[Sized]) -> float:
    return statistics.median(run.measured.cpu for run in runs)


if __name__ == "__main__":
    main()
