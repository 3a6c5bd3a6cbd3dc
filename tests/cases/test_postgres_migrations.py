"""The schema's files: in order, once, by one gateway at a time, from every version on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from gateway.cases.postgres_migrations import migrate, scripts
from gateway.cases.postgres_store import PostgresStore
from gateway.errors import StartError
from tests.cases.postgres_server import new_database
from tests.cases.samples import a_case

if TYPE_CHECKING:
    from pathlib import Path

SCRIPTS = scripts()


@pytest.mark.parametrize("version", range(len(SCRIPTS) + 1))
async def test_a_database_of_each_version_is_brought_up_to_date(
    version: int, postgres: str
) -> None:
    url = await new_database(postgres)
    connection = await asyncpg.connect(url)
    await migrate(connection, SCRIPTS[:version])
    await connection.close()
    store = PostgresStore(url)
    await store.open()
    case = a_case()
    await store.insert(case)
    assert await store.find(case.id) == case
    await store.close()


async def test_ten_gateways_may_start_at_once(postgres: str) -> None:
    url = await new_database(postgres)
    stores = [PostgresStore(url) for _ in range(10)]
    await asyncio.gather(*(store.open() for store in stores))
    assert len(set(await asyncio.gather(*(store.secret() for store in stores)))) == 1
    await asyncio.gather(*(store.close() for store in stores))


async def test_a_database_of_a_newer_gateway_is_left_alone(postgres: str) -> None:
    url = await new_database(postgres)
    connection = await asyncpg.connect(url)
    await migrate(connection, (*SCRIPTS, "CREATE TABLE of_the_future ()"))
    await connection.close()
    with pytest.raises(StartError, match="newer version"):
        await PostgresStore(url).open()


async def test_a_script_that_fails_leaves_nothing_behind(postgres: str) -> None:
    url = await new_database(postgres)
    connection = await asyncpg.connect(url)
    with pytest.raises(asyncpg.PostgresError):
        await migrate(connection, ("CREATE TABLE half ()", "CREATE NONSENSE"))
    assert await connection.fetchval("SELECT to_regclass('half')") is None
    assert await connection.fetchval("SELECT to_regclass('schema_versions')") is None
    await connection.close()


def test_files_out_of_order_are_refused(tmp_path: Path) -> None:
    (tmp_path / "0001_first.sql").touch()
    (tmp_path / "0003_third.sql").touch()
    with pytest.raises(StartError, match="0003_third"):
        scripts(tmp_path)
