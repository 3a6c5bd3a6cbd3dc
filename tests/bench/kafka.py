"""`python -m tests.bench.kafka`: what a request costs that goes to a department over Kafka.

Mode `minimal`: a hand-written endpoint without anything (`tests.bench.minimal`). Mode `accept`:
POST in, record acknowledged by all brokers, case stored, receipt back. Mode `journal`: the record
is fsynced first. Mode `reply`: GET in, record out, the department's record back as the answer. Runs
against the brokers that `KAFKA_BOOTSTRAP` names, else against the embedded one, which is in memory
and keeps nothing: its figures are those of the gateway, not of a broker.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import statistics
import sys
import tempfile
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from gateway.demo.broker import EmbeddedBroker
from gateway.errors import StartError
from tests.bench.load import APP_HEADERS, Load, require_wrk
from tests.bench.machine import describe, split_cores
from tests.bench.ours import CHECKOUT, start_ours
from tests.bench.processes import Launch, Running
from tests.bench.replying import READY
from tests.bench.results import OTHERS, keep, latency, markdown, micro, others
from tests.bench.rounds import Measured, Plan, measure
from tests.bench.site import Site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

HEAD: Final = (
    "mode",
    "connections",
    "CPU/request",
    "requests/s",
    "its core used",
    "p50",
    "p99",
    "RSS",
    OTHERS,
)
WAITING: Final = (32, 256)
MODES: Final = ("minimal", "accept", "journal", "reply")

SUBJECTS: Final = [f"made-up-citizen-{number:04}" for number in range(1000)]
"""Keys of the records: those of one key are in order, so a single one would measure a queue."""

BODY: Final = '{"reason": "lost", "note": "' + "x" * 540 + '"}'
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
    """One load in one mode."""

    mode: str
    connections: int
    measured: Measured


@click.command()
@click.option("--seconds", default=5, show_default=True, help="Length of the measured phase.")
@click.option("--rounds", default=3, show_default=True, help="Times that each load is measured.")
def main(*, seconds: int, rounds: int) -> None:
    """Measure both modes of a service over Kafka."""
    require_wrk()
    try:
        asyncio.run(_main(seconds, rounds))
    except StartError as problem:
        raise click.ClickException(str(problem)) from problem


async def _main(seconds: int, rounds: int) -> None:
    cores = split_cores()
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as place:
        plan = Plan(seconds, rounds, max(WAITING), cores, Path(place))
        async with _brokers() as (bootstrap, said):
            runs = await asyncio.to_thread(_runs, plan, bootstrap)
    rows = [_row(mode, count, runs) for mode in MODES for count in WAITING]
    told = f"{said}; {rounds} rounds of {seconds} s; records of {len(BODY)} bytes, replies of 1 KiB"
    table = f"{describe()}\n\n{told}.\n\n{markdown(HEAD, rows)}\n"
    click.echo(table)
    keep("kafka", table)


@asynccontextmanager
async def _brokers() -> AsyncIterator[tuple[str, str]]:
    real = os.environ.get("KAFKA_BOOTSTRAP")
    if real:
        yield real, "The brokers of KAFKA_BOOTSTRAP"
        return
    async with EmbeddedBroker() as broker:
        yield broker.bootstrap, "The embedded broker (in memory, on the load's core)"


def _runs(plan: Plan, bootstrap: str) -> list[Run]:
    site, beside = Site.make(plan.folder / "kafka", 0), Site.make(plan.folder / "minimal", 0)
    name = f"bench.{secrets.token_hex(4)}"
    topics = {
        "TOPIC": f"{name}.card",
        "JOURNAL": f"{name}.journal",
        "QUESTIONS": f"{name}.asked",
        "REPLIES": f"{name}.replies",
    }
    routes = site.configure("kafka.yaml", **topics)
    with (
        _department(bootstrap, topics["QUESTIONS"], plan),
        start_ours(routes, site, plan.cores.gateway, kafka=bootstrap) as running,
        _minimal(bootstrap, f"{name}.minimal", plan, beside.port) as minimal,
    ):
        contenders = (
            ("minimal", minimal, ACCEPT, beside.port),
            ("accept", running, ACCEPT, site.port),
            ("journal", running, JOURNAL, site.port),
            ("reply", running, REPLY, site.port),
        )
        return [
            Run(mode, count, measure(process, replace(load, connections=count), port, plan))
            for _ in range(plan.rounds)
            for mode, process, load, port in contenders
            for count in WAITING
        ]


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
    for one in here:
        if one.counted.fault:
            raise click.ClickException(f"{mode}, {connections} connections: {one.counted.fault}")
    p50 = statistics.median(m.counted.p50 for m in here)
    p99 = statistics.median(m.counted.p99 for m in here)
    return [
        mode,
        str(connections),
        micro(statistics.median(m.cpu for m in here)),
        f"{statistics.median(m.counted.rate for m in here):,.0f}",
        f"{statistics.median(m.used for m in here):.0%}",
        *latency(p50, p99),
        f"{statistics.median(m.resident for m in here) / (1 << 20):.0f} MiB",
        others(max(m.others for m in here)),
    ]


if __name__ == "__main__":
    main()
