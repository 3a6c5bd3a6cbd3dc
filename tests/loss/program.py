"""A program of the test: in a process group of its own, killed with -9, started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from typing import TYPE_CHECKING, Final

from tests.loss.ports import listening

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Program"]

START_LIMIT: Final = 90.0
STOP_LIMIT: Final = 40.0
LOOK: Final = 0.05


class Program:
    """`command` with its output appended to the file `output`; up when `port` takes connections."""

    def __init__(
        self,
        command: Sequence[str],
        output: Path,
        port: int,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.command = (*_with_this_process(), *command)
        self.output = output
        self._port = port
        self._environ = environ
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Its process ID while it runs, else None."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def must_run(self) -> None:
        """Raise `RuntimeError` with its last words when somebody else has ended it, or itself."""
        if self.pid is None:
            raise RuntimeError(f"{self.command} has ended: {self._last_words()}")

    async def start(self) -> None:
        """Start it; return when it takes connections. Raises `RuntimeError` with its last words."""
        with self.output.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                env=self._environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(START_LIMIT):
                while not await listening(self._port):
                    if self._process.returncode is not None:
                        raise RuntimeError(f"{self.command} ended: {self._last_words()}")
                    await asyncio.sleep(LOOK)
        except TimeoutError:
            raise RuntimeError(f"{self.command} is silent: {self._last_words()}") from None

    async def kill(self) -> None:
        """End it without a word, as a power cut does."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int | None:
        """Ask it to end, kill it when it does not; return its exit status, None without one."""
        return await self._end(signal.SIGTERM)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    async def _end(self, how: signal.Signals) -> int | None:
        process = self._process
        if process is None:
            return None
        self.send(how)
        try:
            async with asyncio.timeout(STOP_LIMIT):
                await process.wait()
        except TimeoutError:
            self.send(signal.SIGKILL)
            await process.wait()
        self._process = None
        return process.returncode

    def _last_words(self) -> str:
        return self.output.read_text(errors="replace")[-2000:]


def _with_this_process() -> tuple[str, ...]:
    """Let the kernel end it when this process is killed and can no longer do so itself."""
    setpriv = shutil.which("setpriv")
    return () if setpriv is None else (setpriv, "--pdeathsig", "KILL", "--")
