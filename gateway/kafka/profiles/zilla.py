"""The profile `zilla`: a service behind Zilla's `http-kafka` binding answers as it is.

Room rule: as `gateway.kafka.profiles`.

`zilla:correlation-id` (opaque to the service) and `zilla:reply-to` as Zilla sends them; HTTP's
part stands in the pseudo-headers `:method` and `:path` (with the query), as Zilla copies them from
the request. `idempotency-key` is the event id, which a record that is sent again shares: it is what
such services know duplicates by. The reply has `zilla:correlation-id` and, unless it is 200,
`:status`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.kafka.profiles.echo import Echo

if TYPE_CHECKING:
    from gateway.kafka.profiles.request_fields import HeaderList
    from gateway.message import ServiceRequest

__all__ = ["ZILLA"]


class Zilla(Echo):
    """The pattern with HTTP's part in pseudo-headers (RFC 9113, 8.3.1)."""

    __slots__ = ()

    def identity(self, event_id: str) -> HeaderList:
        """Return the id of the event under its two names."""
        return [("ce_id", event_id.encode()), ("idempotency-key", event_id.encode())]

    def http_part(self, request: ServiceRequest) -> HeaderList:
        """Return method and path; a path is never empty there."""
        path = request.path or "/"
        target = f"{path}?{request.query}" if request.query else path
        return [
            (":method", request.method.encode()),
            (":path", target.encode("utf-8", "surrogateescape")),
        ]


ZILLA: Final = Zilla("zilla", "zilla:correlation-id", "zilla:reply-to", statuses=(":status",))
