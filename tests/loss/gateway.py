"""The gateway under test: the real command on one data folder, killed and started again."""

from __future__ import annotations

import asyncio
import math
import os
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import aiohttp

from tests.loss.evidence import Span
from tests.loss.ports import LOOPBACK, free_port
from tests.loss.program import Program
from tests.loss.services import ENVIRON, broken, routes_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

__all__ = ["Gateway"]

CHECKOUT: Final = Path(__file__).parents[2]
LOOK: Final = 0.25
BROKEN_FOR: Final = 1.0
PATIENCE: Final = aiohttp.ClientTimeout(total=5)
FAULT_LINE: Final = re.compile(
    r"Traceback|internal_error|never retrieved"
    r'|"level":"(?:error|critical)","logger":"gateway\.(?!routes")'
)
"""Of its own errors only the refusal of routes is nothing that it did wrong."""
SHOWN: Final = 300
"""Characters of such a line."""


class Gateway:
    """Runs as a context, on ports that stay; its files are in `folder`.

    `routes` gives the text of the routes by version, `options` are more words of the command.
    """

    def __init__(
        self,
        folder: Path,
        bootstrap: str,
        routes: Callable[[int], str] = routes_text,
        options: Sequence[str] = (),
    ) -> None:
        self.entry = f"http://{LOOPBACK}:{(entry := free_port())}"
        self._ops = f"http://{LOOPBACK}:{(ops := free_port())}"
        self.away: list[Span] = []
        self.accidents: list[str] = []
        self._routes = folder / "routes.yaml"
        self._text = routes
        self._version = 0
        command = [
            *(sys.executable, "-m", "gateway", "serve"),
            *("--routes", str(self._routes), "--kafka", bootstrap, "--data", str(folder / "data")),
            *("--listen", f"{LOOPBACK}:{entry}", "--ops", f"{LOOPBACK}:{ops}"),
            *options,
        ]
        kept = {name: value for name, value in os.environ.items() if "GATEWAY" not in name}
        environ = {**kept, **ENVIRON, "PYTHONPATH": str(CHECKOUT), "PYTHONFAULTHANDLER": "1"}
        self._program = Program(command, folder / "gateway.txt", entry, environ)

    @property
    def pid(self) -> int | None:
        """Its process ID while it runs, else None."""
        return self._program.pid

    async def __aenter__(self) -> Self:
        self._write(self._text(self._version))
        try:
            await self._program.start()
        except BaseException:
            await self._program.kill()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._program.kill()

    async def crash(self, away: float) -> None:
        """Kill it and start it again after `away` seconds."""
        start = asyncio.get_running_loop().time()
        self._note_accident()
        await self._program.kill()
        await asyncio.sleep(away)
        await self._program.start()
        self.away.append(Span(start, asyncio.get_running_loop().time()))

    async def reload(self) -> None:
        """Replace the routes: by signal or by the file alone, at times through a broken one."""
        self._version += 1
        if self._version % 3 == 0:
            self._write(broken(self._text(self._version)))
            await asyncio.sleep(BROKEN_FOR)
        self._write(self._text(self._version))
        if self._version % 2:
            self._program.send(signal.SIGHUP)

    async def stop(self) -> None:
        """Stop it as an operator does; anything but success is an accident."""
        self._note_accident()
        status = await self._program.stop()
        if status != 0:
            self.accidents.append(f"told to stop, it ended with {status}")

    async def spooled(self) -> float:
        """How many records are in its spool; infinitely many when it does not say."""
        found = await self.gauge("gateway_spool_records")
        return math.inf if found is None else found

    async def gauge(self, name: str) -> float | None:
        """The first sample of a metric; None when it does not say."""
        try:
            async with (
                aiohttp.ClientSession(timeout=PATIENCE) as session,
                session.get(self._ops + "/metrics") as page,
            ):
                text = await page.text()
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None
        found = re.search(rf"^{name}(?:\{{.*\}})? (\S+)", text, re.M)
        return float(found[1]) if found else None

    async def until_drained(self, limit: float) -> float:
        """Wait until its spool is empty, at most `limit` seconds; return what is left in it."""
        left = await self.spooled()
        end = asyncio.get_running_loop().time() + limit
        for _ in range(round(limit / LOOK)):
            if not left or asyncio.get_running_loop().time() > end:
                break
            await asyncio.sleep(LOOK)
            left = await self.spooled()
        if math.isinf(left):
            self._program.send(signal.SIGABRT)  # it writes where it hangs into its log
        return left

    def faults_in_its_log(self) -> list[str]:
        """The beginnings of the lines of its log that tell of a fault in itself."""
        with self._program.output.open(errors="replace") as lines:
            return [line[:SHOWN].rstrip() for line in lines if FAULT_LINE.search(line)]

    def _write(self, text: str) -> None:
        new = self._routes.with_suffix(".new")
        new.write_text(text, "utf-8")
        new.replace(self._routes)

    def _note_accident(self) -> None:
        if self._program.pid is None:
            self.accidents.append("it ended by itself")
