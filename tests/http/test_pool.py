"""Connections to one endpoint: kept, reused, and never trusted again after a doubt."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from gateway import errors
from gateway.errors import Fault
from gateway.http.pool import ConnectionPool
from gateway.message import WholeBody
from gateway.sweep import Sweep
from tests.doubles import origin as act
from tests.doubles.origin import Origin, reply, script, send
from tests.doubles.ports import refusing_port, silent_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.http.client import DepartmentConnection
    from gateway.http.parsing import AnswerHead


@asynccontextmanager
async def pool_at(
    port: int, *, idle: float = 4.0, silence: float = 15.0
) -> AsyncIterator[ConnectionPool]:
    sweep = Sweep(asyncio.get_running_loop())
    pool = ConnectionPool("127.0.0.1", port, sweep, idle=idle, silence=silence)
    try:
        yield pool
    finally:
        pool.close()
        sweep.close()


async def connected(pool: ConnectionPool, limit: float = 2.0) -> DepartmentConnection:
    return pool.take() or await pool.connect(asyncio.get_running_loop().time() + limit)


async def ask(pool: ConnectionPool, connection: DepartmentConnection) -> AnswerHead:
    head = b"GET / HTTP/1.1\r\n" + pool.host_field
    return await connection.send(head, WholeBody(b""), "GET", None)


async def once(pool: ConnectionPool) -> bytes:
    connection = await connected(pool)
    answer = await ask(pool, connection)
    body = answer.body if isinstance(answer.body, bytes) else await answer.body.read()
    pool.give_back(connection)
    return body


async def test_a_connection_is_reused() -> None:
    async with Origin(reply(b"a")) as origin, pool_at(origin.port) as pool:
        assert [await once(pool) for _ in range(3)] == [b"a"] * 3
        assert (origin.connections, pool.idle) == (1, 1)


async def test_the_one_used_last_goes_out_first() -> None:
    async with Origin(reply(b"a")) as origin, pool_at(origin.port) as pool:
        first, second = await connected(pool), await connected(pool)
        for connection in (first, second):
            await ask(pool, connection)
            pool.give_back(connection)
        assert pool.take() is second
        assert pool.take() is first
        assert pool.take() is None
        first.abort()
        second.abort()


async def test_a_connection_at_rest_for_long_enough_is_closed() -> None:
    async with Origin(reply(b"a")) as origin, pool_at(origin.port, idle=0.1) as pool:
        await once(pool)
        await origin.until(lambda o: o.open == 0)
        assert await once(pool) == b"a"
    assert origin.connections == 2


async def test_work_longer_than_the_rest_does_not_close_a_connection() -> None:
    slow = script(act.body, send(b"HTTP/1.1 200 OK\r\n"), act.drip(b"X: abcd\r\n", pause=0.05))
    answer = script(slow, send(b"Content-Length: 1\r\n\r\na"))
    async with Origin(answer) as origin, pool_at(origin.port, idle=0.1) as pool:
        assert [await once(pool) for _ in range(2)] == [b"a"] * 2
    assert origin.connections == 1


async def test_a_connection_that_the_department_closed_meanwhile_is_not_used() -> None:
    closing = script(reply(b"a"), act.close)
    async with Origin(closing) as origin, pool_at(origin.port) as pool:
        await once(pool)
        await origin.until(lambda o: o.open == 0)
        await asyncio.sleep(0.02)
        assert pool.take() is None


@pytest.mark.parametrize("late", [act.response(b"other"), b"HTTP/1.1 2", b"\r\n"])
async def test_bytes_that_arrive_at_rest_end_the_connection(late: bytes) -> None:
    more = asyncio.Event()
    first = script(reply(b"a"), act.wait(more), send(late), act.stall)
    async with (
        Origin.by_connection([first], [reply(b"new")]) as origin,
        pool_at(origin.port, idle=60) as pool,
    ):
        await once(pool)
        more.set()
        await origin.until(lambda o: o.open == 0)
        assert await once(pool) == b"new"


async def test_an_answer_given_up_in_the_middle_ends_the_connection() -> None:
    half = script(act.body, send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"), act.stall)
    async with Origin(half) as origin, pool_at(origin.port) as pool:
        connection = await connected(pool)
        await ask(pool, connection)
        pool.give_back(connection)
        assert pool.idle == 0
        await origin.until(lambda o: o.open == 0)


async def test_an_answer_that_came_and_was_not_read_ends_the_connection() -> None:
    size = 140_000  # more than waits for a reader: the connection is held
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
    async with (
        Origin(script(act.body, send(head), send(b"x" * size))) as origin,
        pool_at(origin.port) as pool,
    ):
        connection = await connected(pool)
        await ask(pool, connection)
        await asyncio.sleep(0.1)
        pool.give_back(connection)
        assert pool.idle == 0


async def test_a_closed_pool_closes_what_comes_back() -> None:
    async with Origin(reply(b"a")) as origin, pool_at(origin.port) as pool:
        connection = await connected(pool)
        await ask(pool, connection)
        pool.close()
        pool.give_back(connection)
        await origin.until(lambda o: o.open == 0)


async def test_a_silent_answer_is_given_up() -> None:
    half = script(act.body, send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"), act.stall)
    async with Origin(half) as origin, pool_at(origin.port, silence=0.1) as pool:
        connection = await connected(pool)
        answer = await ask(pool, connection)
        assert not isinstance(answer.body, bytes)
        assert await answer.body.read() == b"ab"
        with pytest.raises(Fault) as caught:
            await answer.body.read()
        assert caught.value.cause is errors.ANSWER_TIMEOUT
        pool.give_back(connection)


# --- connecting --------------------------------------------------------------------------------


async def cause_of_connecting(pool: ConnectionPool, limit: float = 2.0) -> errors.Cause:
    with pytest.raises(Fault) as caught:
        await connected(pool, limit)
    assert not caught.value.may_have_been_sent
    return caught.value.cause


async def test_a_refused_connection() -> None:
    with refusing_port() as port:
        async with pool_at(port) as pool:
            assert await cause_of_connecting(pool) is errors.CONNECTION_REFUSED


async def test_a_connection_that_does_not_open_in_time() -> None:
    with silent_port() as port:
        async with pool_at(port) as pool:
            assert await cause_of_connecting(pool, 0.1) is errors.CONNECT_TIMEOUT


async def test_a_name_that_does_not_resolve() -> None:
    sweep = Sweep(asyncio.get_running_loop())
    pool = ConnectionPool("department.invalid", 80, sweep, idle=4.0)
    assert await cause_of_connecting(pool, 20.0) is errors.NAME_NOT_RESOLVED
    sweep.close()


async def test_a_department_that_speaks_no_tls() -> None:
    async with Origin(at_accept=send(b"220 made up\r\n")) as origin:
        sweep = Sweep(asyncio.get_running_loop())
        context = ssl.create_default_context()
        pool = ConnectionPool("127.0.0.1", origin.port, sweep, tls=context, idle=4.0)
        assert await cause_of_connecting(pool) is errors.TLS_FAILED
        sweep.close()


async def test_a_caller_that_goes_while_connecting_is_no_timeout() -> None:
    with silent_port() as port:
        async with pool_at(port) as pool:
            task = asyncio.create_task(connected(pool))
            await asyncio.sleep(0.02)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


@pytest.mark.parametrize(
    ("host", "port", "tls", "field"),
    [
        ("a.test", 80, False, b"Host: a.test\r\n"),
        ("a.test", 443, True, b"Host: a.test\r\n"),
        ("a.test", 443, False, b"Host: a.test:443\r\n"),
        ("::1", 8080, False, b"Host: [::1]:8080\r\n"),
    ],
)
async def test_the_host_field_names_the_endpoint(
    host: str, port: int, *, tls: bool, field: bytes
) -> None:
    context = ssl.create_default_context() if tls else None
    sweep = Sweep(asyncio.get_running_loop())
    assert ConnectionPool(host, port, sweep, tls=context, idle=4.0).host_field == field
