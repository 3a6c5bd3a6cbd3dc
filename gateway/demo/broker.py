"""The embedded Kafka broker of the demo and the tests, in a process of its own.

Room rule: it is librdkafka's mock cluster (`test.mock.num.brokers`), one broker, **in memory**:
its records die with its process, topics appear when they are first named (4 partitions), and it
checks no sequence numbers. It speaks the real protocol over TCP on a port of 127.0.0.1 that it
chooses itself, so that a restarted one has another address.

Run as `python -m gateway.demo.broker` it prints `HOST:PORT` as its first line and ends when its
standard input does, that is with whoever started it, or on SIGTERM.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING, Final, Self

from gateway.errors import StartError

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["EmbeddedBroker"]

START_TIMEOUT: Final = 20.0
STOP_TIMEOUT: Final = 5.0


class EmbeddedBroker:
    """The broker's process as an async context; `bootstrap` is its address.

    Raises `StartError` when the process does not come up.
    """

    def __init__(self) -> None:
        self.bootstrap = ""
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The process, for whoever wants to stop (SIGSTOP) or kill it."""
        if self._process is None:
            raise RuntimeError("the embedded broker has not been started")
        return self._process.pid

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway.demo.broker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self.bootstrap = await self._first_line(self._process)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.kill()

    async def kill(self) -> None:
        """End the broker without a word, as a crash does; all its records are gone."""
        process = self._process
        if process is not None and process.returncode is None:
            process.kill()
            await process.communicate()

    async def _first_line(self, process: asyncio.subprocess.Process) -> str:
        if process.stdout is None:
            raise RuntimeError("the embedded broker's output is not a pipe")
        try:
            async with asyncio.timeout(START_TIMEOUT):
                line = (await process.stdout.readline()).decode().strip()
        except TimeoutError:
            line = ""
        if not line:
            await self.kill()
            raise StartError(
                "The embedded Kafka broker did not start: see its message above, and check that"
                " the package confluent-kafka is installed (pip install 'gateway[demo]')."
            )
        return line


def main() -> None:
    """Run the broker until standard input ends or SIGTERM comes."""
    # Imported by the broker's process alone: without the package, whoever starts it is told so.
    from confluent_kafka import Producer

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cluster = Producer({"test.mock.num.brokers": 1, "log_level": 0})
    brokers = cluster.list_topics(timeout=START_TIMEOUT).brokers.values()
    sys.stdout.write(",".join(f"{broker.host}:{broker.port}" for broker in brokers) + "\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
