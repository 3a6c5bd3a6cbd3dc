"""`python -m tests.bench.idle`: the memory of a caller's connection that is kept and says nothing.

Every connection asks once and reads its answer, then rests, as those of phones do. The department's
connections stay few, because the requests come one after the other.
"""

from __future__ import annotations

import resource
import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from tests.bench import accounting
from tests.bench.contenders import ANSWER, CONTENDERS, PATH, start, start_origin
from tests.bench.load import APP_HEADERS
from tests.bench.machine import describe, split_cores
from tests.bench.processes import NotStartedError
from tests.bench.results import keep, markdown
from tests.bench.site import Site

if TYPE_CHECKING:
    from tests.bench.contenders import Contender

HEAD: Final = ("gateway", "RSS with one", "RSS with all", "a connection")
REQUEST: Final = "".join(
    [f"GET {PATH} HTTP/1.1\r\n", *(f"{k}: {v}\r\n" for k, v in APP_HEADERS.items()), "\r\n"]
).encode()


@click.command()
@click.option("--connections", default=2000, show_default=True, help="Kept and idle at a time.")
def main(*, connections: int) -> None:
    """Measure resident memory by idle connections."""
    cores = split_cores()
    _allow_files(connections)
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as place:
        folder = Path(place)
        origin, port = start_origin(folder, cores.load)
        with origin:
            rows = [
                _row(c, Site.make(folder / c.name, port), cores.gateway, connections)
                for c in CONTENDERS
            ]
    table = f"{describe()}\n\n{connections:,} connections.\n\n{markdown(HEAD, rows)}\n"
    click.echo(table)
    keep("idle", table)


def _row(contender: Contender, site: Site, core: int, count: int) -> list[str]:
    program = contender.find()
    if program is None:
        return [contender.name, "missing: not installed", "", ""]
    try:
        with start(contender, program, site, core) as running:
            one, full = _memory(running.pid, site.port, count)
    except NotStartedError as problem:
        return [contender.name, problem.message, "", ""]
    name = f"{contender.name} {contender.version(program)}"
    each = (full - one) / (count - 1) / 1024
    return [name, f"{one / (1 << 20):.1f} MiB", f"{full / (1 << 20):.1f} MiB", f"{each:.1f} KiB"]


def _memory(pid: int, port: int, count: int) -> tuple[int, int]:
    with ExitStack() as kept:
        kept.enter_context(_asked(port))
        one = accounting.resident_of(pid)
        for _ in range(count - 1):
            kept.enter_context(_asked(port))
        return one, accounting.resident_of(pid)


def _asked(port: int) -> socket.socket:
    """Open a connection, ask once and read the whole answer."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(REQUEST)
    received = b""
    while not received.endswith(ANSWER.encode()):
        piece = connection.recv(65536)
        if not piece:
            raise click.ClickException("a connection was closed before its answer was whole")
        received += piece
    return connection


def _allow_files(connections: int) -> None:
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * connections + 1000
    if most != resource.RLIM_INFINITY and wanted > most:
        raise click.ClickException(f"{connections} connections need {wanted} files; {most} allowed")
    if now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


if __name__ == "__main__":
    main()
