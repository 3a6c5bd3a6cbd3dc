"""HTTP/1.1 as bytes, read strictly: what both the origin and the caller double need of it.

A double refuses what the standard forbids (RFC 9112): bare LF, blanks before a colon, two
framings at once. So each test with a double also tests that the gateway writes proper HTTP.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

__all__ = [
    "PATIENCE",
    "Fields",
    "NotHttpError",
    "announced",
    "chunked",
    "header_lines",
    "read_chunks",
    "read_fields",
    "read_head",
    "read_length",
    "read_to_end",
    "values",
]

Fields = tuple[tuple[bytes, bytes], ...]
"""Header fields as received: order, spelling and repetition kept."""

PATIENCE: Final = 10.0
"""Seconds after which a double gives up waiting; a test that gets there has failed."""

_FIELD: Final = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[\x21-\x7e\x80-\xff\t ]*[^\t \r\n\0])?)[ \t]*"
)


class NotHttpError(AssertionError):
    """The gateway wrote something that is not HTTP/1.1."""


async def read_head(reader: asyncio.StreamReader) -> bytes:
    """Read up to and with the empty line; `b""` when the peer closes before the first byte."""
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as broken:
        if broken.partial:
            raise NotHttpError(f"the head broke off: {broken.partial!r}") from None
        return b""


def read_fields(lines: list[bytes]) -> Fields:
    """Split header lines strictly."""
    fields = []
    for line in lines:
        match = _FIELD.fullmatch(line)
        if match is None:
            raise NotHttpError(f"not a header line: {line!r}")
        fields.append((match[1], match[2]))
    return tuple(fields)


def values(fields: Fields, name: str) -> list[bytes]:
    """Every value of a field, in order; names are compared without case."""
    wanted = name.lower().encode()
    return [value for key, value in fields if key.lower() == wanted]


def announced(fields: Fields) -> int | str | None:
    """How the body is framed: its length, "chunked", or None when no field tells."""
    codings, lengths = values(fields, "transfer-encoding"), values(fields, "content-length")
    if codings and lengths:
        raise NotHttpError("Transfer-Encoding and Content-Length together")
    if codings:
        if codings != [b"chunked"]:
            raise NotHttpError(f"Transfer-Encoding is {codings}")
        return "chunked"
    if not lengths:
        return None
    if len(lengths) > 1 or not re.fullmatch(rb"[0-9]+", lengths[0]):
        raise NotHttpError(f"Content-Length is {lengths}")
    return int(lengths[0])


async def read_length(
    reader: asyncio.StreamReader, length: int
) -> AsyncIterator[tuple[bytes, bytes]]:
    """Yield (raw, payload) pieces of a body of known length; ends early with the peer."""
    left = length
    while left and (piece := await reader.read(min(left, 1 << 16))):
        left -= len(piece)
        yield piece, piece
    if left:
        raise asyncio.IncompleteReadError(b"", left)


async def read_chunks(reader: asyncio.StreamReader) -> AsyncIterator[tuple[bytes, bytes]]:
    """Yield (raw, payload) pieces of a chunked body; trailers are part of the last raw piece."""
    while True:
        line = await reader.readuntil(b"\r\n")
        if not re.fullmatch(rb"[0-9A-Fa-f]+(;[^\r\n]*)?\r\n", line):
            raise NotHttpError(f"not a chunk line: {line!r}")
        size = int(line.split(b";")[0], 16)
        if size == 0:
            break
        payload = await reader.readexactly(size)
        end = await reader.readexactly(2)
        if end != b"\r\n":
            raise NotHttpError(f"the chunk does not end: {end!r}")
        yield line + payload + end, payload
    while (trailer := await reader.readuntil(b"\r\n")) != b"\r\n":
        line += trailer
    yield line + trailer, b""


async def read_to_end(reader: asyncio.StreamReader) -> AsyncIterator[tuple[bytes, bytes]]:
    """Yield (raw, payload) pieces until the peer closes."""
    while piece := await reader.read(1 << 16):
        yield piece, piece


def chunked(*pieces: bytes, trailers: Mapping[str, str] | None = None) -> bytes:
    """Encode pieces as a chunked body, one chunk each."""
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return chunks + b"0\r\n" + header_lines(trailers or {}) + b"\r\n"


def header_lines(fields: Mapping[str, str]) -> bytes:
    return b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in fields.items())
