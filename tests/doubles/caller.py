"""A caller as a script: a raw HTTP/1.1 client that sends exactly the bytes a test gives it.

async with Caller(port) as caller:
    answer = await caller.ask("GET", "/s/edu.payment/orders", {"X-Api-Key": key})
    assert answer.status == 200
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from tests.doubles import wire
from tests.doubles.origin import abort

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping
    from types import TracebackType

__all__ = ["BrokenOffError", "Caller", "Response", "request"]


@dataclass
class Response:
    """One response. `framing` is "none", "length", "chunked" or "close" (the end tells)."""

    raw_head: bytes
    status: int
    reason: str
    headers: wire.Fields
    framing: str = "none"
    body: bytes = b""
    raw_body: bytes = field(default=b"", repr=False)

    def values(self, name: str) -> list[bytes]:
        return wire.values(self.headers, name)

    def value(self, name: str) -> str | None:
        """The only value of a field, None when it is absent; a repeated field fails the test."""
        found = self.values(name)
        assert len(found) <= 1, f"{name} is repeated: {found}"
        return found[0].decode("latin-1") if found else None

    def json(self) -> Any:
        return json.loads(self.body)


class BrokenOffError(Exception):
    """The connection ended inside a response; `response` holds what had arrived."""

    def __init__(self, response: Response | None) -> None:
        super().__init__("the connection ended inside a response")
        self.response = response


def request(
    method: str, target: str, headers: Mapping[str, str] | None = None, content: bytes | None = None
) -> bytes:
    """A whole request: `Host` and, with a body, `Content-Length` unless the headers frame it."""
    given = {name.lower() for name in headers or {}}
    head = f"{method} {target} HTTP/1.1\r\n".encode("latin-1")
    if "host" not in given:
        head += b"Host: gateway.test\r\n"
    head += wire.header_lines(headers or {})
    if content is not None and not given & {"content-length", "transfer-encoding"}:
        head += b"Content-Length: %d\r\n" % len(content)
    return head + b"\r\n" + (content or b"")


class Caller:
    """One connection to a port of 127.0.0.1; an async context manager.

    Every wait is bounded by the doubles' patience.
    """

    def __init__(self, port: int, *, tls: ssl.SSLContext | None = None) -> None:
        self._port = port
        self._tls = tls
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        async with asyncio.timeout(wire.PATIENCE):
            self._reader, self._writer = await asyncio.open_connection(
                "127.0.0.1", self._port, ssl=self._tls
            )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()
        try:
            async with asyncio.timeout(1):
                await self._writer.wait_closed()
        except (ConnectionError, TimeoutError):
            self._writer.transport.abort()  # the gateway takes no more, or has gone

    @property
    def address(self) -> tuple[str, int]:
        """This end of the connection, as the gateway sees it."""
        host, port = self._writer.get_extra_info("sockname")[:2]
        return host, port

    async def send(self, data: bytes) -> None:
        """Write these bytes and wait until the system has taken them."""
        self._writer.write(data)
        async with asyncio.timeout(wire.PATIENCE):
            await self._writer.drain()

    async def drip(self, data: bytes, *, pause: float = 0) -> None:
        """Write byte by byte, each in a packet of its own, `pause` seconds between them."""
        for byte in data:
            self._writer.write(bytes([byte]))
            await self._writer.drain()
            await asyncio.sleep(pause)

    def half_close(self) -> None:
        """Say that nothing more comes (FIN); answers can still be read."""
        self._writer.write_eof()

    def reset(self) -> None:
        """Break the connection (RST)."""
        abort(self._writer)

    def close(self) -> None:
        """Close in the ordinary way (FIN)."""
        self._writer.close()

    def stop_reading(self) -> None:
        """Take nothing more from the system's buffers, as a slow reader does."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]  # a stream's transport is a full one

    def go_on_reading(self) -> None:
        self._writer.transport.resume_reading()  # type: ignore[attr-defined]  # as above

    async def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Response:
        """Send a whole request and read its final response."""
        await self.send(request(method, target, headers, content))
        while (answer := await self.receive(method)).status < 200:
            pass
        return answer

    async def receive(self, method: str = "GET") -> Response:
        """Read the next response (an interim one too) to a request of this method.

        Raises `BrokenOffError` when the connection ends first.
        """
        answer: Response | None = None
        try:
            async with asyncio.timeout(wire.PATIENCE):
                answer = await self.receive_head(method)
                async for raw, payload in self._pieces(answer):
                    answer.raw_body += raw
                    answer.body += payload
        except (ConnectionError, asyncio.IncompleteReadError) as broken:
            raise BrokenOffError(answer) from broken
        return answer

    async def receive_head(self, method: str = "GET") -> Response:
        """Read only the head of the next response."""
        head = await wire.read_head(self._reader)
        if not head:
            raise BrokenOffError(None)
        line, *rest = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        match = re.fullmatch(rb"HTTP/1\.1 ([1-9][0-9]{2}) ([\x20-\x7e]*)", line)
        if match is None:
            raise wire.NotHttpError(f"not a status line: {line!r}")
        answer = Response(head, int(match[1]), match[2].decode(), wire.read_fields(rest))
        answer.framing = _framing(answer, method)
        return answer

    async def count_body(self, answer: Response) -> int:
        """Read the body after `receive_head` without keeping it; return its size in bytes."""
        size = 0
        async for _, payload in self._pieces(answer):
            size += len(payload)
        return size

    async def read(self, limit: int = 1 << 16) -> bytes:
        """Return the next bytes as they come, `b""` when the gateway has closed."""
        async with asyncio.timeout(wire.PATIENCE):
            return await self._reader.read(limit)

    async def closed(self) -> bytes:
        """Wait until the gateway closes; return what it sent before that."""
        async with asyncio.timeout(wire.PATIENCE):
            try:
                return await self._reader.read()
            except ConnectionError:
                return b""

    async def _pieces(self, answer: Response) -> AsyncIterator[tuple[bytes, bytes]]:
        if answer.framing == "chunked":
            pieces = wire.read_chunks(self._reader)
        elif answer.framing == "length":
            pieces = wire.read_length(self._reader, int(answer.value("content-length") or "0"))
        elif answer.framing == "close":
            pieces = wire.read_to_end(self._reader)
        else:
            return
        async for piece in pieces:
            yield piece


def _framing(answer: Response, method: str) -> str:
    """How the body of a response is framed (RFC 9112, section 6.3)."""
    told = wire.announced(answer.headers)
    if method == "HEAD" or answer.status < 200 or answer.status in {204, 304}:
        return "none"
    if told == "chunked":
        return "chunked"
    return "close" if told is None else "length"
