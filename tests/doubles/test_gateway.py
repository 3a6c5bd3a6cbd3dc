from __future__ import annotations

import pytest

from gateway.errors import StartError
from tests.doubles.caller import Caller
from tests.doubles.gateway import WITH_KEY, http_service, routes_text, running_gateway
from tests.doubles.origin import Origin, reply


async def test_a_running_gateway_carries_a_request_to_an_origin() -> None:
    async with Origin(reply(b"paid")) as origin:
        text = routes_text(http_service("edu.payment", origin.url, timeout="3s", http_path="/v2"))
        async with running_gateway(text) as running, Caller(running.entry_port) as caller:
            answer = await caller.ask("GET", "/s/edu.payment/orders?id=1", WITH_KEY)
    assert (answer.status, answer.body) == (200, b"paid")
    assert origin.requests[0].target == "/v2/orders?id=1"


async def test_it_has_an_ops_door() -> None:
    text = routes_text(http_service("edu.payment", "http://127.0.0.1:1"))
    async with running_gateway(text) as running, Caller(running.ops_port) as ops:
        assert (await ops.ask("GET", "/livez")).status == 200


async def test_it_does_not_start_with_a_broken_file() -> None:
    with pytest.raises(StartError, match="nothing was started"):
        async with running_gateway("version: 2"):
            pass
