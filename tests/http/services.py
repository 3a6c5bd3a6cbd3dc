"""One caller, the running gateway and one department between which a test lets bytes travel."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from gateway.http.server import Times
from tests.doubles.caller import Caller
from tests.doubles.gateway import WITH_KEY, http_service, routes_text, running_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.doubles.gateway import RunningGateway
    from tests.doubles.origin import Origin

__all__ = ["CHUNKED", "KIBIBYTE", "MEBIBYTE", "PAY", "between"]

PAY: Final = "/s/edu.payment/orders"
KIBIBYTE: Final = 1 << 10
MEBIBYTE: Final = 1 << 20
CHUNKED: Final = {**WITH_KEY, "Transfer-Encoding": "chunked"}

PROMISED: Final = Times()


@asynccontextmanager
async def between(
    origin: Origin, times: Times = PROMISED, **settings: str
) -> AsyncIterator[tuple[RunningGateway, Caller]]:
    """A gateway with one service at `origin` (`settings` are the service's) and a caller of it."""
    text = routes_text(http_service("edu.payment", origin.url, **{"max_body": "1GiB", **settings}))
    async with (
        running_gateway(text, times=times) as running,
        Caller(running.entry_port) as caller,
    ):
        yield running, caller
