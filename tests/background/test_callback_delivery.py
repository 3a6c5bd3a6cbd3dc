"""Callbacks to a real server: what it gets, what is tried again, and what is never called."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from gateway.background.callback_delivery import DELAYS, CallbackDelivery, Target
from gateway.cases.case import Case, State, Step
from gateway.cases.sqlite_store import SqliteStore
from gateway.cases.store import Callback
from gateway.cases.webhook import webhook_headers
from gateway.routing.model import KafkaMode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

AT = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
CASE = Case(
    id="c" * 48,
    service="svc",
    department="dept",
    channel="app",
    topic="topic",
    mode=KafkaMode.REPLY,
    state=State.ANSWERED,
    accepted_at=AT,
    updated_at=AT,
    history=(Step(State.ANSWERED, AT),),
)
SECRET = "made-up-callback-secret"


@dataclass
class Channel:
    """A channel's server: it answers with `statuses` in turn, the last one for ever."""

    statuses: list[int]
    got: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((request.headers.copy(), await request.read()))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.Response(status=status, headers={"Location": "/elsewhere"})


@asynccontextmanager
async def channel(*statuses: int) -> AsyncIterator[Channel]:
    server = Channel(list(statuses))
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


@dataclass
class Desk:
    """A delivery with its store, its clock and all that it said."""

    store: SqliteStore
    now: datetime = AT
    results: list[str] = field(default_factory=list)
    dead: list[bytes] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def counted(self, name: str, result: str) -> None:
        assert name == "app"
        self.results.append(result)
        self.news.set()

    async def bury(self, callback: Callback, case: Case, body: bytes) -> None:
        assert (callback.case_id, case.id) == (CASE.id, CASE.id)
        self.dead.append(body)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.results) < count:
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def delivering(
    folder: Path, target: Target | None, attempts: int = 0
) -> AsyncIterator[tuple[Desk, CallbackDelivery]]:
    store = SqliteStore(folder / "cases.db")
    await store.open()
    await store.insert(CASE)
    await store.enqueue_callback(
        Callback("msg_1", CASE.id, "app", State.ANSWERED, AT, attempts=attempts)
    )
    desk = Desk(store)
    targets = {} if target is None else {"app": target}
    delivery = CallbackDelivery(store, lambda: targets, desk.counted, desk.bury, lambda: desk.now)
    running = asyncio.create_task(delivery.run())
    try:
        yield desk, delivery
    finally:
        running.cancel()
        await asyncio.wait([running])
        await store.close()


def inside(server: Channel) -> Target:
    return Target(f"http://127.0.0.1:{server.port}/told", SECRET, internal=True)


async def until_forgotten(desk: Desk) -> None:
    """Wait until no callback is left, whenever it may be due."""
    later = desk.now + timedelta(days=9)
    async with asyncio.timeout(20):
        # looking must not take the lease: what is left stays due at once
        while await desk.store.due_callbacks(later, 10, desk.now - later):
            pass


async def test_a_channel_is_told_with_a_signature_that_it_can_check(tmp_path: Path) -> None:
    async with channel(204) as server, delivering(tmp_path, inside(server)) as (desk, _):
        await desk.until(1)
        await until_forgotten(desk)
    ((headers, body),) = server.got
    assert desk.results == ["delivered"]
    expected = webhook_headers("msg_1", body, SECRET, AT)
    assert {name: headers[name] for name in expected} == expected


async def test_what_fails_is_tried_again_with_the_same_id_and_a_new_signature(
    tmp_path: Path,
) -> None:
    async with channel(500, 200) as server, delivering(tmp_path, inside(server)) as (desk, it):
        await desk.until(1)
        desk.now = AT + DELAYS[0] + timedelta(seconds=1)
        async with asyncio.timeout(20):
            while len(desk.results) < 2:
                it.poke()
                await asyncio.sleep(0.01)
    assert desk.results == ["retry", "delivered"]
    first, second = (headers for headers, _ in server.got)
    assert first["webhook-id"] == second["webhook-id"]
    assert first["webhook-signature"] != second["webhook-signature"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(tmp_path: Path, status: int) -> None:
    async with channel(status) as server, delivering(tmp_path, inside(server)) as (desk, _):
        await desk.until(1)
    assert desk.results == ["retry"]
    assert len(server.got) == 1


async def test_a_channel_that_is_gone_is_not_told_again(tmp_path: Path) -> None:
    async with channel(410) as server, delivering(tmp_path, inside(server)) as (desk, _):
        await desk.until(1)
        await until_forgotten(desk)
    assert desk.results == ["dead"]
    assert len(desk.dead) == 1


async def test_an_address_inside_is_never_called_unless_the_routes_say_so(tmp_path: Path) -> None:
    async with channel(200) as server:
        for host in ("127.0.0.1", "localhost", "[::1]"):
            target = Target(f"http://{host}:{server.port}/", SECRET, internal=False)
            folder = tmp_path / host.strip("[]").replace(":", "_")
            async with delivering(folder, target) as (desk, _):
                await desk.until(2)
            assert desk.results == ["refused", "retry"], host
    assert server.got == []


async def test_a_channel_that_takes_no_callbacks_any_more_is_left_alone(tmp_path: Path) -> None:
    async with delivering(tmp_path, None) as (desk, _):
        await until_forgotten(desk)
        assert desk.results == []
