"""HTTP services that ask for an `Idempotency-Key`, through the whole gateway."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import AsyncExitStack, asynccontextmanager, closing
from typing import TYPE_CHECKING

import pytest

from tests.doubles import origin as act
from tests.doubles.caller import Caller
from tests.doubles.gateway import WITH_KEY, http_service, routes_text, running_gateway
from tests.doubles.origin import Origin, reply, script, send

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.doubles.caller import Response
    from tests.doubles.gateway import RunningGateway
    from tests.doubles.origin import Exchange

PAY = "/s/edu.payment/pay"


@asynccontextmanager
async def paying(origin: Origin, idempotency: str = "required") -> AsyncIterator[RunningGateway]:
    service = http_service("edu.payment", origin.url, idempotency=idempotency)
    async with running_gateway(routes_text(service)) as running:
        yield running


async def pay(running: RunningGateway, key: str | None, body: bytes = b"1 yuan") -> Response:
    headers = {**WITH_KEY} if key is None else {**WITH_KEY, "Idempotency-Key": key}
    async with Caller(running.entry_port) as caller:
        return await caller.ask("POST", PAY, headers, body)


async def test_the_department_is_asked_once_and_its_answer_given_again() -> None:
    answer = reply(b"paid", status=201, headers={"X-Receipt": "made-up-7"})
    async with Origin(answer) as origin, paying(origin) as running:
        first = await pay(running, "made-up-1")
        again = await pay(running, "made-up-1")
    assert len(origin.requests) == 1
    for response in (first, again):
        assert (response.status, response.body) == (201, b"paid")
        assert response.value("x-receipt") == "made-up-7"
    assert first.value("idempotency-replayed") is None
    assert again.value("idempotency-replayed") == "true"


async def test_the_department_gets_the_whole_body_and_the_key() -> None:
    async with Origin(reply(b"paid")) as origin, paying(origin) as running:
        await pay(running, "made-up-1", b"x" * 100_000)
    (received,) = origin.requests
    assert received.body == b"x" * 100_000
    assert received.value("idempotency-key") == b"made-up-1"


async def test_another_body_with_the_same_key_is_refused() -> None:
    async with Origin(reply(b"paid")) as origin, paying(origin) as running:
        await pay(running, "made-up-1")
        other = await pay(running, "made-up-1", b"2 yuan")
    assert len(origin.requests) == 1
    assert (other.status, other.json()["cause"]) == (422, "idempotency_key_reused")


async def test_while_the_first_is_under_way_the_second_is_told_to_wait() -> None:
    arrived, go = asyncio.Event(), asyncio.Event()

    async def told(_: Exchange) -> None:
        arrived.set()

    answer = script(act.body, told, act.wait(go), send(b"HTTP/1.1 204 X\r\n\r\n"))
    async with Origin(answer) as origin, paying(origin) as running, asyncio.TaskGroup() as group:
        first = group.create_task(pay(running, "made-up-1"))
        await arrived.wait()
        second = await pay(running, "made-up-1")
        go.set()
    assert first.result().status == 204
    assert (second.status, second.json()["cause"]) == (409, "idempotency_in_flight")
    assert second.value("retry-after") == "1"


async def test_after_a_fault_the_key_is_free_again() -> None:
    async with Origin(act.close, reply(b"paid")) as origin, paying(origin) as running:
        failed = await pay(running, "made-up-1")
        again = await pay(running, "made-up-1")
    assert failed.status == 502
    assert (again.status, again.body) == (200, b"paid")


async def test_an_answer_that_is_too_large_to_keep_is_passed_on_and_asked_for_again() -> None:
    large = b"x" * ((1 << 20) + 1)
    async with Origin(reply(large)) as origin, paying(origin) as running:
        first = await pay(running, "made-up-1")
        again = await pay(running, "made-up-1")
    assert len(first.body) == len(again.body) == len(large)
    assert len(origin.requests) == 2


@pytest.mark.parametrize(
    ("idempotency", "status"), [("required", 400), ("optional", 200), ("off", 200)]
)
async def test_a_request_without_a_key_is_refused_only_where_one_is_required(
    idempotency: str, status: int
) -> None:
    async with Origin(reply(b"paid")) as origin, paying(origin, idempotency) as running:
        assert (await pay(running, None)).status == status
    assert len(origin.requests) == (status == 200)


async def test_a_service_that_does_not_ask_for_it_passes_the_key_on() -> None:
    async with Origin(reply(b"paid")) as origin, paying(origin, "off") as running:
        await pay(running, "made-up-1")
        await pay(running, "made-up-1")
    assert len(origin.requests) == 2


async def test_an_answer_that_cannot_be_kept_does_not_let_the_department_be_asked_again() -> None:
    async with AsyncExitStack() as locked:
        data: list[Path] = []

        async def lock(_: Exchange) -> None:
            store = locked.enter_context(closing(sqlite3.connect(data[0] / "cases.db", timeout=5)))
            store.execute("BEGIN EXCLUSIVE")

        answer = script(act.body, lock, send(b"HTTP/1.1 204 X\r\n\r\n"))
        async with Origin(answer) as origin, paying(origin) as running:
            data.append(running.data)
            failed = await pay(running, "made-up-1")
            await locked.aclose()
            again = await pay(running, "made-up-1")
            while again.json()["cause"] == "cases_unreachable":  # until the store is tried again
                again = await pay(running, "made-up-1")
    assert (failed.status, failed.json()["cause"]) == (503, "cases_unreachable")
    assert (again.status, again.json()["cause"]) == (409, "idempotency_in_flight")
    assert len(origin.requests) == 1
