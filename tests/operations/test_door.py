from __future__ import annotations

import asyncio
import gzip
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from gateway.errors import StartError
from gateway.operations.door import Check, OpsDoor
from gateway.telemetry.exposition import Exposition
from gateway.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

READY = (Check("routes", ok=True, reason="loaded"), Check("drain", ok=True, reason="not draining"))


class View:
    """A running gateway as far as the door looks at it."""

    def __init__(self) -> None:
        self.checks: Sequence[Check] = READY

    def readiness(self) -> Sequence[Check]:
        return self.checks

    def routes(self) -> Mapping[str, object]:
        return {"digest": "sha256:1a2b", "services": [{"title": "教育缴费"}]}


class Door:
    """An open door, what stands behind it, and a caller."""

    def __init__(self, view: View, metrics: Metrics, door: OpsDoor) -> None:
        self.view = view
        self.metrics = metrics
        self.door = door
        url = f"http://127.0.0.1:{door.port}"
        self.caller = aiohttp.ClientSession(url, auto_decompress=False)


@asynccontextmanager
async def opened() -> AsyncIterator[Door]:
    view, metrics = View(), Metrics("1.2.3", lambda: 0.0)
    ops = OpsDoor(view, Exposition(metrics))
    await ops.start("127.0.0.1", 0)
    door = Door(view, metrics, ops)
    try:
        yield door
    finally:
        await door.caller.close()
        await ops.close()


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with opened() as door:
        yield door


async def get(door: Door, path: str, **headers: str) -> tuple[aiohttp.ClientResponse, bytes]:
    headers.setdefault("Accept_Encoding", "identity")
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with door.caller.get(path, headers=sent) as answer:
        return answer, await answer.read()


async def get_json(door: Door, path: str) -> tuple[int, Any]:
    async with door.caller.get(path) as answer:
        assert answer.content_type == "application/json"
        return answer.status, await answer.json()


async def test_livez_says_that_the_loop_is_alive(door: Door) -> None:
    assert await get_json(door, "/livez") == (200, {"alive": True})


async def test_readyz_gives_every_check_with_its_reason(door: Door) -> None:
    assert await get_json(door, "/readyz") == (
        200,
        {
            "ready": True,
            "checks": [
                {"name": "routes", "ok": True, "reason": "loaded"},
                {"name": "drain", "ok": True, "reason": "not draining"},
            ],
        },
    )


async def test_one_check_that_fails_makes_it_not_ready(door: Door) -> None:
    door.view.checks = (*READY, Check("replies", ok=False, reason="topic cards has no position"))
    status, body = await get_json(door, "/readyz")
    assert (status, body["ready"]) == (503, False)
    assert body["checks"][-1] == {
        "name": "replies",
        "ok": False,
        "reason": "topic cards has no position",
    }


async def test_routes_are_what_the_view_says(door: Door) -> None:
    status, body = await get_json(door, "/routes")
    assert (status, body) == (200, door.view.routes())


async def test_metrics_are_text_unless_openmetrics_is_asked_for(door: Door) -> None:
    door.metrics.rate_limited("sufuban")
    answer, body = await get(door, "/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b'gateway_rate_limited_total{channel="sufuban"} 1\n' in body
    answer, body = await get(door, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert answer.content_type == "application/openmetrics-text"
    assert body.endswith(b"# EOF\n")


async def test_metrics_are_compressed_for_whoever_asks(door: Door) -> None:
    answer, body = await get(door, "/metrics", Accept_Encoding="gzip")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body).startswith(b"# HELP gateway_requests_total ")
    answer, body = await get(door, "/metrics")
    assert "Content-Encoding" not in answer.headers
    assert body.startswith(b"# HELP gateway_requests_total ")


async def test_the_index_links_everything_that_is_there(door: Door) -> None:
    answer, body = await get(door, "/")
    assert (answer.status, answer.content_type) == (200, "text/html")
    for path in ("/metrics", "/livez", "/readyz", "/routes"):
        assert f'href="{path}"'.encode() in body
        assert (await get(door, path))[0].status == 200


@pytest.mark.parametrize("path", ["/", "/metrics", "/livez", "/readyz", "/routes"])
async def test_head_gives_the_headers_alone(door: Door, path: str) -> None:
    async with door.caller.head(path) as answer:
        assert answer.status == 200
        assert int(answer.headers["Content-Length"]) > 0
        assert await answer.read() == b""


@pytest.mark.parametrize("path", ["/metric", "/livez/", "/routes/edu.payment", "/%2e%2e/x"])
async def test_another_path_is_a_problem(door: Door, path: str) -> None:
    async with door.caller.get(path) as answer:
        assert (answer.status, answer.content_type) == (404, "application/problem+json")
        body = await answer.json(content_type=None)
    assert (body["status"], body["title"]) == (404, "Not Found")
    assert "/readyz" in body["detail"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_another_method_is_a_problem_that_names_those_allowed(
    door: Door, method: str
) -> None:
    async with door.caller.request(method, "/metrics") as answer:
        assert (answer.status, answer.content_type) == (405, "application/problem+json")
        assert answer.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/", "/metrics", "/livez", "/nothing"])
async def test_no_answer_names_the_server_or_may_be_kept(door: Door, path: str) -> None:
    answer, _ = await get(door, path)
    assert "Server" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_port_in_use_is_told_with_what_to_do(door: Door) -> None:
    other = OpsDoor(door.view, Exposition(door.metrics))
    with pytest.raises(StartError) as caught:
        await other.start("127.0.0.1", door.door.port)
    address = f"127.0.0.1:{door.door.port}"
    assert str(caught.value) == (
        f"The ops door cannot listen on {address}: another process uses this port;"
        " stop it or choose another port."
    )


@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [
        ("192.0.2.1", 0, "this machine has no such address"),
        ("no..host", 0, "the host name does not resolve"),
        ("127.0.0.1", 65536, "is not a number from 0 to 65535"),
        ("127.0.0.1", -1, "is not a number from 0 to 65535"),
    ],
)
async def test_an_address_that_cannot_be_used_is_told_apart(
    host: str, port: int, reason: str
) -> None:
    door = OpsDoor(View(), Exposition(Metrics("1.2.3", lambda: 0.0)))
    with pytest.raises(StartError, match=reason):
        await door.start(host, port)


async def test_a_closed_door_answers_nobody_and_frees_its_port() -> None:
    async with opened() as door:
        port = door.door.port
        assert await get_json(door, "/livez") == (200, {"alive": True})
        await door.door.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_a_door_that_was_never_opened_can_be_closed() -> None:
    await OpsDoor(View(), Exposition(Metrics("1.2.3", lambda: 0.0))).close()
