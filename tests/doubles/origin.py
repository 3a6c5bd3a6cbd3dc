"""A department's system as a script: a real TCP server that does exactly what a test says.

    async with Origin(reply(b"paid")) as origin:
        ...                                    # call http://127.0.0.1:{origin.port}/
        assert origin.requests[0].target == "/orders"

An answer is an async function of one exchange. Small answers are joined by `script`; each request
takes the next answer of the list and the last one repeats. `Origin.by_connection` gives every
connection its own list.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Self

from tests.doubles import wire

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

__all__ = [
    "Answer",
    "Exchange",
    "Origin",
    "Received",
    "body",
    "close",
    "deaf",
    "discard_body",
    "drip",
    "half_close",
    "reply",
    "reset",
    "response",
    "script",
    "send",
    "stall",
    "wait",
]


@dataclass
class Received:
    """One request, byte for byte. `raw_body` is as framed on the wire, `body` without framing."""

    connection: int
    raw_head: bytes
    raw_body: bytearray = field(default_factory=bytearray)
    body: bytearray = field(default_factory=bytearray)
    body_size: int = 0
    complete: bool = False

    @cached_property
    def _lines(self) -> list[bytes]:
        return self.raw_head.removesuffix(b"\r\n\r\n").split(b"\r\n")

    @property
    def method(self) -> str:
        return self._lines[0].split(b" ")[0].decode("ascii")

    @property
    def target(self) -> str:
        return self._lines[0].split(b" ")[1].decode("ascii")

    @cached_property
    def headers(self) -> wire.Fields:
        return wire.read_fields(self._lines[1:])

    def values(self, name: str) -> list[bytes]:
        return wire.values(self.headers, name)

    def value(self, name: str) -> bytes | None:
        """The only value of a field, None when it is absent; a repeated field fails the test."""
        found = self.values(name)
        assert len(found) <= 1, f"{name} is repeated: {found}"
        return found[0] if found else None


@dataclass
class Exchange:
    """One request on its connection, in the hands of an answer."""

    received: Received
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    ended: bool = False
    """True when no further request is read from this connection."""


Answer = Callable[[Exchange], Awaitable[None]]


# --- what an answer can do ---------------------------------------------------------------------


def script(*steps: Answer) -> Answer:
    """Do one step after the other."""

    async def run(exchange: Exchange) -> None:
        for step in steps:
            await step(exchange)

    return run


async def body(exchange: Exchange) -> None:
    """Read the request's body to its end and keep it."""
    received = exchange.received
    async for raw, payload in _body_pieces(exchange):
        received.raw_body += raw
        received.body += payload
        received.body_size += len(payload)
    received.complete = True


async def discard_body(exchange: Exchange) -> None:
    """Read the request's body to its end and only count it."""
    async for _, payload in _body_pieces(exchange):
        exchange.received.body_size += len(payload)
    exchange.received.complete = True


def send(data: bytes, *, times: int = 1) -> Answer:
    """Write exactly these bytes, `times` over, waiting whenever the peer does not take them."""

    async def run(exchange: Exchange) -> None:
        for _ in range(times):
            exchange.writer.write(data)
            await exchange.writer.drain()

    return run


def drip(data: bytes, *, pause: float = 0) -> Answer:
    """Write byte by byte, each in a packet of its own, `pause` seconds between them."""

    async def run(exchange: Exchange) -> None:
        for byte in data:
            exchange.writer.write(bytes([byte]))
            await exchange.writer.drain()
            await asyncio.sleep(pause)

    return run


def wait(event: asyncio.Event) -> Answer:
    """Go on when the test sets the event."""

    async def run(_: Exchange) -> None:
        await event.wait()

    return run


async def stall(exchange: Exchange) -> None:
    """Say nothing more until the peer goes away; what it still sends is kept as raw body."""
    exchange.ended = True
    while piece := await exchange.reader.read(1 << 16):
        exchange.received.raw_body += piece


async def deaf(exchange: Exchange) -> None:
    """Read nothing more and say nothing more, for as long as the origin runs."""
    exchange.ended = True
    await asyncio.Event().wait()


async def close(exchange: Exchange) -> None:
    """Close in the ordinary way (FIN)."""
    exchange.ended = True
    exchange.writer.close()


async def half_close(exchange: Exchange) -> None:
    """Say that nothing more comes (FIN) and go on reading until the peer closes."""
    exchange.writer.write_eof()
    await stall(exchange)


async def reset(exchange: Exchange) -> None:
    """Break the connection (RST): the peer loses what it has not read yet."""
    exchange.ended = True
    abort(exchange.writer)


def response(
    content: bytes = b"", *, status: int = 200, headers: Mapping[str, str] | None = None
) -> bytes:
    """A whole response with Content-Length; a status that has no body gets none."""
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
    head += wire.header_lines(headers or {})
    if status >= 200 and status not in {204, 304}:
        head += b"Content-Length: %d\r\n" % len(content)
    return head + b"\r\n" + content


def reply(
    content: bytes = b"", *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    """The ordinary answer: read the whole request, send a whole response, keep the connection."""
    return script(body, send(response(content, status=status, headers=headers)))


def abort(writer: asyncio.StreamWriter) -> None:
    """Close with RST: a linger time of zero."""
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def _body_pieces(exchange: Exchange) -> AsyncIterator[tuple[bytes, bytes]]:
    framing = wire.announced(exchange.received.headers)
    if framing == "chunked":
        pieces = wire.read_chunks(exchange.reader)
    else:
        pieces = wire.read_length(exchange.reader, framing if isinstance(framing, int) else 0)
    async for piece in pieces:
        yield piece


# --- the server --------------------------------------------------------------------------------


class Origin:
    """A scripted server on a free port of 127.0.0.1; an async context manager.

    `requests` are those whose head has arrived, in order over all connections; `connections`
    counts what was accepted, `open` what is open now. `at_accept` runs before the first request
    of each connection (its exchange has an empty head).
    """

    def __init__(
        self,
        *answers: Answer,
        at_accept: Answer | None = None,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        self.port = port
        self.requests: list[Received] = []
        self.connections = 0
        self.open = 0
        self._answers: Callable[[int], Iterator[Answer]] = _shared(answers or (reply(),))
        self._at_accept = at_accept
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: list[BaseException] = []
        self._news = asyncio.Event()

    @classmethod
    def by_connection(cls, *answers: Sequence[Answer]) -> Self:
        """Answer the n-th connection with the n-th list; the last list serves all later ones."""
        origin = cls()
        origin._answers = lambda connection: _repeat_last(
            answers[min(connection, len(answers) - 1)]
        )
        return origin

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.come_back()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.go_away()
        if self._failures and error is None:
            raise self._failures[0]

    async def come_back(self) -> None:
        """Listen (again) on the same port."""
        self._server = await asyncio.start_server(
            self._accepted, "127.0.0.1", self.port, ssl=self._tls
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def go_away(self) -> None:
        """Stop listening and reset every connection, as a system that crashes does."""
        if self._server is not None:
            self._server.close()
            self._server = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def until(self, condition: Callable[[Origin], bool]) -> None:
        """Wait for something about this origin; fail after the doubles' patience."""
        async with asyncio.timeout(wire.PATIENCE):
            while not condition(self):
                await self._news.wait()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(self.connections, reader, writer))
        self.connections += 1
        self.open += 1
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        self._tell()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.open -= 1
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failures.append(error)
        self._tell()

    async def _serve(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            await self._converse(number, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the peer went away: what a test wants to know about that is in `requests`
        except asyncio.CancelledError:
            abort(writer)
            raise
        finally:
            writer.close()

    async def _converse(
        self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        answers = self._answers(number)
        if self._at_accept is not None:
            opening = Exchange(Received(number, b""), reader, writer)
            await self._at_accept(opening)
            if opening.ended:
                return
        while head := await wire.read_head(reader):
            received = Received(number, head)
            self.requests.append(received)
            self._tell()
            exchange = Exchange(received, reader, writer)
            await next(answers)(exchange)
            if exchange.ended:
                return


def _repeat_last(answers: Sequence[Answer]) -> Iterator[Answer]:
    yield from answers
    while True:
        yield answers[-1]


def _shared(answers: Sequence[Answer]) -> Callable[[int], Iterator[Answer]]:
    """One list for all connections: each request, wherever it comes in, takes the next answer."""
    queue = _repeat_last(answers)
    return lambda _: queue
