"""The stores: every test that asks for `store` runs on each of them.

A factory says how one is opened; `open_another` opens the one of the test once more, as a restarted
gateway does.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

import pytest

from gateway.cases.postgres_store import PostgresStore
from gateway.cases.sqlite_store import SqliteStore
from tests.cases.postgres_server import new_database, postgres_server
from tests.cases.samples import told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from gateway.cases.store import CaseStore

    Opener = Callable[[], AbstractAsyncContextManager[CaseStore]]
    Factory = Callable[[pytest.FixtureRequest, Path], Opener]


def _sqlite(_: pytest.FixtureRequest, folder: Path) -> Opener:
    """A file in the folder of the test; each opening is another process's view of it."""

    @asynccontextmanager
    async def opener() -> AsyncIterator[CaseStore]:
        store = SqliteStore(folder / "cases.db", callback_for=told)
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    return opener


def _postgres(request: pytest.FixtureRequest, _: Path) -> Opener:
    """A database of the test's own on the server that all tests share."""
    server: str = request.getfixturevalue("postgres")
    made: list[str] = []

    @asynccontextmanager
    async def opener() -> AsyncIterator[CaseStore]:
        if not made:
            made.append(await new_database(server))
        store = PostgresStore(made[0], callback_for=told)
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    return opener


FACTORIES: Final[dict[str, Factory]] = {
    "postgres": _postgres,
    "sqlite": _sqlite,
}
"""A factory is called once a test; what it returns opens the same (at first empty) store."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server."""
    with postgres_server() as url:
        yield url


@pytest.fixture(params=sorted(FACTORIES))
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    return FACTORIES[request.param](request, tmp_path)


@pytest.fixture
async def store(opener: Opener) -> AsyncIterator[CaseStore]:
    async with opener() as opened:
        yield opened


@pytest.fixture
async def open_another(opener: Opener) -> AsyncIterator[Callable[[], Awaitable[CaseStore]]]:
    """Opens the store of the test a second time, as a restarted gateway does."""
    async with AsyncExitStack() as stack:
        yield lambda: stack.enter_async_context(opener())
