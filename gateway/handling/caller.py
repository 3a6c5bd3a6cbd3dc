"""The caller of a request, as those who handle it see it.

Room rule: as `gateway.handling`; `gateway.entry` implements it over HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gateway.errors import Fault
    from gateway.handling.request_record import RequestRecord
    from gateway.message import ServiceReply, ServiceRequest

__all__ = ["Caller"]


class Caller(Protocol):
    """The caller's side of a request.

    `status` is what was or would have been answered; it is set by `send`, `begin` and `refuse`.
    """

    method: str
    arrived: float
    status: int

    @property
    def bytes_in(self) -> int:
        """Bytes of the request's body that were taken."""

    @property
    def bytes_out(self) -> int:
        """Bytes that were written, heads included."""

    def read(self) -> ServiceRequest:
        """Return the request; raises `Fault` when it breaks the rules of the door."""

    def send(self, reply: ServiceReply, body: bytes) -> None:
        """Answer at once."""

    def begin(self, reply: ServiceReply, length: int | None) -> None:
        """Begin an answer whose body follows."""

    async def write(self, data: bytes) -> None:
        """Pass on a piece of the body; waits while the caller is slow."""

    def end(self) -> None:
        """The answer is complete."""

    def refuse(self, fault: Fault, record: RequestRecord) -> None:
        """Answer with a problem, or break off an answer that has begun."""

    def lose(self, fault: Fault) -> None:
        """Nobody is there to be answered: only note what it would have been."""
