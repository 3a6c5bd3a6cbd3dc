"""A child process of the demo: started with a line of JSON, ready with a line of JSON.

The child lives as long as its standard input is open, so it ends with its parent whatever happens
to that one; it is in a session of its own, so that Ctrl-C reaches the parent alone, which ends the
children in order.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Final, Self

from gateway.errors import StartError

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Child", "run_child"]

START_LIMIT: Final = 20.0
"""Seconds a child may take to be ready."""

END_LIMIT: Final = 3.0
"""Seconds a child may take to end before it is killed."""

Work = Callable[[Mapping[str, Any]], AbstractAsyncContextManager[None]]


class Child:
    """The parent's side: an async context manager that is entered when the child is ready.

    Raises `StartError` with the child's own words when it cannot start.
    """

    def __init__(self, module: str, plan: Mapping[str, Any]) -> None:
        self._module = module
        self._plan = plan
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def __aenter__(self) -> Self:
        process = self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", self._module),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            await self._until_ready(process)
        except BaseException:
            await self._end(process)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            await self._end(self._process)

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        try:
            async with asyncio.timeout(START_LIMIT):
                line = await self._first_line(process)
        except TimeoutError:
            raise StartError(f"{self._module} is not ready after {START_LIMIT:g} s.") from None
        said = json.loads(line) if line else {"error": f"{self._module} ended while it started."}
        if "error" in said:
            raise StartError(said["error"])

    async def _first_line(self, process: asyncio.subprocess.Process) -> bytes:
        if process.stdin is None or process.stdout is None:
            return b""
        try:
            process.stdin.write(json.dumps(self._plan).encode() + b"\n")
            await process.stdin.drain()
        except ConnectionError:
            pass  # it has ended already, and said why or nothing
        return await process.stdout.readline()

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(END_LIMIT):
                await process.wait()
        except TimeoutError:
            pass  # it hangs or somebody stopped it: killed below
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


class _Orders(asyncio.Protocol):
    """The child's standard input: one line with the plan, then silence until the parent ends."""

    def __init__(self) -> None:
        self.plan: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.ended = asyncio.Event()
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        if b"\n" in self._received and not self.plan.done():
            self.plan.set_result(self._received)

    def connection_lost(self, _: Exception | None) -> None:
        self.ended.set()
        if not self.plan.done():
            self.plan.set_result(b"{}")


def run_child(work: Work) -> None:
    """The child's side: do `work` from the plan on standard input until the parent has gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(_work(work))


async def _work(work: Work) -> None:
    loop = asyncio.get_running_loop()
    pipe, orders = await loop.connect_read_pipe(_Orders, sys.stdin)
    loop.add_signal_handler(signal.SIGTERM, orders.ended.set)
    plan = json.loads(await orders.plan)
    try:
        if not orders.ended.is_set():
            async with work(plan):
                _say({})
                await orders.ended.wait()
    except StartError as error:
        _say({"error": str(error)})
    finally:
        pipe.close()


def _say(message: Mapping[str, Any]) -> None:
    print(json.dumps(message), flush=True)  # noqa: T201  # the line that the parent waits for
