"""The request log: one line a request, written by a thread in batches.

Room rule: a line has no field for a path, a query, a header or a body, so no personal data can
get in. Writing to a pipe or a full disk can block for as long as the reader likes; the loop
never waits for it, and what does not fit within the bound is dropped and counted.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import orjson

if TYPE_CHECKING:
    import io
    from collections.abc import Callable

    from gateway.telemetry.process_log import LogFormat

__all__ = ["RequestLine", "RequestLog"]

FLUSH_SECONDS: Final = 0.2
BATCH_BYTES: Final = 64 << 10
LIMIT_BYTES: Final = 8 << 20
CLOSE_SECONDS: Final = 5.0
RETRY_SECONDS: Final = 0.01
MILLISECONDS: Final = tuple(f".{number:03d}Z" for number in range(1000))


class RequestLine:
    """One request that is over; `-` or None stands for what is not known.

    `time` is seconds since 1970 (UTC) at the end of the request; `duration` and
    `department_time` are seconds; `attempts` counts every try; `destination` is the URL of the
    endpoint or the name of the topic that was asked last.
    """

    __slots__ = ("attempts", "bytes_in", "bytes_out", "cause", "channel", "department",
                 "department_time", "destination", "duration", "method", "request_id", "service",
                 "side", "status", "time", "trace_id", "transport")  # fmt: skip

    def __init__(  # noqa: PLR0913  # a line has seventeen fields
        self,
        time: float,
        request_id: str,
        trace_id: str,
        channel: str,
        service: str,
        department: str,
        transport: str,
        method: str,
        status: int,
        cause: str,
        side: str | None,
        duration: float,
        department_time: float | None,
        attempts: int,
        bytes_in: int,
        bytes_out: int,
        destination: str | None,
    ) -> None:
        self.time: Final = time
        self.request_id: Final = request_id
        self.trace_id: Final = trace_id
        self.channel: Final = channel
        self.service: Final = service
        self.department: Final = department
        self.transport: Final = transport
        self.method: Final = method
        self.status: Final = status
        self.cause: Final = cause
        self.side: Final = side
        self.duration: Final = duration
        self.department_time: Final = department_time
        self.attempts: Final = attempts
        self.bytes_in: Final = bytes_in
        self.bytes_out: Final = bytes_out
        self.destination: Final = destination


class _Batch(NamedTuple):
    data: bytes
    lines: int


class _Done(Protocol):
    """Called in the thread when a batch is written or lost, and with None when it ends."""

    def __call__(self, batch: _Batch | None, *, lost: bool) -> None: ...


class RequestLog:
    """Buffers lines and hands them to a thread that writes them to `stream`.

    `stream` is unbuffered (`sys.stdout.buffer.raw`): a buffered one has a lock, and a thread that
    is blocked in it would keep the process from ending. A batch goes out when it has
    `BATCH_BYTES` or is `flush_every` seconds old. At most `limit` bytes wait in memory; a line
    beyond that is dropped and told to `dropped`, as are lines that the stream refuses.
    """

    def __init__(
        self,
        stream: io.RawIOBase,
        form: LogFormat,
        dropped: Callable[[int], None],
        *,
        flush_every: float = FLUSH_SECONDS,
        limit: int = LIMIT_BYTES,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._form = form
        self._dropped = dropped
        self._flush_every = flush_every
        self._limit = limit
        self._second = 0
        self._second_text = ""
        self._lines: list[bytes] = []
        self._size = 0
        self._waiting_bytes = 0
        self._waiting_lines = 0
        self._timer: asyncio.TimerHandle | None = None
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._writer = _Writer(stream, self._from_thread)

    def write(self, line: RequestLine) -> None:
        """Take a line; never blocks and never raises."""
        data = self._json(line) if self._form == "json" else self._text(line)
        size = len(data)
        if self._waiting_bytes + self._size + size > self._limit:
            self._dropped(1)
            return
        self._lines.append(data)
        self._size += size
        if self._size >= BATCH_BYTES:
            self.flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(self._flush_every, self.flush)

    def flush(self) -> None:
        """Hand everything that is buffered to the thread now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lines:
            batch = _Batch(b"".join(self._lines), len(self._lines))
            self._waiting_bytes += len(batch.data)
            self._waiting_lines += batch.lines
            self._lines.clear()
            self._size = 0
            self._writer.put(batch)

    async def close(self, wait: float = CLOSE_SECONDS) -> None:
        """Write what is left and end the thread; lines a stream blocks past `wait` s are lost."""
        self.flush()
        self._limit = 0  # whatever is written from now on is dropped
        self._writer.put(None)
        try:
            async with asyncio.timeout(wait):
                await self._ended
        except TimeoutError:
            self._dropped(self._waiting_lines)

    def _from_thread(self, batch: _Batch | None, *, lost: bool) -> None:
        try:
            self._loop.call_soon_threadsafe(self._written, batch, lost)
        except RuntimeError:  # the loop has ended: close() gave this batch up and counted it
            return

    def _written(self, batch: _Batch | None, lost: bool) -> None:  # noqa: FBT001  # a callback
        if self._ended.done():  # close() did not wait any longer and counted this batch
            return
        if batch is None:
            self._ended.set_result(None)
            return
        self._waiting_bytes -= len(batch.data)
        self._waiting_lines -= batch.lines
        if lost:
            self._dropped(batch.lines)

    def _json(self, line: RequestLine) -> bytes:
        waited = line.department_time
        return orjson.dumps(
            {
                "time": self._time(line.time),
                "request_id": line.request_id,
                "trace_id": line.trace_id,
                "channel": line.channel,
                "service": line.service,
                "department": line.department,
                "transport": line.transport,
                "method": line.method,
                "status": line.status,
                "cause": line.cause,
                "side": line.side,
                "duration": int(line.duration * 1e6) / 1e6,
                "department_time": None if waited is None else int(waited * 1e6) / 1e6,
                "attempts": line.attempts,
                "bytes_in": line.bytes_in,
                "bytes_out": line.bytes_out,
                "destination": line.destination,
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )

    def _text(self, line: RequestLine) -> bytes:
        waited = line.department_time
        department = "" if waited is None else f" (department {waited * 1000:.1f} ms)"
        fault = "" if line.side is None else f" {line.cause} [{line.side}]"
        tries = f" tries={line.attempts}" if line.attempts > 1 else ""
        return (
            f"{self._time(line.time)} {line.status} {line.method} {line.service}"
            f" from {line.channel} to {line.destination or '-'}"
            f" {line.duration * 1000:.1f} ms{department}{fault}{tries}"
            f" in={line.bytes_in} out={line.bytes_out}"
            f" request={line.request_id} trace={line.trace_id}\n"
        ).encode()

    def _time(self, seconds: float) -> str:
        """ISO 8601 in UTC with milliseconds; the text of a second is made once."""
        second = int(seconds)
        if second != self._second:
            self._second = second
            self._second_text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return self._second_text + MILLISECONDS[int((seconds - second) * 1000)]


class _Writer:
    """The thread. It starts with the first batch and ends after None; `done` hears of each."""

    def __init__(self, stream: io.RawIOBase, done: _Done) -> None:
        self._stream = stream
        self._done = done
        self._batches: queue.SimpleQueue[_Batch | None] = queue.SimpleQueue()
        # a daemon: a stream that blocks for ever must not keep the process from ending
        self._worker = threading.Thread(target=self._run, name="request-log", daemon=True)

    def put(self, batch: _Batch | None) -> None:
        if self._worker.ident is None:
            self._worker.start()
        self._batches.put(batch)

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None:
            try:
                self._write(batch.data)
            except (OSError, ValueError):  # broken pipe, full disk; ValueError: stream is closed
                self._done(batch, lost=True)
            else:
                self._done(batch, lost=False)
        self._done(None, lost=False)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            written = self._stream.write(rest)
            if written is None:  # somebody made the shared stream non-blocking, and it is full
                time.sleep(RETRY_SECONDS)
            else:
                rest = rest[written:]
