"""`gateway serve` as a process of its own: its lines, its signals, its exit status."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.doubles.gateway import ENVIRON

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

__all__ = ["GatewayProcess", "gateway_process", "run_to_its_end"]

ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 20.0
FREE_PORTS: Final = ("--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0")


@dataclass
class GatewayProcess:
    """A process whose lines are kept as they come: `out` is the request log, `err` all else."""

    process: asyncio.subprocess.Process
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def addresses(self) -> tuple[int, int]:
        """The ports of entry and ops door, as the first line of the log has them."""
        await self.until(lambda: bool(self.err))
        first = json.loads(self.err[0])
        assert first["message"] == "listening", self.err
        entry, ops = (int(first[door].rpartition(":")[2]) for door in ("entry", "ops"))
        return entry, ops

    async def message(self, text: str) -> dict[str, Any]:
        """Wait for the line of the process log whose message has `text`."""
        await self.until(lambda: any(text in line for line in self.err))
        found: dict[str, Any] = json.loads(next(line for line in self.err if text in line))
        return found

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds for the lines that have come."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self.news.clear()
                await self.news.wait()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def ended(self) -> int:
        """Wait for the end; return the exit status."""
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()

    async def read(self, stream: asyncio.StreamReader | None, lines: list[str]) -> None:
        assert stream is not None
        async for line in stream:
            lines.append(line.decode().removesuffix("\n"))
            self.news.set()


@asynccontextmanager
async def gateway_process(
    *arguments: str, python: tuple[str, ...] = (), environ: dict[str, str] | None = None
) -> AsyncIterator[GatewayProcess]:
    """Run `gateway serve` with these arguments on free ports, and kill it if it does not end.

    All its lines have been read when the context is left. `python` are the interpreter's own
    options.
    """
    with tempfile.TemporaryDirectory(prefix="gateway-") as folder:
        data = () if "--data" in arguments else ("--data", f"{folder}/data")
        async with _process((*arguments, *data), python, environ or {}) as running:
            yield running


@asynccontextmanager
async def _process(
    arguments: tuple[str, ...], python: tuple[str, ...], environ: dict[str, str]
) -> AsyncIterator[GatewayProcess]:
    inherited = {name: value for name, value in os.environ.items() if "GATEWAY" not in name}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *python, "-m", "gateway", "serve", *FREE_PORTS, *arguments,
        env={**inherited, **ENVIRON, "PYTHONPATH": str(ROOT), **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    running = GatewayProcess(process)
    async with asyncio.TaskGroup() as group:
        group.create_task(running.read(process.stdout, running.out))
        group.create_task(running.read(process.stderr, running.err))
        try:
            yield running
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def run_to_its_end(
    *arguments: str, python: tuple[str, ...] = (), environ: dict[str, str] | None = None
) -> tuple[int, GatewayProcess]:
    """Run `gateway serve` that is to end by itself; return the exit status and its lines."""
    async with gateway_process(*arguments, python=python, environ=environ) as running:
        status = await running.ended()
    return status, running
