"""`python -m tests.bench.scrape`: a thousand services with traffic, and what a scrape does to it.

Reported, not asserted: the time of a scrape at rest and under load, and the latency of requests
with and without scrapes beside them, below the knee.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from tests.bench.contenders import start_origin
from tests.bench.load import PAUSE, Load, require_wrk
from tests.bench.machine import describe, split_cores
from tests.bench.ours import many_services, start_ours
from tests.bench.results import OTHERS, keep, latency, markdown, micro, others
from tests.bench.rounds import Measured, Plan, measure
from tests.bench.routes import HEADERS
from tests.bench.site import Site

if TYPE_CHECKING:
    from collections.abc import Sequence

HEAD: Final = (
    "traffic",
    "CPU/request",
    "p50",
    "p99",
    "requests/s",
    OTHERS,
    "scrapes",
    "median",
    "longest",
)
ACCEPT: Final = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"


class Scrape(NamedTuple):
    """One scrape: seconds until its last byte, and its size in bytes."""

    seconds: float
    size: int


class Scraper(threading.Thread):
    """Scrapes at an interval until it is told to stop."""

    def __init__(self, port: int, interval: float) -> None:
        super().__init__()
        self.scrapes: list[Scrape] = []
        self._port = port
        self._interval = interval
        self._stop_now = threading.Event()

    def run(self) -> None:
        """Scrape; a failed one ends the thread with its error."""
        while not self._stop_now.wait(self._interval):
            self.scrapes.append(scrape(self._port))

    def stop(self) -> Sequence[Scrape]:
        """End after the scrape at hand and return all."""
        self._stop_now.set()
        self.join()
        return self.scrapes


@click.command()
@click.option("--services", default=1000, show_default=True, help="Services in the file.")
@click.option("--seconds", default=10, show_default=True, help="Length of each phase.")
@click.option("--interval", default=1.0, show_default=True, help="Seconds between two scrapes.")
def main(*, services: int, seconds: int, interval: float) -> None:
    """Measure scrapes beside traffic on all services."""
    require_wrk()
    cores = split_cores()
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as place:
        plan = Plan(seconds, 1, 32, cores, Path(place))
        origin, port = start_origin(plan.folder, cores.load)
        with origin:
            rows, size = _phases(plan, port, services, interval)
    said = f"{services:,} services, a scrape of {size / 1024:,.0f} KiB each {interval:g} s."
    table = f"{describe()}\n\n{said}\n\n{markdown(HEAD, rows)}\n"
    click.echo(table)
    keep("scrape", table)


def scrape(port: int) -> Scrape:
    """Scrape once as Prometheus does."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    began = time.monotonic()
    connection.request("GET", "/metrics", headers={"Accept": ACCEPT})
    answer = connection.getresponse()
    size = len(answer.read())
    connection.close()
    if answer.status != 200:
        raise click.ClickException(f"the scrape was answered with {answer.status}")
    return Scrape(time.monotonic() - began, size)


def _phases(plan: Plan, origin: int, services: int, interval: float) -> tuple[list[list[str]], int]:
    site = Site.make(plan.folder / "scrape", origin)
    routes, paths = many_services(services, site)
    light = Load(paths, headers=HEADERS, pause=PAUSE)
    with start_ours(routes, site, plan.cores.gateway) as running:
        alone = measure(running, light, site.port, plan)
        rest = [scrape(site.ops) for _ in range(5)]
        scraper = Scraper(site.ops, interval)
        scraper.start()
        try:
            beside = measure(running, light, site.port, plan)
        finally:
            scrapes = scraper.stop()
        again = measure(running, light, site.port, plan)
    none = _row("none", None, rest)
    rows = [_row("light, before", alone, []), none, _row("light, with scrapes", beside, scrapes)]
    return [*rows, _row("light, after", again, [])], rest[-1].size


def _row(name: str, measured: Measured | None, scrapes: Sequence[Scrape]) -> list[str]:
    return [name, *(_traffic(measured) if measured else ["-"] * 5), *_times(scrapes)]


def _traffic(measured: Measured) -> list[str]:
    counted = measured.counted
    if counted.fault:
        raise click.ClickException(counted.fault)
    times = latency(counted.p50, counted.p99)
    return [micro(measured.cpu), *times, f"{counted.rate:,.0f}", others(measured.others)]


def _times(scrapes: Sequence[Scrape]) -> list[str]:
    if not scrapes:
        return ["0", "-", "-"]
    times = [scrape.seconds * 1e3 for scrape in scrapes]
    return [str(len(times)), f"{statistics.median(times):.1f} ms", f"{max(times):.1f} ms"]


if __name__ == "__main__":
    main()
