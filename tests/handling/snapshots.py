"""Snapshots of live routes from the text of a file, and requests to ask them with."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gateway.handling.live_routes import LiveRoutes, RouteBuilder
from gateway.message import ServiceRequest, WholeBody
from gateway.routing.loader import load_routes
from gateway.sweep import Sweep
from gateway.telemetry.metrics import Metrics
from tests.doubles.gateway import APP_KEY, MEDIA_KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.message import Body
    from gateway.routing.model import Routes

__all__ = ["KEYS", "NOW", "a_request", "builder", "loaded", "snapshot"]

NOW: Final = 1000.0
KEYS: Final[dict[str, tuple[bytes, ...]]] = {
    "app": (APP_KEY.encode(),),
    "media": (MEDIA_KEY.encode(),),
}


async def loaded(text: str) -> Routes:
    """The routes of a file that has no problems."""

    def load() -> Routes:
        with tempfile.TemporaryDirectory(prefix="gateway-") as folder:
            path = Path(folder, "routes.yaml")
            path.write_text(text, "utf-8")
            result = load_routes(path)
        assert result.routes is not None
        assert not result.problems, result.problems
        return result.routes

    return await asyncio.to_thread(load)


def builder(
    metrics: Metrics | None = None, clock: Callable[[], float] = lambda: NOW
) -> RouteBuilder:
    """A builder; its clock stands at `NOW` unless another is given."""
    sweep = Sweep(asyncio.get_running_loop(), clock)
    return RouteBuilder(sweep, metrics or Metrics("0", time.monotonic))


async def snapshot(text: str, keys: dict[str, tuple[bytes, ...]] | None = None) -> LiveRoutes:
    """The first snapshot of a file; the keys of app and media unless others are given."""
    return builder().build(await loaded(text), KEYS if keys is None else keys, None)


def a_request(
    service: str = "edu.payment",
    *,
    method: str = "GET",
    key: str | None = APP_KEY,
    body: Body | None = None,
    **changes: Any,
) -> ServiceRequest:
    """A request that the app may send; what is named is different."""
    fields = {
        "service_id": service,
        "method": method,
        "path": "/orders",
        "query": "",
        "headers": (),
        "fields": b"",
        "body": body or WholeBody(b""),
        "arrived": NOW,
        "api_key": None if key is None else key.encode(),
        "request_id": "request-1",
        "trace_id": "0" * 31 + "1",
        "traceparent": b"",
        "tracestate": None,
    }
    return ServiceRequest(**{**fields, **changes})
