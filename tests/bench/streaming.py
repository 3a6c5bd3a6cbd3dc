"""`python -m tests.bench.streaming`: large bodies both ways, and the memory that they cost.

Each transfer passes the gateway alone. Growth is the peak of the gateway's resident memory during
the transfer (the kernel's own high-water mark, reset before) less what it had before.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from tests.bench import accounting
from tests.bench.bulk import BLOCK, PAUSE_AFTER, PAUSE_FOR
from tests.bench.load import APP_HEADERS
from tests.bench.machine import describe, split_cores
from tests.bench.ours import CHECKOUT, start_ours
from tests.bench.processes import Launch, Running, free_port, is_ready
from tests.bench.results import keep, markdown
from tests.bench.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MEBIBYTE: Final = 1 << 20
PATH: Final = "/s/edu.payment/bulk"
HEAD: Final = ("transfer", "MiB/s", "CPU", "RSS before", "peak RSS", "growth")
LIMIT: Final = 600
"""Seconds without a byte after which a transfer is given up."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """One way through the gateway: `run` moves `size` bytes and returns how many arrived."""

    name: str
    run: Callable[[HTTPConnection, int], int]


@click.command()
@click.option("--mebibytes", default=1024, show_default=True, help="Size of each body.")
def main(*, mebibytes: int) -> None:
    """Pass large bodies through the gateway and print what they cost."""
    cores = split_cores()
    size = mebibytes * MEBIBYTE
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as place:
        site = Site.make(Path(place) / "run", free_port())
        with (
            _start_bulk(site, cores.load),
            start_ours(site.configure("bulk.yaml"), site, cores.gateway) as gateway,
        ):
            rows = [_row(transfer, gateway.pid, site.port, size) for transfer in TRANSFERS]
    table = f"{describe()}\n\nBodies of {mebibytes} MiB.\n\n{markdown(HEAD, rows)}\n"
    click.echo(table)
    keep("streaming", table)


def _start_bulk(site: Site, core: int) -> Running:
    command = [sys.executable, "-m", "tests.bench.bulk", str(site.origin)]
    running = Running(
        Launch(command, {"PYTHONPATH": str(CHECKOUT)}), folder=site.folder, core=core, name="bulk"
    )
    return running.wait_until(lambda: is_ready(site.origin, "/?size=0"))


def _row(transfer: Transfer, pid: int, port: int, size: int) -> list[str]:
    before, cpu = accounting.resident_of(pid), accounting.cpu_of(pid)
    accounting.forget_peak(pid)
    began = time.monotonic()
    connection = HTTPConnection("127.0.0.1", port, timeout=LIMIT)
    arrived = transfer.run(connection, size)
    connection.close()
    took = time.monotonic() - began
    if arrived != size:
        raise click.ClickException(f"{transfer.name}: {arrived} of {size} bytes arrived")
    peak = accounting.peak_of(pid)
    return [
        transfer.name,
        f"{size / MEBIBYTE / took:.0f}",
        f"{accounting.cpu_of(pid) - cpu:.2f} s",
        *(f"{memory / MEBIBYTE:.1f} MiB" for memory in (before, peak, peak - before)),
    ]


def _upload(connection: HTTPConnection, size: int, *, query: str, chunked: bool) -> int:
    length = {} if chunked else {"Content-Length": str(size)}
    headers = dict(APP_HEADERS) | length | {"Content-Type": "application/octet-stream"}
    body = _blocks(size)
    connection.request("POST", PATH + query, body=body, headers=headers, encode_chunked=chunked)
    answer = connection.getresponse()
    taken: int = json.loads(answer.read()).get("taken", 0)
    return taken


def _download(connection: HTTPConnection, size: int, *, query: str, slow: bool) -> int:
    connection.request("GET", f"{PATH}?size={size}{query}", headers=dict(APP_HEADERS))
    answer, arrived = connection.getresponse(), 0
    buffer = bytearray(MEBIBYTE)
    while count := answer.readinto(buffer):
        arrived += count
        if slow and arrived >= PAUSE_AFTER:
            slow = False
            time.sleep(PAUSE_FOR)
    return arrived


def _blocks(size: int) -> Iterator[bytes]:
    for _ in range(size // len(BLOCK)):
        yield BLOCK
    yield BLOCK[: size % len(BLOCK)]


TRANSFERS: Final = (
    Transfer("upload, by length", lambda c, s: _upload(c, s, query="", chunked=False)),
    Transfer("upload, chunked", lambda c, s: _upload(c, s, query="", chunked=True)),
    Transfer(
        f"upload, department stops for {PAUSE_FOR:.0f} s",
        lambda c, s: _upload(c, s, query="?slow=1", chunked=False),
    ),
    Transfer("download, by length", lambda c, s: _download(c, s, query="", slow=False)),
    Transfer("download, chunked", lambda c, s: _download(c, s, query="&chunked=1", slow=False)),
    Transfer(
        f"download, caller stops for {PAUSE_FOR:.0f} s",
        lambda c, s: _download(c, s, query="", slow=True),
    ),
)

if __name__ == "__main__":
    main()
