from __future__ import annotations

import pytest
from aiohttp import ClientSession

from gateway.demo.departments import departments
from gateway.demo.plan import HttpDoor, Plan
from gateway.demo.work import NOTICE
from gateway.errors import StartError
from tests.doubles.origin import Origin
from tests.doubles.ports import refusing_port


def a_plan(*services: str, port: int) -> Plan:
    doors = (HttpDoor(service, "127.0.0.1", port, f"/{service}") for service in services)
    return Plan(tuple(doors), (), None)


def a_port() -> int:
    with refusing_port() as port:
        return port


async def test_orders_belong_to_made_up_people_and_say_so() -> None:
    port = a_port()
    url = f"http://127.0.0.1:{port}/edu.payment/orders?pupil=DEMO-0002"
    plan = a_plan("edu.payment", port=port)
    async with departments(plan), ClientSession() as session, session.get(url) as got:
        answer = await got.json()
    assert answer["name"] == "测试乙"
    assert answer["answered_by"] == f"127.0.0.1:{port}"
    assert answer["notice"] == NOTICE


async def test_a_payment_is_answered_with_a_receipt() -> None:
    port = a_port()
    async with departments(a_plan("edu.payment", port=port)), ClientSession() as session:
        url = f"http://127.0.0.1:{port}/edu.payment/orders"
        async with session.post(url, json={"amount": "320"}) as paid:
            assert paid.status == 201
            assert (await paid.json())["payment"] == {"amount": "320"}
        async with session.post(url, data=b"\xff") as broken:
            assert broken.status == 400


async def test_one_endpoint_can_serve_several_services() -> None:
    port = a_port()
    plan = a_plan("hrss.contribution", "other", port=port)
    async with departments(plan), ClientSession(f"http://127.0.0.1:{port}") as session:
        async with session.get("/hrss.contribution/months?subject=DEMO-0003") as got:
            assert len((await got.json())["months"]) == 6
        async with session.put("/other", data=b"12345", headers={"Authorization": "x"}) as got:
            echoed = await got.json()
    assert (echoed["method"], echoed["target"], echoed["body_bytes"]) == ("PUT", "/other", 5)


async def test_a_port_in_use_is_named() -> None:
    async with Origin() as origin:
        with pytest.raises(StartError, match=f"Port {origin.port} is in use"):
            await departments(a_plan("edu.payment", port=origin.port)).__aenter__()
