"""Departments written with a framework: built once in a cache folder, run as processes.

A project stands in a folder of its own here and is built outside the repository, in a folder of
the user's cache (`XDG_CACHE_HOME`, by default `~/.cache`) named for the project and a digest of
its files, so that it is built again only when something in it has changed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["built", "running"]

BUILD_TIMEOUT: Final = 150
READY_TIMEOUT: Final = 60.0
STOP_TIMEOUT: Final = 10.0


def built(name: str, *commands: Sequence[str]) -> Path:
    """Return the folder in which the project `name` is built with `commands`."""
    project = Path(__file__).with_name(name)
    files = sorted(path for path in project.iterdir() if path.is_file())
    digest = sha256(repr([(p.name, p.read_bytes()) for p in files] + [*commands]).encode())
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = home / "gateway-tests" / f"{name}-{digest.hexdigest()[:16]}"
    if not place.is_dir():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, ignore_cleanup_errors=True) as folder:
            workshop = Path(folder) / name
            workshop.mkdir()
            for file in files:
                shutil.copy(file, workshop)
            for command in commands:
                _run(command, workshop)
            _move(workshop, place)
    return place


@contextmanager
def running(command: Sequence[str], folder: Path, output: Path) -> Iterator[None]:
    """Run a department until it says `ready`, and then until its standard input ends."""
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        _wait(process, output)
        yield
    finally:
        _end(process)


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=BUILD_TIMEOUT,
        check=False,
    )
    if done.returncode:
        text = done.stdout.decode(errors="replace")[-2000:]
        raise RuntimeError(f"{' '.join(command)} failed:\n{text}")


def _move(workshop: Path, place: Path) -> None:
    """Take what was built as it is, unless another run was quicker."""
    try:
        workshop.rename(place)
    except OSError:
        if not place.is_dir():
            raise


def _wait(process: subprocess.Popen[bytes], output: Path) -> None:
    end = time.monotonic() + READY_TIMEOUT
    while b"ready" not in output.read_bytes().split():
        if process.poll() is not None or time.monotonic() > end:
            text = output.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"The department did not start:\n{text}")
        time.sleep(0.05)


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
