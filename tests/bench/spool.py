"""`python -m tests.bench.spool`: receipts while the brokers are away, and the end of an outage.

First table: the brokers' address refuses connections, so each receipt is of a record that this
node's disk has, with fsync; `wrk` asks for them. Second: memory and disk while a backlog of
`--backlog` records grows in one gateway. Third: the brokers come; how fast the backlog goes, what
that costs, and how long live requests of other citizens take meanwhile and afterwards. At the end
the topic is read: a record with a receipt that is missing, or that came after a later one of its
key, is an error. Runs against the brokers of `KAFKA_BOOTSTRAP`, or a node of the jars in
`KAFKA_JARS`, else against the embedded one, which works on the load's core and in this process:
latencies are then not worth quoting.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import statistics
import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click
import uvloop

from gateway.errors import StartError
from tests.bench.brokers import brokers
from tests.bench.kafka import ACCEPT, BODY
from tests.bench.load import require_wrk
from tests.bench.machine import describe, split_cores
from tests.bench.ours import CHECKOUT, compile_ours, start_ours
from tests.bench.outage import Outage, Watched
from tests.bench.results import OTHERS, keep, latency, markdown, micro, others, spread
from tests.bench.rounds import Measured, Plan, measure
from tests.bench.site import Site
from tests.bench.spool_reading import SpoolReading, read_spool
from tests.doubles.kafka_topic import partitions
from tests.doubles.tcp_proxy import TcpProxy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.outage import Course, Filled, Live
    from tests.bench.processes import Running

__all__ = ["Spooled", "drain_rows", "fill_rows", "live_rows", "speed_rows"]

WAITING: Final = (32, 256)
LIMIT: Final = ("--spool-limit", "64GiB")
"""Far beyond any backlog: what is measured is not how the gateway refuses."""

MEBIBYTE: Final = 1 << 20
SPEED: Final = (
    "connections",
    "receipts/s (range)",
    "CPU/receipt (range)",
    "its core used",
    "p50",
    "p99",
    "receipts a commit",
    "commit with fsync",
    OTHERS,
)
FILL: Final = (
    "records on the disk",
    "RSS",
    "growth",
    "spool and cases on disk",
    "receipts/s",
    "CPU/receipt",
    OTHERS,
)
DRAIN: Final = (
    "records",
    "brokers noticed after",
    "drained in",
    "records/s",
    "CPU/record",
    "RSS before",
    "peak RSS",
    "RSS after",
    OTHERS,
)
LIVE: Final = ("live", "requests", "p50", "p99", "longest", "over the disk", "refused")


class Spooled(NamedTuple):
    """One load while the brokers are away, and the spool before and after it, warm-up included."""

    connections: int
    measured: Measured
    before: SpoolReading
    after: SpoolReading


@click.command()
@click.option("--seconds", default=5, show_default=True, help="Length of the measured phases.")
@click.option("--rounds", default=3, show_default=True, help="Times that each load is measured.")
@click.option("--backlog", default=200_000, show_default=True, help="Records that are drained.")
@click.option("--keys", default=10_000, show_default=True, help="Keys of the backlog, about.")
@click.option("--live", default=200, show_default=True, help="Live requests a second.")
@click.option("--compiled", is_flag=True, help="The gateway compiled to C (a minute).")
def main(  # one parameter an option
    *, seconds: int, rounds: int, backlog: int, keys: int, live: int, compiled: bool
) -> None:
    """Measure an outage of the brokers, and its end."""
    require_wrk()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a topic is new, an outage wanted
    outage = Outage(backlog, keys, live, seconds)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
            loop.run(_main(seconds, rounds, outage, compiled=compiled))
    except StartError as problem:
        raise click.ClickException(str(problem)) from problem


async def _main(seconds: int, rounds: int, outage: Outage, *, compiled: bool) -> None:
    cores = split_cores()
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as place:
        plan = Plan(seconds, rounds, max(WAITING), cores, Path(place))
        code = compile_ours(plan.folder / "compiled") if compiled else CHECKOUT
        if code is None:
            raise click.ClickException("it does not compile; see above")
        async with TcpProxy() as proxy, brokers() as (bootstrap, said):
            speeds = await asyncio.to_thread(_speeds, plan, proxy.address, code)
            course = await _course(plan, proxy, bootstrap, code, outage)
    told = (
        f"{said}; {'compiled' if compiled else 'pure Python'}; {rounds} rounds of {seconds} s; "
        f"records of {len(BODY)} bytes; backlog of {outage.keys:,} keys, "
        f"{outage.rate:g} live requests a second."
    )
    table = _table(told, speeds, course)
    click.echo(table)
    keep("spool", table)
    if course.fault:
        raise click.ClickException(f"the topic: {course.fault}")


def _speeds(plan: Plan, away: str, code: Path) -> list[Spooled]:
    site = Site.make(plan.folder / "speed", 0)
    with _start(site, plan, away, code, f"bench.{secrets.token_hex(4)}") as running:
        return [_speed(running, site, c, plan) for _ in range(plan.rounds) for c in WAITING]


def _speed(running: Running, site: Site, connections: int, plan: Plan) -> Spooled:
    before = read_spool(site.ops)
    measured = measure(running, replace(ACCEPT, connections=connections), site.port, plan)
    after = read_spool(site.ops)
    if measured.counted.fault:
        raise click.ClickException(f"{connections} connections: {measured.counted.fault}")
    if after.connected or after.records - before.records < measured.counted.requests:
        raise click.ClickException(f"{connections} connections: not every receipt was spooled")
    return Spooled(connections, measured, before, after)


async def _course(
    plan: Plan, proxy: TcpProxy, bootstrap: str, code: Path, outage: Outage
) -> Course:
    site, topic = Site.make(plan.folder / "outage", 0), f"bench.{secrets.token_hex(4)}"
    await partitions(bootstrap, topic)
    starting = asyncio.to_thread(_start, site, plan, proxy.address, code, topic)
    with await starting as running:
        return await outage.run(Watched(running, plan.cores.gateway, site), proxy, bootstrap, topic)


def _start(site: Site, plan: Plan, kafka: str, code: Path, topic: str) -> Running:
    routes = site.configure("spool.yaml", TOPIC=topic)
    return start_ours(routes, site, plan.cores.gateway, kafka, code, LIMIT)


def _table(told: str, speeds: Sequence[Spooled], course: Course) -> str:
    order = course.order
    read = course.fault or "every record with a receipt is there, each key's in order"
    parts = (
        describe(),
        told,
        markdown(SPEED, speed_rows(speeds)),
        markdown(FILL, fill_rows(course.filled)),
        markdown(DRAIN, drain_rows(course)),
        markdown(LIVE, live_rows(course)),
        f"The topic, read at the end: {read}; {order.records:,} records, {order.copies} copies.",
    )
    return "\n\n".join(parts) + "\n"


def speed_rows(speeds: Sequence[Spooled]) -> list[list[str]]:
    """One row a number of connections, medians of the rounds."""
    return [_speed_row(count, [s for s in speeds if s.connections == count]) for count in WAITING]


def _speed_row(connections: int, here: Sequence[Spooled]) -> list[str]:
    measured = [one.measured for one in here]
    commits = sum(one.after.commits - one.before.commits for one in here)
    records = sum(one.after.records - one.before.records for one in here)
    committing = sum(one.after.commit_seconds - one.before.commit_seconds for one in here)
    counted = [m.counted for m in measured]
    p50, p99 = statistics.median(c.p50 for c in counted), statistics.median(c.p99 for c in counted)
    return [
        str(connections),
        spread([c.rate for c in counted], "{:,.0f}".format),
        spread([m.cpu for m in measured], micro),
        f"{statistics.median(m.used for m in measured):.0%}",
        *latency(p50, p99),
        f"{records / max(1, commits):.0f}",
        f"{committing / max(1, commits) * 1e3:.2f} ms",
        others(max(m.others for m in measured)),
    ]


def fill_rows(filled: Sequence[Filled]) -> list[list[str]]:
    """One row a look; growth is that of memory since the look before."""
    first = ["0", _mebibytes(filled[0].resident), *["-"] * 5]
    return [first, *(_fill_row(before, now) for before, now in pairwise(filled))]


def _fill_row(before: Filled, now: Filled) -> list[str]:
    return [
        f"{now.records:,}",
        _mebibytes(now.resident),
        f"{(now.resident - before.resident) / MEBIBYTE:+.1f} MiB",
        _mebibytes(now.disk),
        f"{now.receipts / now.seconds:,.0f}",
        micro(now.cpu / now.receipts),
        others(now.others),
    ]


def drain_rows(course: Course) -> list[list[str]]:
    """The one row of the drain; CPU is that of the live requests as well."""
    drained = course.drained
    memory = (drained.before, drained.peak, drained.after)
    return [
        [
            f"{drained.records:,}",
            f"{drained.noticed:.1f} s",
            f"{drained.seconds:.1f} s",
            f"{drained.records / drained.seconds:,.0f}",
            micro(drained.cpu / drained.records),
            *map(_mebibytes, memory),
            others(drained.others),
        ]
    ]


def live_rows(course: Course) -> list[list[str]]:
    """Live requests during the drain and after it."""
    return [_live_row("during the drain", course.beside), _live_row("after it", course.later)]


def _live_row(name: str, live: Live) -> list[str]:
    if not live.took:
        return [name, "0", *["-"] * 4, str(live.refused)]
    took = sorted(live.took)
    p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
    longest = f"{took[-1] * 1e3:.1f} ms"
    return [name, f"{len(took):,}", *latency(p50, p99), longest, str(live.local), str(live.refused)]


def _mebibytes(count: int) -> str:
    return f"{count / MEBIBYTE:.1f} MiB"


if __name__ == "__main__":
    main()
