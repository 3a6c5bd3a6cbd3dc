"""The whole gateway in this process, on free ports, from the text of a routes file.

    async with running_gateway(routes_text(http_service("edu.payment", origin.url))) as running:
        async with Caller(running.entry_port) as caller:
            answer = await caller.ask("GET", "/s/edu.payment/orders", WITH_KEY)

The keys and the names of the departments are made up.
"""

from __future__ import annotations

import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import dedent, indent
from typing import TYPE_CHECKING, Any, Final

from gateway.kafka.connection import KafkaConnection
from gateway.serve import Gateway
from gateway.settings import Address, Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

__all__ = [
    "APP_KEY",
    "ENVIRON",
    "MEDIA_KEY",
    "WITH_KEY",
    "RunningGateway",
    "http_service",
    "replace_file",
    "routes_text",
    "running_gateway",
]

APP_KEY: Final = "made-up-key-of-the-app"
MEDIA_KEY: Final = "made-up-key-of-the-media"
WITH_KEY: Final = {"X-Api-Key": APP_KEY}

ENVIRON: Final[Mapping[str, str]] = {"APP_KEY": APP_KEY, "MEDIA_KEY": MEDIA_KEY}
FREE: Final = Address("127.0.0.1", 0)

_HEAD: Final = """\
version: 1
departments:
  edu: {name: 演示教育局, phone: "0510-00000000"}
  hrss: {name: 演示人社局, phone: "0510-00000001"}
channels:
  app: {keys: [env:APP_KEY], services: ["*"], rate: 10000/s, burst: 10000}
  media: {keys: [env:MEDIA_KEY], services: ["edu.*"], rate: 10000/s, burst: 10000}
services:
"""


@dataclass
class RunningGateway:
    """A gateway that listens; `folder` has its routes file `routes`."""

    gateway: Gateway
    routes: Path
    data: Path
    stopped: bool = False

    async def stop(self) -> None:
        """Drain and close before the end."""
        if not self.stopped:
            self.stopped = True
            await self.gateway.drain_and_close()

    @property
    def folder(self) -> Path:
        return self.routes.parent

    @property
    def entry_port(self) -> int:
        return self.gateway.entry_address.port

    @property
    def ops_port(self) -> int:
        return self.gateway.ops_address.port


def routes_text(*services: str, channels: Mapping[str, str] | None = None) -> str:
    """A routes file with the departments edu and hrss, the channels app (may call everything) and
    media (edu.* only), and these services. `channels` has further keys of a channel.
    """
    head = _HEAD
    for channel, keys in (channels or {}).items():
        head = head.replace(f"  {channel}: {{", f"  {channel}: {{{keys}, ")
    return head + "".join(indent(dedent(service).strip() + "\n", "  ") for service in services)


def http_service(service: str, *endpoints: str, department: str = "edu", **settings: str) -> str:
    """A service over HTTP in the file's words; `settings` are further keys with YAML values.

    Keys of the back end itself begin with `http_`: `http_path="/api"`.
    """
    http = {name.removeprefix("http_"): text for name, text in settings.items() if "http_" in name}
    own = {name: text for name, text in settings.items() if "http_" not in name}
    lines = [f"{service}:", f"  title: {service}", f"  department: {department}"]
    lines += [f"  {name}: {text}" for name, text in own.items()]
    lines += ["  http:", f"    endpoints: [{', '.join(endpoints)}]"]
    lines += [f"    {name}: {text}" for name, text in http.items()]
    return "\n".join(lines)


def replace_file(path: Path, text: str) -> Path:
    """Put the text in place at once by renaming over the file, as an editor does; return it."""
    new = path.with_name(path.name + ".new")
    new.write_text(text, "utf-8")
    return new.replace(path)


@asynccontextmanager
async def running_gateway(
    routes: str | Path, *, kafka: str | None = None, **changes: Any
) -> AsyncIterator[RunningGateway]:
    """Start the gateway with the text of a routes file (or the path of one that is there).

    `kafka` is a broker's address, `changes` are of the settings. It is drained and closed at the
    end, and raises `StartError` when it cannot start.
    """
    with tempfile.TemporaryDirectory(prefix="gateway-") as folder:
        path = (
            routes
            if isinstance(routes, Path)
            else replace_file(Path(folder, "routes.yaml"), routes)
        )
        settings = Settings(
            routes=path,
            listen=FREE,
            ops=FREE,
            kafka=None if kafka is None else KafkaConnection(kafka),
            data=Path(folder, "data"),
            drain_time=2.0,
            reload_every=0.05,
            environ=ENVIRON,
        )
        settings = replace(settings, **changes)
        running = RunningGateway(Gateway(settings), path, settings.data)
        try:
            await running.gateway.start()
            yield running
        finally:
            await running.stop()
