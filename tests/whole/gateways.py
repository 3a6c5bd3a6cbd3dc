"""The whole gateway in this process, on free ports, from a routes file that a test writes."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from textwrap import dedent, indent
from typing import TYPE_CHECKING, Any, Final

from gateway.serve import Gateway

from gateway.kafka.connection import KafkaConnection
from gateway.settings import Address, Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

__all__ = ["APP_KEY", "MEDIA_KEY", "WITH_KEY", "routes_text", "running_gateway", "write_routes"]

APP_KEY: Final = "made-up-key-of-the-app"
MEDIA_KEY: Final = "made-up-key-of-the-media"
WITH_KEY: Final = {"X-Api-Key": APP_KEY}

ENVIRON: Final = {"APP_KEY": APP_KEY, "MEDIA_KEY": MEDIA_KEY}
FREE: Final = Address("127.0.0.1", 0)

_HEAD: Final = """\
version: 1
departments:
  edu: {name: 演示教育局, phone: "0510-00000000"}
  hrss: {name: 演示人社局, phone: "0510-00000001"}
channels:
  app: {keys: [env:APP_KEY], services: ["*"], rate: 10000/s}
  media: {keys: [env:MEDIA_KEY], services: ["edu.*"], rate: 5/s, burst: 5}
services:
"""


def routes_text(*services: str) -> str:
    """A routes file with two departments, the channels app and media, and these services."""
    return _HEAD + "".join(indent(dedent(service).strip() + "\n", "  ") for service in services)


def write_routes(path: Path, text: str) -> Path:
    """Replace the file at once, as an editor or a ConfigMap does; return it."""
    new = path.with_name(path.name + ".new")
    new.write_text(text, "utf-8")
    new.replace(path)
    return path


@asynccontextmanager
async def running_gateway(
    routes: Path, *, kafka: str | None = None, **changes: Any
) -> AsyncIterator[Gateway]:
    """Start the gateway with these routes and a broker's address; `changes` are of the settings."""
    settings = Settings(
        routes=routes,
        listen=FREE,
        ops=FREE,
        kafka=KafkaConnection(kafka) if kafka is not None else None,
        drain_time=2.0,
        reload_every=0.05,
        environ=ENVIRON,
    )
    gateway = Gateway(replace(settings, **changes))
    try:
        await gateway.start()
        yield gateway
    finally:
        await gateway.drain_and_close()
