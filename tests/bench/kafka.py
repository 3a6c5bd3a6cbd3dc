"""`python -m tests.bench.kafka`: what a request costs that goes to a department over Kafka.

Mode `minimal`: a hand-written endpoint without anything (`tests.bench.minimal`). Mode `accept`:
POST in, record acknowledged by all brokers, case stored, receipt back. Mode `journal`: the record
is fsynced first. Mode `reply`: GET in, record out, the department's record back as the answer.
Accept and journal are measured once more with the gateway compiled. Runs against the brokers that
`KAFKA_BOOTSTRAP` names, or a node of the jars in `KAFKA_JARS`, else against the embedded one, which
is in memory and keeps nothing: its figures are those of the gateway, not of a broker.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from gateway.errors import StartError
from tests.bench.brokers import brokers
from tests.bench.load import APP_HEADERS, Load, require_wrk
from tests.bench.machine import describe, split_cores
from tests.bench.ours import CHECKOUT, compile_ours, start_ours
from tests.bench.processes import Launch, Running, free_port
from tests.bench.replying import READY
from tests.bench.results import OTHERS, keep, latency, markdown, micro, others, proportion
from tests.bench.rounds import Cost, Measured, Plan, measure, turn
from tests.bench.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["ACCEPT", "BODY", "HEAD", "Run", "rows"]

HEAD: Final = (
    "mode",
    "connections",
    "CPU/request",
    "CPU / minimal (range)",
    "requests/s",
    "its core used",
    "p50",
    "p99",
    "RSS",
    OTHERS,
)
WAITING: Final = (32, 256)
MINIMAL: Final = "minimal"
BESIDE_MINIMAL: Final = ("accept", "accept, compiled", "journal", "journal, compiled")
"""Modes that do what the minimal endpoint does, and more; a reply is another thing."""

BESIDE: Final = (
    "CPU / minimal: median of the ratios within each round, at the same connections. Minimal has"
    " the same producer settings, body and keys. It has no API key, limit, deadline, case, spool,"
    " metric or log, its records have 2 headers, and nobody can ask for its receipts later. All"
    " take turns on one core; the brokers and wrk share another."
)
"""What the figures compare, said beside them."""

MODES: Final = (MINIMAL, *BESIDE_MINIMAL, "reply")

SUBJECTS: Final = [f"made-up-citizen-{number:04}" for number in range(1000)]
"""Keys of the records: those of one key are in order, so a single one would measure a queue."""

BODY: Final = '{"reason": "lost", "note": "' + "x" * 570 + '"}'
"""600 bytes."""

ACCEPT: Final = Load(
    [f"/s/hrss.card-replacement/applications?subject={subject}" for subject in SUBJECTS],
    method="POST",
    headers=dict(APP_HEADERS)
    | {
        "X-Service-Id": "hrss.card-replacement",
        "Content-Type": "application/json",
    },
    body=BODY,
)
JOURNAL: Final = replace(
    ACCEPT,
    paths=[f"/s/hrss.card-journal/applications?subject={subject}" for subject in SUBJECTS],
    headers=dict(ACCEPT.headers) | {"X-Service-Id": "hrss.card-journal"},
)
REPLY: Final = Load(
    ["/s/hrss.pension-query/accounts?subject=made-up-citizen-0001"],
    headers=dict(APP_HEADERS) | {"X-Service-Id": "hrss.pension-query"},
)


class Run(NamedTuple):
    """One load in one mode in one round."""

    mode: str
    connections: int
    round: int
    measured: Measured


class Subject(NamedTuple):
    """What is measured in one mode: a program, the load and the port for it."""

    mode: str
    program: Running
    load: Load
    port: int


@click.command()
@click.option("--seconds", default=5, show_default=True, help="Length of the measured phase.")
@click.option("--rounds", default=3, show_default=True, help="Times that each load is measured.")
@click.option(
    "--compiled/--pure-only",
    "with_compiled",
    default=True,
    show_default=True,
    help="Accept and journal once more, compiled to C (a minute).",
)
def main(*, seconds: int, rounds: int, with_compiled: bool) -> None:
    """Measure every mode of a service over Kafka beside the least that takes a POST."""
    require_wrk()
    try:
        asyncio.run(_main(seconds, rounds, with_compiled=with_compiled))
    except StartError as problem:
        raise click.ClickException(str(problem)) from problem


async def _main(seconds: int, rounds: int, *, with_compiled: bool) -> None:
    cores = split_cores()
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as place:
        plan = Plan(seconds, rounds, max(WAITING), cores, Path(place))
        code = compile_ours(plan.folder / "compiled") if with_compiled else None
        if with_compiled and code is None:
            raise click.ClickException("it does not compile; --pure-only measures without")
        async with brokers() as (bootstrap, said):
            runs = await asyncio.to_thread(_runs, plan, bootstrap, code)
    told = f"{said}; {rounds} rounds of {seconds} s; records of {len(BODY)} bytes, replies of 1 KiB"
    table = f"{describe()}\n\n{told}. {BESIDE}\n\n{markdown(HEAD, rows(runs))}\n"
    click.echo(table)
    keep("kafka", table)


def rows(runs: Sequence[Run]) -> list[list[str]]:
    """One row a mode and number of connections. Raises `ClickException` when a run failed."""
    for run in runs:
        if run.measured.counted.fault:
            at = f"{run.mode}, {run.connections} connections"
            raise click.ClickException(f"{at}: {run.measured.counted.fault}")
    known = {(run.mode, run.connections) for run in runs}
    places = [(mode, count) for mode in MODES for count in WAITING if (mode, count) in known]
    return [_row(mode, count, runs) for mode, count in places]


def _runs(plan: Plan, bootstrap: str, code: Path | None) -> list[Run]:
    with ExitStack() as started:
        subjects = list(_subjects(plan, bootstrap, code, started.enter_context))
        return [
            Run(subject.mode, count, number, _measured(subject, count, plan))
            for number in range(plan.rounds)
            for subject in turn(subjects, number)
            for count in WAITING
        ]


def _measured(subject: Subject, connections: int, plan: Plan) -> Measured:
    load = replace(subject.load, connections=connections)
    return measure(subject.program, load, subject.port, plan)


def _subjects(
    plan: Plan, bootstrap: str, code: Path | None, started: Callable[[Running], Running]
) -> Iterator[Subject]:
    name, port = f"bench.{secrets.token_hex(4)}", free_port()
    minimal = started(_minimal(bootstrap, f"{name}.minimal", plan, port))
    yield Subject(MINIMAL, minimal, ACCEPT, port)
    started(_department(bootstrap, f"{name}.asked", plan))
    pure, at = _gateway(plan, bootstrap, name, CHECKOUT)
    started(pure)
    yield Subject("accept", pure, ACCEPT, at)
    yield Subject("journal", pure, JOURNAL, at)
    yield Subject("reply", pure, REPLY, at)
    if code is not None:
        compiled, at = _gateway(plan, bootstrap, f"{name}.compiled", code)
        started(compiled)
        yield Subject("accept, compiled", compiled, ACCEPT, at)
        yield Subject("journal, compiled", compiled, JOURNAL, at)


def _gateway(plan: Plan, bootstrap: str, name: str, code: Path) -> tuple[Running, int]:
    """Start the package of folder `code` with topics of its own; also tell its port."""
    site = Site.make(plan.folder / name, 0)
    topics = {
        "TOPIC": f"{name}.card",
        "JOURNAL": f"{name}.journal",
        "QUESTIONS": f"{name}.asked",
        "REPLIES": f"{name}.replies",
    }
    routes = site.configure("kafka.yaml", **topics)
    return start_ours(routes, site, plan.cores.gateway, bootstrap, code), site.port


def _minimal(bootstrap: str, topic: str, plan: Plan, port: int) -> Running:
    command = [sys.executable, "-m", "tests.bench.minimal", bootstrap, topic, str(port)]
    running = Running(
        Launch(command, {"PYTHONPATH": str(CHECKOUT)}),
        folder=plan.folder,
        core=plan.cores.gateway,
        name="minimal",
    )
    return running.wait_until(lambda: READY in running.output.read_text())


def _department(bootstrap: str, topic: str, plan: Plan) -> Running:
    command = [sys.executable, "-m", "tests.bench.replying", bootstrap, topic]
    running = Running(
        Launch(command, {"PYTHONPATH": str(CHECKOUT)}),
        folder=plan.folder,
        core=plan.cores.load,
        name="department",
    )
    return running.wait_until(lambda: READY in running.output.read_text())


def _row(mode: str, connections: int, runs: Sequence[Run]) -> list[str]:
    here = [r.measured for r in runs if r.mode == mode and r.connections == connections]
    p50, p99 = (median(m.counted.p50 for m in here), median(m.counted.p99 for m in here))
    return [
        mode,
        str(connections),
        micro(median(m.cpu for m in here)),
        _beside_minimal(mode, connections, runs),
        f"{median(m.counted.rate for m in here):,.0f}",
        f"{median(m.used for m in here):.0%}",
        *latency(p50, p99),
        f"{median(m.resident for m in here) / (1 << 20):.0f} MiB",
        others(max(m.others for m in here)),
    ]


def _beside_minimal(mode: str, connections: int, runs: Sequence[Run]) -> str:
    if mode not in BESIDE_MINIMAL:
        return "-"
    here = [run for run in runs if run.connections == connections]
    return proportion(_costs(mode, here), _costs(MINIMAL, here))


def _costs(mode: str, runs: Sequence[Run]) -> list[Cost]:
    return [Cost(run.round, run.measured.cpu) for run in runs if run.mode == mode]


if __name__ == "__main__":
    main()
