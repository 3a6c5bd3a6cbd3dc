"""A channel's own server, which is told of its cases."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from tests.doubles.wire import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

__all__ = ["CallbackChannel", "Told", "callback_channel"]


@dataclass(frozen=True)
class Told:
    """One request, as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class CallbackChannel:
    """Answers with `statuses` in turn, the last one for ever."""

    statuses: list[int]
    got: list[Told] = field(default_factory=list)
    port: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, count: int) -> None:
        """Wait until it was told so many times."""
        async with asyncio.timeout(PATIENCE):
            while len(self.got) < count:
                self._news.clear()
                await self._news.wait()

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.got.append(Told(request.method, request.path, request.headers.copy(), body))
        self._news.set()
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.Response(status=status, headers={"Location": "/elsewhere"})


@asynccontextmanager
async def callback_channel(*statuses: int) -> AsyncIterator[CallbackChannel]:
    """Serve on a free port of 127.0.0.1."""
    server = CallbackChannel(list(statuses))
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.take)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()
