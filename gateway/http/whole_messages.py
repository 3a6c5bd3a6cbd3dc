"""Messages that arrive in one piece, read by the shortest way.

Room rule: as `gateway.http`, and this module knows one case only: a complete GET without a body,
and a complete answer with its body, each in the bytes of one read. llhttp checks them as it checks
everything, without calling back for each header; only then are the lines split. Whatever is
otherwise (or refused) is left to `parsing.py`, which reads the same bytes from the beginning and
alone gives reasons.
"""

from __future__ import annotations

from typing import Final

import httptools

from gateway.message import HeaderLines

__all__ = ["WholeAnswer", "WholeRequest"]

_END: Final = b"\r\n\r\n"
_GET: Final = b"GET "
_HTTP_11: Final = b" HTTP/1.1"
_HOST: Final = (b"Host:", b"host:")

MOST_FIELDS: Final = 128
LARGEST: Final = 8190
"""Bytes of a head that is read here: below every limit on lines, fields and heads."""


class WholeRequest:
    """Reads complete requests; `keep_alive` and `target` are those of the last one."""

    __slots__ = ("_completed", "_parser", "headers", "keep_alive", "target")

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._completed = 0
        self.keep_alive = False
        self.target = ""
        self.headers = HeaderLines([])

    def read(self, data: bytes) -> bool:
        """Return whether `data` was one complete GET in HTTP/1.1 with a Host at its head."""
        if len(data) > LARGEST or not data.startswith(_GET) or not data.endswith(_END):
            return False
        lines = data[:-4].split(b"\r\n")
        first = lines.pop(0)
        if (
            not first.endswith(_HTTP_11)
            or b" " in first[4:-9]
            or not lines
            or lines[0][:5] not in _HOST
            or b"" in lines  # something follows the head
            or len(lines) > MOST_FIELDS
        ):
            return False
        self._completed = 0
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._parser = httptools.HttpRequestParser(self)
            return False
        if self._completed != 1:  # it announces a body
            self._parser = httptools.HttpRequestParser(self)
            return False
        self.target = first[4:-9].decode("latin-1")
        self.headers = HeaderLines(lines)
        return True

    def on_headers_complete(self) -> None:
        self.keep_alive = self._parser.should_keep_alive()

    def on_message_complete(self) -> None:
        self._completed += 1


class WholeAnswer:
    """Reads complete answers; the attributes are those of the last one."""

    __slots__ = ("_begun", "_completed", "_parser", "_pieces", "body", "headers", "keep_alive",
                 "status")  # fmt: skip

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._completed = 0
        self._pieces: list[bytes] = []
        self._begun = 0
        self.keep_alive = False
        self.status = 0
        self.headers = HeaderLines([])
        self.body = b""

    def read(self, data: bytes) -> bool:
        """Return whether `data` was one complete final answer in HTTP/1.1."""
        end = data.find(_END)
        if not 0 < end <= LARGEST or not data.startswith(b"HTTP/1.1 "):
            return False
        self._begun = self._completed = 0
        self._pieces = []
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._parser = httptools.HttpResponseParser(self)
            return False
        # Another message that begins behind the first answers nothing: not one byte of it is read.
        if self._begun != 1 or self._completed != 1 or not 200 <= self.status < 600:
            self._parser = httptools.HttpResponseParser(self)
            return False
        lines = data[:end].split(b"\r\n")
        del lines[0]
        if len(lines) > MOST_FIELDS:
            return False
        self.headers = HeaderLines(lines)
        pieces = self._pieces
        self.body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return True

    def on_message_begin(self) -> None:
        self._begun += 1

    def on_headers_complete(self) -> None:
        self.keep_alive = self._parser.should_keep_alive()
        self.status = self._parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        self._pieces.append(data)

    def on_message_complete(self) -> None:
        self._completed += 1
