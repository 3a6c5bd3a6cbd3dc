"""The answer to one request as it is framed on the wire (RFC 9112, sections 6 and 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.doubles.caller import Caller, request
from tests.http.entry_servers import echo, serving

if TYPE_CHECKING:
    from gateway.http.exchange import Exchange
    from tests.http.entry_servers import Handler

FIELDS = b"X-A: 1\r\n"


def sends(status: int, body: bytes) -> Handler:
    async def handle(exchange: Exchange) -> None:
        exchange.send(status, FIELDS, body)

    return handle


def streams(status: int, length: int | None, *pieces: bytes) -> Handler:
    async def handle(exchange: Exchange) -> None:
        exchange.begin(status, FIELDS, length)
        for piece in pieces:
            await exchange.write(piece)
        exchange.end()

    return handle


async def wire_of(handle: Handler, sent: bytes) -> bytes:
    async with serving(handle) as (server, _), Caller(server.port) as caller:
        await caller.send(sent)
        caller.half_close()
        return await caller.closed()


GET = request("GET", "/")
HEAD = request("HEAD", "/")
OLD = GET.replace(b"HTTP/1.1", b"HTTP/1.0")
LAST = request("GET", "/", {"Connection": "close"})
TABLE = [
    (sends(200, b"ab"), LAST, b"200 OK", b"Content-Length: 2|Connection: close", b"ab"),
    (sends(200, b"ab"), OLD, b"200 OK", b"Content-Length: 2|Connection: close", b"ab"),
    (sends(200, b""), LAST, b"200 OK", b"Content-Length: 0|Connection: close", b""),
    (sends(204, b""), LAST, b"204 No Content", b"Connection: close", b""),
    (sends(304, b""), LAST, b"304 Not Modified", b"Connection: close", b""),
    (streams(200, 2, b"a", b"b"), LAST, b"200 OK", b"Content-Length: 2|Connection: close", b"ab"),
    (streams(200, None, b"a", b"", b"b"), LAST, b"200 OK",
     b"Transfer-Encoding: chunked|Connection: close", b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"),
    (streams(200, None, b"a", b"b"), OLD, b"200 OK", b"Connection: close", b"ab"),
    (streams(204, None), LAST, b"204 No Content", b"Connection: close", b""),
    (streams(304, 2), LAST, b"304 Not Modified", b"Content-Length: 2|Connection: close", b""),
]  # fmt: skip


@pytest.mark.parametrize(("handle", "sent", "status", "framing", "body"), TABLE)
async def test_an_answer_is_framed(
    handle: Handler, sent: bytes, status: bytes, framing: bytes, body: bytes
) -> None:
    fields = b"".join(field + b"\r\n" for field in framing.split(b"|"))
    expected = b"HTTP/1.1 " + status + b"\r\n" + FIELDS + fields + b"\r\n" + body
    assert await wire_of(handle, sent) == expected


@pytest.mark.parametrize(
    ("handle", "length"),
    [(sends(200, b"ab"), "2"), (streams(200, 2), "2"), (streams(200, None), None)],
)
async def test_an_answer_to_head_tells_what_get_would_have_and_sends_nothing(
    handle: Handler, length: str | None
) -> None:
    async with serving(handle) as (server, _), Caller(server.port) as caller:
        for _ in range(2):
            answer = await caller.ask("HEAD", "/")
            assert (answer.value("content-length"), answer.body) == (length, b"")
            assert answer.values("transfer-encoding") == []


async def test_an_answer_tells_how_many_bytes_it_had() -> None:
    sizes: list[int] = []

    async def handle(exchange: Exchange) -> None:
        exchange.send(200, b"", b"ab")
        sizes.append(exchange.bytes_out)

    wire = await wire_of(handle, LAST)
    assert sizes == [len(wire)]


# --- 100 Continue (RFC 9110, section 10.1.1) -----------------------------------------------------


def continues(handle: Handler) -> Handler:
    async def run(exchange: Exchange) -> None:
        exchange.allow_continue()
        await handle(exchange)

    return run


POST = request("POST", "/", {"Content-Length": "2", "Expect": "100-continue"})


async def test_continue_goes_out_when_the_body_is_first_waited_for() -> None:
    async with serving(continues(echo)) as (server, _), Caller(server.port) as caller:
        await caller.send(POST)
        assert (await caller.receive()).status == 100
        await caller.send(b"ab")
        answer = await caller.receive()
        assert (answer.status, answer.body) == (200, b"POST / ab")
        assert answer.values("connection") == []
        await caller.send(POST)
        assert (await caller.receive()).status == 100
        await caller.send(b"cd")
        assert (await caller.receive()).body == b"POST / cd"


async def test_continue_is_not_said_when_the_body_is_here() -> None:
    async with serving(continues(echo)) as (server, _), Caller(server.port) as caller:
        await caller.send(POST + b"ab")
        assert (await caller.receive()).status == 200


async def test_an_answer_without_continue_ends_the_connection() -> None:
    async with serving(continues(sends(403, b"no"))) as (server, _), Caller(server.port) as caller:
        await caller.send(POST)
        answer = await caller.receive()
        assert (answer.status, answer.value("connection")) == (403, "close")
        assert await caller.closed() == b""


async def test_version_1_0_is_never_told_to_continue() -> None:
    old = POST.replace(b"HTTP/1.1", b"HTTP/1.0")
    async with serving(continues(echo)) as (server, _), Caller(server.port) as caller:
        await caller.send(old)
        await caller.send(b"ab")
        assert (await caller.receive()).status == 200
