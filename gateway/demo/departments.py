"""The demo's HTTP departments: real servers with believable answers about people who do not exist.

Runs as a process of its own (`python -m gateway.demo.departments`), as departments do.
"""

from __future__ import annotations

import errno
import json
import logging
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from aiohttp import web

from gateway.demo.child import run_child
from gateway.demo.kafka_department import kafka_department
from gateway.demo.plan import HttpDoor, Plan
from gateway.demo.work import NOTICE, work
from gateway.errors import StartError

__all__ = ["departments"]

SHUTDOWN_LIMIT: Final = 0.2
"""Seconds that answers under way get when the demo ends."""

PUPILS: Final = {
    "DEMO-0001": ("测试甲", "锡山演示小学"),
    "DEMO-0002": ("测试乙", "锡山演示小学"),
    "DEMO-0003": ("测试丙", "锡山演示中学"),
}
FEES: Final = (("lunch", "午餐费", "320.00"), ("after-school", "课后服务费", "150.00"))

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def departments(plan: Plan) -> AsyncIterator[None]:
    """Listen at every door and work on every topic of the plan.

    Raises `StartError` naming the port that is taken.
    """
    doors = defaultdict(list)
    for door in plan.doors:
        doors[door.host, door.port].append(door)
    async with AsyncExitStack() as stack:
        for (host, port), services in doors.items():
            await stack.enter_async_context(_listening(host, port, services))
        if plan.bootstrap is not None and plan.topics:
            await stack.enter_async_context(kafka_department(plan.topics, plan.bootstrap))
        yield


@asynccontextmanager
async def _listening(host: str, port: int, services: list[HttpDoor]) -> AsyncIterator[None]:
    application = web.Application()
    for door in services:
        handler = _ANSWERS.get(door.service, _echo)
        application.router.add_route("*", door.path + "/{rest:.*}", handler)
        application.router.add_route("*", door.path or "/", handler)
    runner = web.AppRunner(
        application, access_log=None, handler_cancellation=True, shutdown_timeout=SHUTDOWN_LIMIT
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise StartError(_not_listening(error, host, port, services[0].service)) from error
    try:
        yield
    finally:
        await runner.cleanup()


def _not_listening(error: OSError, host: str, port: int, service: str) -> str:
    wanted = f"the demo's department for {service} has to listen at {host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} is in use: {wanted}. End the program that listens there, or give the"
            " service another endpoint in the routes file."
        )
    return f"{wanted}, and the system refuses it: {error.strerror or error}."


async def _payment(request: web.Request) -> web.Response:
    await work(request.query.get("wait"))
    if request.method == "POST":
        return await _pay(request)
    pupil = request.query.get("pupil", "DEMO-0001")
    name, school = PUPILS.get(pupil, ("测试某", "锡山演示学校"))
    orders = [
        {"order": f"{pupil}-{code}", "item": title, "amount": amount, "status": "unpaid"}
        for code, title, amount in FEES
    ]
    return _answer(request, {"pupil": pupil, "name": name, "school": school, "orders": orders})


async def _pay(request: web.Request) -> web.Response:
    try:
        payment = await request.json()
    except ValueError:
        return _answer(request, {"error": "the body is not JSON"}, status=400)
    receipt = f"R{secrets.token_hex(6).upper()}"
    return _answer(request, {"receipt": receipt, "status": "paid", "payment": payment}, status=201)


async def _contribution(request: web.Request) -> web.Response:
    await work(request.query.get("wait"))
    subject = request.query.get("subject", "DEMO-0001")
    months = [
        {"month": f"2026-{month:02}", "base": "6820.00", "pension": "545.60", "medical": "136.40"}
        for month in range(1, 7)
    ]
    return _answer(request, {"subject": subject, "name": "测试甲", "months": months})


async def _echo(request: web.Request) -> web.Response:
    """The answer for a service that the demo does not know: what arrived, without credentials."""
    await work(request.query.get("wait"))
    size = len(await request.read())
    names = sorted({name.lower() for name in request.headers})
    asked = {"method": request.method, "target": request.path_qs, "body_bytes": size}
    return _answer(request, {**asked, "header_names": names})


_ANSWERS: Final[Mapping[str, Handler]] = {
    "edu.payment": _payment,
    "hrss.contribution": _contribution,
}


def _answer(request: web.Request, content: dict[str, Any], *, status: int = 200) -> web.Response:
    host, port = request.transport.get_extra_info("sockname")[:2] if request.transport else ("", 0)
    whole = {**content, "answered_by": f"{host}:{port}", "notice": NOTICE}
    text = json.dumps(whole, ensure_ascii=False)
    return web.Response(text=text, status=status, content_type="application/json")


def main() -> None:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # the broker may be killed for show
    run_child(lambda plan: departments(Plan.read(plan)))


if __name__ == "__main__":
    main()
