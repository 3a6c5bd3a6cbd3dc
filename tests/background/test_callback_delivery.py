"""Callbacks to a real server: what it gets, what is tried again, and what is never called.

The cases that they tell of are made up.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import orjson
import pytest

from gateway.background.callback_delivery import CallbackDelivery, Target
from gateway.cases.case import Case, State
from gateway.cases.sqlite_store import SqliteStore
from gateway.cases.store import Callback
from gateway.cases.transitions import CaseEvent
from gateway.cases.webhook import webhook_headers
from tests.cases.samples import NOON, a_case
from tests.doubles.callback_channel import callback_channel
from tests.doubles.owned import end

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.doubles.callback_channel import CallbackChannel

CASE: Final = a_case(state=State.PUBLISHED)
ANSWERED: Final = CaseEvent(State.ANSWERED, NOON)
SECRET: Final = "made-up-callback-secret"


@dataclass
class Desk:
    """A delivery with its store, its clock and all that it said."""

    store: SqliteStore
    now: datetime = NOON
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
    callback = Callback("msg_1", CASE.id, "app", State.ANSWERED, NOON, attempts=attempts)
    store = SqliteStore(folder / "cases.db", callback_for=lambda _: callback)
    await store.open()
    await store.insert(CASE)
    await store.apply(CASE.id, ANSWERED)
    desk = Desk(store)
    targets = {} if target is None else {"app": target}
    delivery = CallbackDelivery(store, lambda: targets, desk.counted, desk.bury, lambda: desk.now)
    running = asyncio.create_task(delivery.run())
    try:
        yield desk, delivery
    finally:
        try:
            await end(running)
        finally:
            await store.close()


def inside(server: CallbackChannel) -> Target:
    return Target(f"http://127.0.0.1:{server.port}/told", SECRET, internal=True)


async def until_forgotten(desk: Desk) -> None:
    """Wait until no callback is left, whenever it may be due."""
    later = desk.now + timedelta(days=9)
    async with asyncio.timeout(20):
        # looking must not take the lease: what is left stays due at once
        while await desk.store.due_callbacks(later, 10, desk.now - later):
            pass


async def test_a_channel_is_told_with_a_signature_that_it_can_check(tmp_path: Path) -> None:
    async with callback_channel(204) as server, delivering(tmp_path, inside(server)) as (desk, _):
        await desk.until(1)
        await until_forgotten(desk)
    (told,) = server.got
    assert desk.results == ["delivered"]
    assert (told.method, told.path) == ("POST", "/told")
    assert orjson.loads(told.body)["data"]["id"] == CASE.id
    expected = webhook_headers("msg_1", told.body, SECRET, NOON)
    assert {name: told.headers[name] for name in expected} == expected


async def test_what_fails_is_tried_again_with_the_same_id_and_a_new_signature(
    tmp_path: Path,
) -> None:
    async with (
        callback_channel(500, 200) as server,
        delivering(tmp_path, inside(server)) as (desk, it),
    ):
        await desk.until(1)
        desk.now = NOON + timedelta(seconds=5)
        it.poke()
        await desk.until(2)
    assert desk.results == ["retry", "delivered"]
    first, second = server.got
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [
        *((0, 5), (1, 30), (2, 120), (3, 600)),
        *((4, 3600), (5, 10_800), (6, 21_600), (7, 43_200), (8, 86_400)),
    ],
)
async def test_each_failure_is_followed_by_a_longer_wait(
    tmp_path: Path, attempts: int, seconds: int
) -> None:
    due = NOON + timedelta(seconds=seconds)
    async with (
        callback_channel(500) as server,
        delivering(tmp_path, inside(server), attempts) as (desk, _),
    ):
        await desk.until(1)
        assert await desk.store.due_callbacks(due - timedelta(seconds=1), 10, timedelta(0)) == []
        (again,) = await desk.store.due_callbacks(due, 10, timedelta(0))
    assert desk.results == ["retry"]
    assert (again.id, again.attempts) == ("msg_1", attempts + 1)


async def test_after_the_last_attempt_a_callback_is_given_up_and_kept(tmp_path: Path) -> None:
    async with (
        callback_channel(500) as server,
        delivering(tmp_path, inside(server), attempts=9) as (desk, _),
    ):
        await desk.until(1)
        await until_forgotten(desk)
    assert desk.results == ["dead"]
    assert desk.dead == [server.got[0].body]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(tmp_path: Path, status: int) -> None:
    async with (
        callback_channel(status) as server,
        delivering(tmp_path, inside(server)) as (desk, _),
    ):
        await desk.until(1)
    assert desk.results == ["retry"]
    assert len(server.got) == 1


async def test_a_channel_that_is_gone_is_not_told_again(tmp_path: Path) -> None:
    async with callback_channel(410) as server, delivering(tmp_path, inside(server)) as (desk, _):
        await desk.until(1)
        await until_forgotten(desk)
    assert desk.results == ["dead"]
    assert desk.dead == [server.got[0].body]


async def test_an_address_inside_is_never_called_unless_the_routes_say_so(tmp_path: Path) -> None:
    async with callback_channel(200) as server:
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
