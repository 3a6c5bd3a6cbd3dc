"""Status lines, dates and framing of what goes back to a caller (RFC 9112 §4, §6).

Room rule: as `gateway.http`; bytes in, bytes out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Final

__all__ = ["CHUNK_END", "CONTINUE", "Dates", "chunk", "is_bodiless", "status_line"]

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNK_END: Final = b"0\r\n\r\n"

_RENAMED: Final = {413: "Content Too Large", 414: "URI Too Long"}
"""Phrases of RFC 9110 §15.5 where Python before 3.13 has those of older standards."""

_STATUS_LINES: Final = {
    code: f"HTTP/1.1 {code} {phrase}\r\n".encode()
    for code, phrase in ({status.value: status.phrase for status in HTTPStatus} | _RENAMED).items()
}


def status_line(status: int) -> bytes:
    """Return the status line; the phrase is ours, whatever the department sent."""
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d Unknown\r\n" % status


def is_bodiless(method: str, status: int) -> bool:
    """True when the answer has no body whatever its headers say (RFC 9112 §6.3)."""
    return method == "HEAD" or status in (204, 304)


def chunk(data: bytes) -> bytes:
    """Frame one piece for the chunked coding (RFC 9112 §7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class Dates:
    """The `Date` field, formatted once a second (RFC 9110 §6.6.1)."""

    def __init__(self) -> None:
        self._second = -1
        self._line = b""

    def line(self, now: float) -> bytes:
        """Return the header line; `now` on any clock in seconds, which only tells it to renew."""
        second = int(now)
        if second != self._second:
            self._second = second
            self._line = b"Date: " + format_datetime(datetime.now(UTC), usegmt=True).encode()
            self._line += b"\r\n"
        return self._line
