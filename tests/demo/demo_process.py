"""`gateway demo` as its user starts it: a process in a terminal's process group."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT: Final = Path(__file__).parents[2]
LIMIT: Final = 30.0
READY: Final = "Ctrl-C ends everything."


def routes_on_free_ports(folder: Path, port_of: Callable[[], int]) -> Path:
    """The shipped routes file with the departments' fixed ports replaced by others."""
    text = (ROOT / "routes.yaml").read_text("utf-8")
    for port in sorted(set(re.findall(r"127\.0\.0\.1:(\d+)", text))):
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{port_of()}")
    path = folder / "routes.yaml"
    path.write_text(text, "utf-8")
    return path


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def children(pid: int) -> set[int]:
    """Every process below `pid`, at any depth."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        parents[int(stat.parent.name)] = int(after_name[1])
    found, new = set[int](), {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new} - found
        found |= new
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition: Callable[[], bool], what: str) -> None:
    """Look again and again, within a limit."""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


class DemoProcess:
    """The running command; `output` is what it has printed until it was ready or ended."""

    def __init__(self, *arguments: str, environ: dict[str, str] | None = None) -> None:
        self.output = ""
        self.seen: set[int] = set()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "demo", *arguments],
            cwd=ROOT,
            env={**os.environ, **(environ or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def until_ready(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if line.strip() == READY:
                break
        else:
            raise AssertionError(self.output)
        self.look()

    def look(self) -> set[int]:
        """Remember which processes it has started."""
        self.seen |= children(self.process.pid)
        return self.seen

    def interrupt(self, number: int = signal.SIGINT) -> None:
        """What a terminal does on Ctrl-C: the signal goes to the whole group."""
        os.killpg(self.process.pid, number)

    def ended(self) -> int:
        """Wait for the end; return the exit code."""
        rest, _ = self.process.communicate(timeout=LIMIT)
        self.output += rest
        return self.process.returncode

    def address(self, name: str) -> tuple[str, int]:
        """An address that the tour prints: entry, ops or Kafka."""
        match = re.search(rf"^  {name} +(?:http://)?([\d.]+):(\d+)", self.output, re.MULTILINE)
        assert match is not None, self.output
        return match[1], int(match[2])

    def log(self) -> Path:
        """The file of the request log that the tour prints while traffic runs."""
        match = re.search(r"^  log +(\S+)", self.output, re.MULTILINE)
        assert match is not None, self.output
        return Path(match[1])

    def assert_nothing_is_left(self) -> None:
        assert "Traceback" not in self.output
        until(lambda: not any(alive(pid) for pid in self.seen), "a process is left")
        for name in ("entry", "ops", "Kafka"):
            if f"  {name} " in self.output:
                with socket.socket() as probe:
                    assert probe.connect_ex(self.address(name)) != 0, name

    def kill(self) -> None:
        self.look()
        for pid in {self.process.pid, *self.seen}:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(LIMIT)
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextmanager
def running_demo(
    folder: Path,
    *arguments: str,
    environ: dict[str, str] | None = None,
    port_of: Callable[[], int] = free_port,
) -> Iterator[DemoProcess]:
    """Start the demo on free ports with the shipped routes; kill what is left in the end."""
    routes = str(routes_on_free_ports(folder, port_of))
    doors = ("--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--routes", routes)
    demo = DemoProcess(*doors, *arguments, environ={"TMPDIR": str(folder), **(environ or {})})
    try:
        yield demo
    finally:
        demo.kill()
