"""Programs under measurement: each on its core, in its own process group, ended whatever comes."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "Launch",
    "NotStartedError",
    "Running",
    "find_program",
    "free_port",
    "is_ready",
    "require_program",
]

START_LIMIT: Final = 30.0
"""Seconds until a program has to answer; ten thousand routes take their time."""

END_LIMIT: Final = 15.0


class NotStartedError(click.ClickException):
    """The program ended or never answered; the text, which click shows, has its last words."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What to start: the command and what its environment has in addition."""

    command: Sequence[str]
    environment: Mapping[str, str]


class Running:
    """A started program; `pid` is also its process group."""

    def __init__(self, launch: Launch, *, folder: Path, core: int, name: str) -> None:
        self.output = folder / f"{name}.out"
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                ["taskset", "-c", str(core), *launch.command],
                cwd=folder,
                env=_environment(launch.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def wait_until(self, ready: Callable[[], bool]) -> Self:
        """Ask until it is ready; ends it and raises `NotStartedError` when it never is."""
        try:
            self._wait_until(ready)
        except BaseException:
            self.end()
            raise
        return self

    def _wait_until(self, ready: Callable[[], bool]) -> None:
        limit = time.monotonic() + START_LIMIT
        while not ready():
            if self._process.poll() is not None:
                raise NotStartedError(
                    f"ended with {self._process.returncode}: {self._last_words()}"
                )
            if time.monotonic() > limit:
                raise NotStartedError(f"no answer in {START_LIMIT:.0f} s: {self._last_words()}")
            time.sleep(0.05)

    def end(self) -> None:
        """Terminate the whole group; kill what is left of it."""
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(END_LIMIT)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def _last_words(self) -> str:
        with self.output.open("rb") as output:
            output.seek(max(0, self.output.stat().st_size - 600))
            return " | ".join(output.read().decode(errors="replace").split("\n")[-6:]).strip(" |")


def find_program(name: str) -> Path | None:
    """Find a program beside this Python (where wheels put theirs) or on the path."""
    beside = shutil.which(name, path=str(Path(sys.executable).parent))
    found = beside or shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None


def require_program(name: str, package: str) -> Path:
    """Find a program; raises `SystemExit` that names it and the package to install."""
    found = find_program(name)
    if found is None:
        raise SystemExit(f"tool missing: {name} (install {package})")
    return found


def free_port() -> int:
    """Pick a port that is free now, for programs that cannot pick one themselves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_ready(
    port: int, path: str, headers: Mapping[str, str] | None = None, body: str | None = None
) -> bool:
    """Tell whether a GET is answered with 200, and with that body if one is named."""
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        answer = connection.getresponse()
        return answer.status == 200 and (body is None or answer.read() == body.encode())
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    # Debug switches of the shell would be measured as well.
    kept = {k: v for k, v in os.environ.items() if k not in {"PYTHONASYNCIODEBUG", "PYTHONDEVMODE"}}
    return kept | dict(extra)
