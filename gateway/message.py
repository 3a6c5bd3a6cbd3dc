"""What travels along the path: a request for a service and the reply to it, both immutable.

Room rule: values only. No parsing, no I/O, no policy; the rooms above fill and read them.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

__all__ = ["Body", "RawHeaders", "ServiceReply", "ServiceRequest"]

RawHeaders = tuple[tuple[bytes, bytes], ...]
"""Header fields in the order and spelling in which they arrived; values without outer blanks."""


class Body(Protocol):
    """A body on its way: read piece by piece, never held whole unless somebody must."""

    @property
    def length(self) -> int | None:
        """The announced number of bytes; None when only the end tells."""

    async def read(self) -> bytes:
        """Return the next piece, `b""` at the end.

        Raises `gateway.errors.Fault` when the sender breaks off, stalls or exceeds a limit.
        """

    def read_available(self) -> bytes | None:
        """Return the whole rest if it is here already, else None and take nothing."""


class ServiceRequest(NamedTuple):
    """One request at the unified entry, read and checked, before any decision about it.

    `path` is what follows the service ID (or the whole path when the header names the service):
    empty or beginning with `/`, percent-encoding as sent. `query` is without the `?`.
    `arrived` is the loop's clock when the head was complete, in seconds.
    """

    service_id: str
    method: str
    path: str
    query: str
    headers: RawHeaders
    body: Body
    arrived: float
    request_id: str
    trace_id: str
    peer: str


class ServiceReply(NamedTuple):
    """The answer for the caller: end-to-end headers only; `body` whole or on its way."""

    status: int
    headers: RawHeaders
    body: bytes | Body
