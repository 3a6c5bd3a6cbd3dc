"""One connection to a department: what it writes, what it hands back, and when it ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gateway import errors
from gateway.errors import Fault
from gateway.http.client import DepartmentConnection
from gateway.message import WholeBody
from gateway.sweep import Sweep
from tests.doubles import origin as act
from tests.doubles.origin import Origin, reply, script, send

if TYPE_CHECKING:
    from gateway.http.bodies import WireBody
    from gateway.http.parsing import AnswerHead

HEAD = b"%b /a HTTP/1.1\r\nHost: h\r\n"
KIBIBYTE = 1 << 10


class Pieces:
    """A request body that arrives in pieces, or breaks."""

    waiting = False
    waited = 0.0
    limit: int | None = None
    taken = 0

    def __init__(self, *pieces: bytes | Fault, length: int | None = None) -> None:
        self._pieces = [*pieces]
        self.length = length

    async def read(self) -> bytes:
        piece = self._pieces.pop(0) if self._pieces else b""
        if isinstance(piece, Fault):
            raise piece
        return piece

    def read_available(self) -> bytes | None:
        return None


async def connect(origin: Origin) -> DepartmentConnection:
    loop = asyncio.get_running_loop()
    sweep = Sweep(loop)
    _, connection = await loop.create_connection(
        lambda: DepartmentConnection(loop, sweep), "127.0.0.1", origin.port
    )
    return connection


async def ask(
    connection: DepartmentConnection,
    method: str = "GET",
    body: WholeBody | Pieces | None = None,
    first_byte: float | None = None,
) -> AnswerHead:
    head = HEAD % method.encode()
    return await connection.send(head, body or WholeBody(b""), method, first_byte)


async def fault_of(connection: DepartmentConnection, **asked: object) -> Fault:
    with pytest.raises(Fault) as caught:
        await ask(connection, **asked)  # type: ignore[arg-type]  # the keywords of `ask`
    connection.release()
    return caught.value


@pytest.mark.parametrize(
    ("method", "data", "framing"),
    [
        ("GET", b"", {}),
        ("DELETE", b"", {}),
        ("POST", b"", {b"content-length": b"0"}),
        ("PUT", b"", {b"content-length": b"0"}),
        ("GET", b"a", {b"content-length": b"1"}),
        ("POST", b"a" * 100 * KIBIBYTE, {b"content-length": b"102400"}),
    ],
)
async def test_a_body_that_is_here_has_its_length(
    method: str, data: bytes, framing: dict[bytes, bytes]
) -> None:
    async with Origin() as origin:
        connection = await connect(origin)
        await ask(connection, method, WholeBody(data))
        connection.abort()
    received = origin.requests[0]
    told = {name.lower(): value for name, value in received.headers if name != b"Host"}
    assert (told, bytes(received.body)) == (framing, data)


@pytest.mark.parametrize("length", [None, 3])
async def test_a_body_on_its_way_is_sent_as_it_comes(length: int | None) -> None:
    async with Origin(reply(b"taken")) as origin:
        connection = await connect(origin)
        answer = await ask(connection, "POST", Pieces(b"a", b"bc", length=length))
        assert answer.body == b"taken"
        assert connection.release()
        connection.abort()
    received = origin.requests[0]
    assert bytes(received.body) == b"abc"
    assert received.values("content-length") == ([] if length is None else [b"3"])
    assert received.values("transfer-encoding") == ([b"chunked"] if length is None else [])


async def test_a_body_that_breaks_takes_the_connection_with_it() -> None:
    async with Origin(reply()) as origin:
        connection = await connect(origin)
        broken = Pieces(b"a", Fault(errors.BODY_INCOMPLETE), length=3)
        fault = await fault_of(connection, method="POST", body=broken)
        assert (fault.cause, fault.may_have_been_sent) == (errors.BODY_INCOMPLETE, True)
        await origin.until(lambda o: o.open == 0)


async def test_an_answer_before_the_body_ends_the_connection_after_it() -> None:
    never: asyncio.Event = asyncio.Event()

    class Endless(Pieces):
        async def read(self) -> bytes:
            await never.wait()
            return b""

    async with Origin(script(send(act.response(b"no", status=403)), act.stall)) as origin:
        connection = await connect(origin)
        answer = await ask(connection, "POST", Endless(length=3))
        assert (answer.status, answer.body) == (403, b"no")
        assert not connection.release()
        await origin.until(lambda o: o.open == 0)


@pytest.mark.parametrize("first_byte", [0.1, None])
async def test_an_answer_that_does_not_begin_in_time(first_byte: float | None) -> None:
    async with Origin(script(act.body, act.stall)) as origin:
        connection = await connect(origin)
        asked = asyncio.ensure_future(ask(connection, first_byte=first_byte))
        done, _ = await asyncio.wait([asked], timeout=0.4)
        assert bool(done) == (first_byte is not None)
        if done:
            fault = asked.exception()
            assert isinstance(fault, Fault)
            assert (fault.cause, fault.may_have_been_sent) == (errors.ANSWER_TIMEOUT, True)
        asked.cancel()
        connection.release()


async def test_the_limit_on_the_first_byte_begins_when_the_body_is_out() -> None:
    class Slow(Pieces):
        async def read(self) -> bytes:
            await asyncio.sleep(0.1)
            return await super().read()

    async with Origin(reply(b"a")) as origin:
        connection = await connect(origin)
        body = Slow(b"a", b"b", b"c", length=3)
        assert (await ask(connection, "POST", body, first_byte=0.2)).body == b"a"
        connection.release()
        connection.abort()


async def test_an_answer_that_has_begun_is_not_cut_by_that_limit() -> None:
    head = send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
    slow = script(act.body, head, act.drip(b"abcd", pause=0.1))
    async with Origin(slow) as origin:
        connection = await connect(origin)
        answer = await ask(connection, first_byte=0.15)
        assert not isinstance(answer.body, bytes)
        assert await read_all(answer.body) == b"abcd"
        assert connection.release()
        connection.abort()


async def read_all(body: WireBody) -> bytes:
    read = b""
    while piece := await body.read():
        read += piece
    return read


async def test_a_connection_that_is_lost_before_the_request_sends_nothing() -> None:
    async with Origin(at_accept=act.close) as origin:
        connection = await connect(origin)
        await asyncio.sleep(0.05)
        fault = await fault_of(connection)
        assert (fault.cause, fault.may_have_been_sent) == (errors.CONNECTION_LOST, False)


async def test_a_connection_that_is_lost_after_it_may_have_sent_it() -> None:
    async with Origin(script(act.body, act.close)) as origin:
        connection = await connect(origin)
        fault = await fault_of(connection)
        assert (fault.cause, fault.may_have_been_sent) == (errors.CONNECTION_LOST, True)
