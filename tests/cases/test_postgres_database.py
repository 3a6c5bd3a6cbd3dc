"""The server away, back, slow, full, read-only: operations fail soon and say why, then go on."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg
import pytest

from gateway.cases.postgres_changes import ANYTHING
from gateway.cases.postgres_store import PostgresStore
from gateway.cases.store import Key, StoreError
from gateway.errors import StartError
from tests.cases.postgres_server import new_database, running_server
from tests.cases.samples import IDS, a_case
from tests.doubles.ports import refusing_port, silent_port
from tests.doubles.tcp_proxy import TcpProxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

PASSWORD = "made-up-password"


@asynccontextmanager
async def opened(url: str, *, command_limit: float = 5) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(url, command_limit=command_limit)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def through(proxy: TcpProxy, url: str) -> str:
    """The same database by way of the proxy, with a password that must be nowhere."""
    parts = urlsplit(url)
    return f"postgresql://{parts.username}:{PASSWORD}@{proxy.address}{parts.path}"


def address_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}"


async def works(store: PostgresStore) -> None:
    """Return when the store works; the server is there again."""
    async with asyncio.timeout(20):
        while True:
            try:
                await store.insert(a_case())
            except StoreError:
                await asyncio.sleep(0.05)
            else:
                return


async def failure(store: PostgresStore) -> str:
    while store.failure is None:  # noqa: ASYNC110  # readiness asks, nothing tells it
        await asyncio.sleep(0.02)
    return store.failure


async def fails(operation: Awaitable[object]) -> str:
    async with asyncio.timeout(10):
        with pytest.raises(StoreError) as failed:
            await operation
    assert PASSWORD not in str(failed.value)
    return str(failed.value)


async def test_a_server_that_is_away_at_the_start_is_waited_for(postgres: str) -> None:
    url = await new_database(postgres)
    async with TcpProxy() as proxy, opened(through(proxy, url)) as store:
        assert store.failure is not None
        assert proxy.address in store.failure
        assert "cannot be reached" in await fails(store.insert(a_case()))
        back = asyncio.Event()
        store.on_change(lambda case_id: back.set() if case_id == ANYTHING else None)
        await proxy.open(address_of(url))
        async with asyncio.timeout(20):
            await back.wait()
        assert store.failure is None
        await store.insert(a_case())


async def test_an_outage_is_over_when_the_server_is_back(postgres: str) -> None:
    url = await new_database(postgres)
    async with TcpProxy() as proxy:
        await proxy.open(address_of(url))
        async with opened(through(proxy, url)) as store:
            case = a_case()
            await store.insert(case)
            await proxy.close()
            await fails(store.insert(a_case()))
            told: asyncio.Queue[str] = asyncio.Queue()
            store.on_change(told.put_nowait)
            await proxy.open(address_of(url))
            async with asyncio.timeout(20):
                assert await told.get() == ANYTHING
            assert store.failure is None
            assert await store.find(case.id) == case


async def test_a_server_that_crashes_and_starts_again_is_used_again() -> None:
    with running_server() as server:
        url = await new_database(server.url)
        async with opened(url) as store:
            case = a_case()
            await store.insert(case)
            await asyncio.to_thread(server.kill)
            await fails(store.insert(a_case()))
            await asyncio.to_thread(server.start)
            await works(store)
            assert await store.find(case.id) == case


async def test_a_network_that_swallows_everything_fails_operations_in_time(postgres: str) -> None:
    url = await new_database(postgres)
    async with TcpProxy() as proxy:
        await proxy.open(address_of(url))
        async with opened(through(proxy, url), command_limit=0.2) as store:
            await store.insert(a_case())
            proxy.stall()
            assert "does not answer in time" in await fails(store.insert(a_case()))
            async with asyncio.timeout(20):
                await failure(store)
            await proxy.cut()
            proxy.flow()
            await works(store)
            assert store.failure is None


async def test_connections_that_the_server_ends_are_replaced(postgres: str) -> None:
    url = await new_database(postgres)
    async with opened(url) as store:
        await store.insert(a_case())
        admin = await asyncpg.connect(postgres)
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
            urlsplit(url).path[1:],
        )
        await admin.close()
        await works(store)
        assert store.failure is None


async def test_a_server_that_cannot_be_written_counts_as_away(postgres: str) -> None:
    url = await new_database(postgres)
    name = urlsplit(url).path[1:]
    admin = await asyncpg.connect(postgres)
    async with opened(url) as store:
        await admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
        )
        async with asyncio.timeout(20):
            assert "standby" in await failure(store)
        await admin.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        await works(store)
    await admin.close()


async def test_a_silent_server_does_not_hold_up_closing() -> None:
    with silent_port() as port:
        url = f"postgresql://gateway@127.0.0.1:{port}/cases"
        async with asyncio.timeout(20), opened(url) as store:
            assert "does not answer in time" in (store.failure or "")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"path": "/nowhere"}, "has no such database"),
        ({"user": "nobody-known"}, "refuses the user or the password"),
        ({"query": "?target_session_attrs=nonsense"}, "its URL"),
    ],
)
async def test_what_waiting_does_not_cure_is_an_error_at_the_start(
    change: dict[str, str], says: str, postgres: str
) -> None:
    parts = urlsplit(postgres)
    user, path = change.get("user", parts.username), change.get("path", parts.path)
    url = f"postgresql://{user}:{PASSWORD}@{parts.hostname}:{parts.port}{path}"
    with pytest.raises(StartError, match=says) as refused:
        await PostgresStore(url + change.get("query", "")).open()
    assert PASSWORD not in str(refused.value)


async def test_a_password_that_breaks_its_url_is_not_shown() -> None:
    with pytest.raises(StartError) as refused:
        await PostgresStore("postgresql://gateway:Ab/cD+9=@db:5432/cases").open()
    assert "cD" not in str(refused.value)


async def test_what_the_server_cannot_take_fails_alone_and_without_its_value(postgres: str) -> None:
    async with opened(await new_database(postgres)) as store:
        good, bad = (Key("app", "permit.apply", value) for value in ("good", "made-up\0value"))
        expiry = a_case().accepted_at
        results = await asyncio.gather(
            store.reserve(good, b"", a_case(), expiry),
            store.reserve(bad, b"", a_case(), expiry),
            return_exceptions=True,
        )
        assert not isinstance(results[0], BaseException)
        assert isinstance(results[1], StoreError)
        assert "made-up" not in str(results[1])
        assert results[1].__cause__ is None
        assert store.failure is None


async def test_an_operation_on_a_closed_store_says_so(postgres: str) -> None:
    store = PostgresStore(await new_database(postgres))
    await store.open()
    await store.close()
    assert "closed" in await fails(store.insert(a_case()))
    assert "closed" in await fails(store.count())


async def test_an_outage_is_logged_once_and_without_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with refusing_port() as port, caplog.at_level(logging.INFO):
        async with opened(f"postgresql://gateway:{PASSWORD}@127.0.0.1:{port}/cases") as store:
            for _ in range(5):
                await fails(store.find(IDS.new()))
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1
    assert PASSWORD not in caplog.text
