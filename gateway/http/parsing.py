"""The seam to the parser: aiohttp's C parsers (llhttp), with limits and our own faults.

Room rule: nobody else in `http/` names the parser's classes, so that it can be changed here.
The parser refuses smuggling (RFC 9112 §6.3, §11.2): CL with TE, repeated or signed lengths, bare
LF, obs-fold, a blank before the colon, NUL; what it lets pass and must not is refused here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import (
    HttpRequestParser,
    HttpResponseParser,
    HttpVersion10,
    HttpVersion11,
    RawRequestMessage,
    RawResponseMessage,
)
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from gateway import errors
from gateway.errors import Fault

if TYPE_CHECKING:
    import asyncio

__all__ = [
    "EMPTY_PAYLOAD",
    "MAX_HEAD",
    "PIPELINED",
    "UNREAD",
    "BaseProtocol",
    "HttpProcessingError",
    "HttpRequestParser",
    "HttpResponseParser",
    "HttpVersion10",
    "HttpVersion11",
    "RawRequestMessage",
    "RawResponseMessage",
    "StreamReader",
    "request_fault",
    "request_parser",
    "response_fault",
    "response_parser",
]

MAX_LINE: Final = 8190
MAX_FIELD: Final = 8190
MAX_FIELDS: Final = 128
MAX_HEAD: Final = 64 << 10
"""Bytes of a whole head, request line included."""

PIPELINED: Final = 2
"""Requests of one connection that are parsed ahead of their turn, the one at hand included."""

UNREAD: Final = RawRequestMessage(
    method="-",
    path="",
    version=HttpVersion10,
    headers=CIMultiDictProxy(CIMultiDict()),
    raw_headers=(),
    should_close=True,
    compression=None,
    upgrade=False,
    chunked=False,
    url=URL(),
)
"""Stands for a request whose head could not be read."""

BUFFER: Final = 64 << 10
"""A body's reader pauses its connection when twice this many bytes wait for the other side."""


def request_parser(protocol: BaseProtocol, loop: asyncio.AbstractEventLoop) -> HttpRequestParser:
    """Return a parser of one caller's requests; it holds pipelined ones back."""
    return HttpRequestParser(
        protocol,
        loop,
        BUFFER,
        max_line_size=MAX_LINE,
        max_field_size=MAX_FIELD,
        max_headers=MAX_FIELDS,
        auto_decompress=False,
        max_msg_queue_size=PIPELINED,
    )


def response_parser(
    protocol: BaseProtocol, loop: asyncio.AbstractEventLoop, *, bodiless: bool
) -> HttpResponseParser:
    """Return a parser of one department's answers; `bodiless` for answers to HEAD."""
    return HttpResponseParser(
        protocol,
        loop,
        BUFFER,
        max_line_size=MAX_LINE,
        max_field_size=MAX_FIELD,
        max_headers=MAX_FIELDS,
        response_with_body=not bodiless,
        read_until_eof=True,
        auto_decompress=False,
    )


def request_fault(error: Exception, head: bytes) -> Fault:
    """Say what is wrong with a request that the parser refused; `head` is what came of it."""
    if isinstance(error, LineTooLong):
        line = head.partition(b"\n")[0]
        return Fault(errors.TARGET_TOO_LONG if len(line) > MAX_LINE else errors.HEADERS_TOO_LARGE)
    if "Too many headers" in str(error):
        return Fault(errors.HEADERS_TOO_LARGE)
    return Fault(errors.MALFORMED_REQUEST)


def response_fault(error: Exception) -> Fault:
    """Say what is wrong with an answer that the parser refused."""
    large = isinstance(error, LineTooLong) or "Too many headers" in str(error)
    cause = errors.ANSWER_HEADERS_TOO_LARGE if large else errors.ANSWER_MALFORMED
    return Fault(cause, may_have_been_sent=True)
