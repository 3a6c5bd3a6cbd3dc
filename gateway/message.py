"""What travels along the path: a request for a service and the reply to it, both immutable.

Room rule: values only. No parsing, no I/O, no policy; the rooms above fill and read them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Body", "HeaderLines", "RawHeaders", "ServiceReply", "ServiceRequest", "WholeBody"]

RawHeaders = Iterable[tuple[bytes, bytes]]
"""Header fields in the order and spelling in which they arrived; values without outer blanks."""


class HeaderLines:
    """Header fields as the lines they came in: most are passed on without being taken apart."""

    __slots__ = ("lines",)

    def __init__(self, lines: list[bytes]) -> None:
        self.lines = lines

    @classmethod
    def of(cls, fields: RawHeaders) -> HeaderLines:
        """Return the lines of fields that were taken apart already."""
        return cls([b"%b: %b" % field for field in fields])

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        for line in self.lines:
            name, _, value = line.partition(b":")
            yield name, value.strip(b" \t")


class Body(Protocol):
    """A body on its way: read piece by piece, never held whole unless somebody must.

    `limit` is the largest number of bytes that may be taken (None: no limit), `taken` how many
    were. `waiting` is true while a reader waits for the sender, `waited` is for how many seconds
    readers have.
    """

    limit: int | None
    taken: int

    @property
    def length(self) -> int | None:
        """The announced number of bytes; None when only the end tells."""

    @property
    def waiting(self) -> bool: ...

    @property
    def waited(self) -> float: ...

    async def read(self) -> bytes:
        """Return the next piece, `b""` at the end.

        Raises `gateway.errors.Fault` when the sender breaks off, stalls or exceeds the limit.
        """

    def read_available(self) -> bytes | None:
        """Return the whole rest if it is here already, else None and take nothing."""


class WholeBody:
    """A body that is here already; it can be read by every attempt anew."""

    __slots__ = ("_data", "awaited", "limit", "taken")

    waiting = False
    waited = 0.0
    complete = True

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.limit: int | None = None
        self.awaited: Callable[[], None] | None = None
        self.taken = 0

    @property
    def length(self) -> int:
        return len(self._data)

    async def read(self) -> bytes:
        data = self._data[self.taken :]
        self.taken = len(self._data)
        return data

    def read_available(self) -> bytes:
        return self._data


class ServiceRequest:
    """One request at the unified entry, read and checked, before any decision about it.

    `path` is what follows the service ID (or the whole path when the header names the service):
    empty or beginning with `/`, percent-encoding as sent. `query` is without the `?`. `headers`
    are all that the caller sent; `fields` is the block of header lines that an HTTP department
    gets: end-to-end ones of the caller's and those that the entry adds, each ended by CRLF.
    `arrived` is the loop's clock when the head was complete, in seconds.
    """

    __slots__ = ("api_key", "arrived", "body", "fields", "headers", "method", "path", "query",
                 "request_id", "service_id", "trace_id", "traceparent", "tracestate")  # fmt: skip

    def __init__(  # noqa: PLR0913  # a value of thirteen parts, all of them always there
        self,
        service_id: str,
        method: str,
        path: str,
        query: str,
        headers: RawHeaders,
        fields: bytes,
        body: Body,
        arrived: float,
        api_key: bytes | None,
        request_id: str,
        trace_id: str,
        traceparent: bytes,
        tracestate: bytes | None,
    ) -> None:
        self.service_id: Final = service_id
        self.method: Final = method
        self.path: Final = path
        self.query: Final = query
        self.headers: Final = headers
        self.fields: Final = fields
        self.body: Final = body
        self.arrived: Final = arrived
        self.api_key: Final = api_key
        self.request_id: Final = request_id
        self.trace_id: Final = trace_id
        self.traceparent: Final = traceparent
        self.tracestate: Final = tracestate

    def with_body(self, body: Body) -> ServiceRequest:
        """Return the same request with its body read or replaced."""
        return ServiceRequest(
            self.service_id, self.method, self.path, self.query, self.headers, self.fields,
            body, self.arrived, self.api_key, self.request_id, self.trace_id, self.traceparent,
            self.tracestate,
        )  # fmt: skip

    def with_key(self, api_key: bytes) -> ServiceRequest:
        """Return the same request as if it had come with another key."""
        return ServiceRequest(
            self.service_id, self.method, self.path, self.query, self.headers, self.fields,
            self.body, self.arrived, api_key, self.request_id, self.trace_id, self.traceparent,
            self.tracestate,
        )  # fmt: skip


class ServiceReply:
    """The answer for the caller; `body` is whole (bytes) or on its way.

    `fields` is the block of end-to-end header lines, each ended by CRLF, without those of framing;
    `dated` tells whether a `Date` is among them.
    """

    __slots__ = ("body", "dated", "fields", "status")

    def __init__(
        self, status: int, fields: bytes, body: bytes | Body, *, dated: bool = False
    ) -> None:
        self.status: Final = status
        self.fields: Final = fields
        self.body: Final = body
        self.dated: Final = dated
