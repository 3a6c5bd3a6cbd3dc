"""An outage and its end: a backlog grows on the disk, then the brokers come and it is drained.

Rule: one gateway from the first record to the last, so that its memory is seen through all of it.
The brokers are away because their bootstrap address, a proxy's, refuses connections.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from tests.bench import accounting
from tests.bench.numbered import Numbered
from tests.bench.order import read_order
from tests.bench.spool_reading import SpoolReading, read_spool

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.bench.order import Order
    from tests.bench.processes import Running
    from tests.bench.site import Site
    from tests.doubles.tcp_proxy import TcpProxy

__all__ = ["LOOKS", "Course", "Drained", "Filled", "Live", "Outage", "Watched", "steps"]

LOOKS: Final = 10
"""How often memory is looked at while the backlog grows: whether it is flat shows in all sizes."""

LANES: Final = 256
LIVE_LANES: Final = 20
LIVE_KEYS: Final = 1000
LOOK: Final = 1.0
"""Seconds between two looks at the ops door: each costs the gateway some milliseconds."""

NOTICE: Final = 0.1
"""Seconds between two looks while nothing else is measured."""

AWAY_LIMIT: Final = 60.0
"""Seconds that the gateway may take to notice that the brokers are there."""


class Watched(NamedTuple):
    """A gateway under measurement, the core that it has for itself, and its site."""

    running: Running
    core: int
    site: Site


class Filled(NamedTuple):
    """The backlog has grown by `receipts` in `seconds` and is now of `records`.

    `cpu` is seconds of the gateway's time in all, `resident` and `disk` are bytes after it.
    """

    records: int
    receipts: int
    seconds: float
    cpu: float
    resident: int
    disk: int
    others: float


class Live(NamedTuple):
    """Live requests: seconds of each from when it was due; `local` got a receipt of the disk."""

    took: list[float]
    local: int
    refused: int


class Drained(NamedTuple):
    """The backlog is gone.

    `noticed` is seconds until the producer was connected, `seconds` from then on; `peak` is the
    highest resident memory meanwhile; `cpu` as in `Filled`.
    """

    records: int
    noticed: float
    seconds: float
    cpu: float
    before: int
    peak: int
    after: int
    others: float


class Course(NamedTuple):
    """All of it: `beside` are live requests during the drain, `later` those after it.

    `fault` says what is wrong with the topic, and is empty when nothing is.
    """

    filled: list[Filled]
    drained: Drained
    beside: Live
    later: Live
    order: Order
    fault: str


@dataclass(frozen=True, slots=True)
class Outage:
    """What to do: `backlog` records of `keys` keys, then `rate` live requests a second.

    They run beside the drain, with other keys, and for `calm` seconds after it.
    """

    backlog: int
    keys: int
    rate: float
    calm: float

    async def run(self, watched: Watched, proxy: TcpProxy, bootstrap: str, topic: str) -> Course:
        """Fill the spool, let it drain, and read the topic; `proxy` is closed again at the end."""
        backlog = Numbered("made-up-citizen", lanes=LANES, keys=self.keys)
        beside = Numbered("made-up-caller", lanes=LIVE_LANES, keys=LIVE_KEYS)
        later = Numbered("made-up-later-caller", lanes=LIVE_LANES, keys=LIVE_KEYS)
        filled = [Filled(0, 0, 0.0, 0.0, _resident(watched), 0, 0.0)]
        async with backlog.connected(watched.site.port):
            for target in steps(self.backlog):
                filled.append(await _fill(watched, backlog, target - filled[-1].records))
        drained, live = await self._drain(watched, proxy, bootstrap, beside)
        calm = await self._paced(watched, later, asyncio.sleep(self.calm))
        await proxy.close()
        order = await read_order(bootstrap, topic)
        fault = order.fault(backlog.taken + beside.taken + later.taken)
        return Course(filled, drained, live, calm, order, fault)

    async def _drain(
        self, watched: Watched, proxy: TcpProxy, bootstrap: str, beside: Numbered
    ) -> tuple[Drained, Live]:
        before, records = _resident(watched), (await _spool(watched)).records
        accounting.forget_peak(watched.running.pid)
        meter, began = accounting.Meter(watched.running.pid, watched.core), time.monotonic()
        await proxy.open(bootstrap)
        async with asyncio.timeout(AWAY_LIMIT):
            await _until(watched, NOTICE, lambda spool: spool.connected)
        noticed = time.monotonic() - began
        # What lies there for less than a second is live, not of the backlog.
        empty = _until(watched, LOOK, lambda spool: spool.records < self.rate)
        live = await self._paced(watched, beside, empty)
        took, used = time.monotonic() - began, meter.read()
        peak = accounting.peak_of(watched.running.pid)
        seconds, after = took - noticed, _resident(watched)
        drained = Drained(
            records, noticed, seconds, used.cpu, before, peak, after, used.others / took
        )
        return drained, live

    async def _paced(self, watched: Watched, numbered: Numbered, until: Awaitable[None]) -> Live:
        """Send live requests until that has ended."""
        over = asyncio.Event()
        async with numbered.connected(watched.site.port), asyncio.TaskGroup() as group:
            pacing = group.create_task(numbered.pace(self.rate, over))
            await until
            over.set()
        return Live(pacing.result(), numbered.local, numbered.refused)


def steps(backlog: int) -> list[int]:
    """Records at which memory is looked at: `LOOKS` equal steps, the last one with all."""
    return sorted({backlog * look // LOOKS for look in range(1, LOOKS + 1)} - {0})


async def _fill(watched: Watched, backlog: Numbered, receipts: int) -> Filled:
    meter, began = accounting.Meter(watched.running.pid, watched.core), time.monotonic()
    await backlog.send(receipts)
    took, used = time.monotonic() - began, meter.read()
    taken, spool = backlog.taken.total(), await _spool(watched)
    if not taken == backlog.local == spool.records or backlog.refused:
        raise click.ClickException(
            f"{taken} receipts, {backlog.local} of them local, {spool.records} records on the disk,"
            f" {backlog.refused} refusals"
        )
    share, memory = used.others / took, _resident(watched)
    return Filled(taken, receipts, took, used.cpu, memory, _disk(watched), share)


async def _until(watched: Watched, look: float, so: Callable[[SpoolReading], bool]) -> None:
    while True:
        if so(await _spool(watched)):
            return
        await asyncio.sleep(look)


async def _spool(watched: Watched) -> SpoolReading:
    return await asyncio.to_thread(read_spool, watched.site.ops)


def _resident(watched: Watched) -> int:
    return accounting.resident_of(watched.running.pid)


def _disk(watched: Watched) -> int:
    """Bytes of spool and case store."""
    files = (watched.site.folder / "data").rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())
