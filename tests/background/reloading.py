"""A routes file with its reload, without a gateway around it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from gateway.background.routes_reload import RoutesReload
from gateway.handling.live_routes import RouteBuilder
from gateway.sweep import Sweep
from gateway.telemetry.metrics import Metrics
from tests.doubles.gateway import ENVIRON, http_service, replace_file, routes_text
from tests.telemetry.scrapes import samples_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gateway.handling.live_routes import LiveRoutes

__all__ = ["BOTH", "ONLY_ONE", "ReloadedFile"]

ONE: Final = http_service("edu.one", "http://127.0.0.1:9101")
ONLY_ONE: Final = routes_text(ONE)
BOTH: Final = routes_text(ONE, http_service("edu.two", "http://127.0.0.1:9101"))


@dataclass
class ReloadedFile:
    """The file at `path`; `taken` are the snapshots that took effect, in order."""

    path: Path
    environ: Mapping[str, str] = field(default_factory=lambda: ENVIRON)
    taken: list[LiveRoutes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.metrics = Metrics("0", time.monotonic)
        sweep = Sweep(asyncio.get_running_loop())
        builder = RouteBuilder(sweep, self.metrics)
        self.reload = RoutesReload(
            self.path, self.environ, builder, self.metrics, self.taken.append
        )

    async def first(self, text: str = ONLY_ONE) -> None:
        self.write(text)
        await self.reload.first()

    async def again(self, text: str | None = None) -> str:
        """Reload, after writing the text if there is one; return the result."""
        if text is not None:
            self.write(text)
        await self.reload.reload()
        return self.reload.state.result

    async def look(self) -> str:
        return await asyncio.to_thread(self.reload.look)

    def write(self, text: str) -> None:
        replace_file(self.path, text)

    @property
    def services(self) -> list[str]:
        return list(self.taken[-1].services)

    async def counted(self, name: str) -> dict[str, float]:
        """The samples of one metric that are not 0."""
        samples = await samples_of(self.metrics)
        return {key: value for key, value in samples.items() if key.startswith(name) and value}
