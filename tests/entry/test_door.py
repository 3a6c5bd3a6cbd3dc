"""The unified door of a running gateway: what callers and departments get to see of each other."""

from __future__ import annotations

import asyncio
import re
from ipaddress import ip_network

import pytest

from gateway.errors import CAUSES
from tests.doubles import origin as act
from tests.doubles.caller import Caller, Response, request
from tests.doubles.gateway import (
    APP_KEY,
    MEDIA_KEY,
    WITH_KEY,
    http_service,
    routes_text,
    running_gateway,
)
from tests.doubles.origin import Origin, Received, reply, script, send
from tests.doubles.ports import refusing_port
from tests.http.services import PAY, between
from tests.whole.scraping import until_scraped

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PROXY = (ip_network("127.0.0.0/8"),)


async def exchanged(
    headers: dict[str, str] | None = None, answer: dict[str, str] | None = None, **settings: object
) -> tuple[Received, Response]:
    """What the department and the caller get of one GET."""
    async with Origin(reply(b"paid", headers=answer)) as origin:
        text = routes_text(http_service("edu.payment", origin.url, http_path="/api/v2"))
        async with (
            running_gateway(text, **settings) as running,  # type: ignore[arg-type]  # a setting's
            Caller(running.entry_port) as caller,
        ):
            given = {**WITH_KEY, **(headers or {})}
            response = await caller.ask("GET", f"{PAY}?id=1", given)
    return origin.requests[0], response


# --- towards the department ----------------------------------------------------------------------


async def test_the_department_gets_its_own_path_and_host() -> None:
    received, _ = await exchanged()
    assert received.target == "/api/v2/orders?id=1"
    assert re.fullmatch(rb"127\.0\.0\.1:\d+", received.value("host") or b"")


async def test_the_key_never_reaches_the_department() -> None:
    for name in ("X-Api-Key", "x-api-key", "X-API-KEY"):
        async with Origin() as origin, between(origin) as (_, caller):
            assert (await caller.ask("GET", PAY, {name: APP_KEY})).status == 200
        received = origin.requests[0]
        assert received.values("x-api-key") == []
        assert APP_KEY.encode() not in received.raw_head


async def test_the_department_is_told_who_asks_and_how_long_it_may_take() -> None:
    forged = {"X-Gateway-Channel": "root", "x-gateway-anything": "a", "X-Forwarded-User": "root"}
    received, _ = await exchanged(forged)
    assert received.value("x-gateway-channel") == b"app"
    assert received.value("x-gateway-attempt") == b"1"
    assert 25_000 < int(received.value("x-gateway-timeout-ms") or b"") <= 30_000
    assert received.values("x-gateway-anything") == received.values("x-forwarded-user") == []


async def test_a_stranger_says_nothing_about_earlier_hops() -> None:
    told = {"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9", "Forwarded": "for=a"}
    received, _ = await exchanged(told)
    assert received.value("x-forwarded-for") == b"127.0.0.1"
    assert received.value("forwarded") == b'for=127.0.0.1;host="gateway.test";proto=http'
    assert received.values("x-real-ip") == []


async def test_a_trusted_proxy_says_who_was_before_it() -> None:
    told = {"X-Forwarded-For": "2001:db8::9", "X-Forwarded-Proto": "https"}
    received, _ = await exchanged(told, trusted_proxies=PROXY)
    assert received.value("x-forwarded-for") == b"2001:db8::9, 127.0.0.1"
    assert received.value("x-forwarded-proto") == b"https"
    assert (received.value("forwarded") or b"").startswith(b'for="[2001:db8::9]", for=127.0.0.1;')


async def test_connection_cannot_strip_what_a_trusted_proxy_says() -> None:
    told = {"X-Forwarded-For": "203.0.113.9", "Connection": "close, X-Forwarded-For, X-Api-Key"}
    received, response = await exchanged(told, trusted_proxies=PROXY)
    assert received.value("x-forwarded-for") == b"203.0.113.9, 127.0.0.1"
    assert response.status == 200


async def test_the_trace_goes_through_with_a_span_of_ours() -> None:
    received, response = await exchanged(
        {"traceparent": TRACE, "tracestate": "a=1", "X-Request-Id": "mine-1"}
    )
    told = (received.value("traceparent") or b"").decode()
    assert told.split("-")[1] == TRACE.split("-")[1]
    assert told.split("-")[2] != TRACE.split("-")[2]
    assert received.value("tracestate") == b"a=1"
    assert received.value("x-request-id") == b"mine-1"
    assert response.value("x-request-id") == "mine-1"


async def test_hop_by_hop_fields_end_at_the_door_both_ways() -> None:
    ends = {
        "Connection": "X-One, keep-alive",
        "X-One": "1",
        "Keep-Alive": "timeout=5",
        "TE": "trailers",
        "Upgrade": "h2c",
        "Proxy-Authorization": "made up",
    }
    received, response = await exchanged({**ends, "X-Two": "2"}, {**ends, "X-Two": "2"})
    for message in (received, response):
        for name in ("x-one", "keep-alive", "te", "upgrade", "proxy-authorization"):
            assert message.values(name) == [], name
        assert message.values("x-two") == [b"2"]


# --- towards the caller --------------------------------------------------------------------------


async def test_the_caller_gets_the_answer_with_via_and_ids() -> None:
    _, response = await exchanged(answer={"Via": "1.0 inner", "Server": "made-up", "Date": "then"})
    assert response.values("via") == [b"1.0 inner", b"1.1 gateway"]
    assert re.fullmatch("[0-9a-f]{32}", response.value("x-request-id") or "")
    assert (response.value("server"), response.value("date")) == ("made-up", "then")
    assert response.values("proxy-status") == []


async def test_an_answer_without_a_date_gets_one() -> None:
    _, response = await exchanged()
    assert (response.value("date") or "").endswith(" GMT")


async def test_a_problem_of_the_department_is_the_departments_own() -> None:
    own = {"Content-Type": "application/problem+json"}
    failing = reply(b'{"title": "made up"}', status=500, headers=own)
    async with Origin(failing) as origin, between(origin) as (_, caller):
        answer = await caller.ask("GET", PAY, WITH_KEY)
    assert (answer.status, answer.json()) == (500, {"title": "made up"})


@pytest.mark.parametrize(
    ("accept", "title"),
    [
        ("zh-CN,en;q=0.5", "该部门系统拒绝连接"),
        ("en", "The department's system refuses connections"),
    ],
)
async def test_a_problem_says_whose_fault_it_is_and_whom_to_call(accept: str, title: str) -> None:
    with refusing_port() as port:
        text = routes_text(http_service("edu.payment", f"http://127.0.0.1:{port}"))
        async with running_gateway(text) as running, Caller(running.entry_port) as caller:
            given = {**WITH_KEY, "Accept-Language": accept, "traceparent": TRACE}
            answer = await caller.ask("GET", PAY, given)
    told = answer.json()
    assert told.pop("detail")
    assert told == {
        "type": "/problems/connection_refused",
        "title": title,
        "status": 502,
        "cause": "connection_refused",
        "side": "department",
        "trace": TRACE.split("-")[1],
        "service": "edu.payment",
        "department": "edu",
        "department_name": "演示教育局",
        "phone": "0510-00000000",
    }
    error = 'gateway; error=connection_refused; details="connection_refused"'
    assert (answer.status, answer.value("proxy-status")) == (502, error)
    assert answer.value("content-type") == "application/problem+json"
    assert answer.value("via") == "1.1 gateway"


REFUSED = {
    "service_missing": (404, "GET", "/", {}),
    "path_refused": (400, "GET", f"{PAY}/../x", {}),
    "header_refused": (400, "GET", PAY, {"X_Api_Key": "a"}),
    "service_ambiguous": (400, "GET", PAY, {"X-Service-Id": "edu.other"}),
    "expectation_failed": (417, "GET", PAY, {"Expect": "miracles"}),
    "credentials_missing": (401, "GET", PAY, {"X-Api-Key": ""}),
    "credentials_wrong": (401, "GET", PAY, {"X-Api-Key": "wrong"}),
    "service_unknown": (404, "GET", "/s/edu.paymant", {}),
    "not_granted": (403, "GET", "/s/hrss.query", {"X-Api-Key": MEDIA_KEY}),
    "method_not_allowed": (405, "OPTIONS", PAY, {}),
}


@pytest.mark.parametrize("cause", REFUSED)
async def test_a_refusal_has_its_cause_its_status_and_a_trace_number(cause: str) -> None:
    status, method, target, headers = REFUSED[cause]
    async with Origin() as origin:
        text = routes_text(
            http_service("edu.payment", origin.url),
            http_service("hrss.query", origin.url, department="hrss"),
        )
        async with running_gateway(text) as running, Caller(running.entry_port) as caller:
            given = {**WITH_KEY, "traceparent": TRACE, "X-Request-Id": "mine-1", **headers}
            answer = await caller.ask(method, target, given)
            await until_scraped(running.ops_port, lambda s: s.causes() == {cause: 1})
    told = answer.json()
    assert (answer.status, told["status"], told["cause"]) == (status, status, cause)
    assert (told["side"], told["trace"]) == ("caller", TRACE.split("-")[1])
    assert answer.value("x-request-id") == "mine-1"
    assert answer.value("date")
    assert (answer.value("www-authenticate") is not None) == (status == 401)
    assert (answer.value("allow") is not None) == (status == 405)
    assert origin.requests == []


async def test_a_request_that_is_no_http_has_a_trace_number_too() -> None:
    async with Origin() as origin, between(origin) as (_, caller):
        await caller.send(b"nonsense\r\n\r\n")
        told = (await caller.receive()).json()
        assert told["cause"] == "malformed_request"
        assert re.fullmatch("[0-9a-f]{32}", told["trace"])


async def test_an_unknown_service_names_near_ones_that_the_caller_may_call() -> None:
    async with Origin() as origin, between(origin) as (_, caller):
        answer = await caller.ask("GET", "/s/edu.paymant", WITH_KEY)
        assert answer.json()["nearest"] == ["edu.payment"]


async def test_the_service_may_be_named_by_a_header() -> None:
    async with Origin() as origin, between(origin) as (_, caller):
        for value in ("edu.payment", "edu.payment "):
            answer = await caller.ask("GET", "/any/path?q", {**WITH_KEY, "X-Service-Id": value})
            assert answer.status == 200
    assert [r.target for r in origin.requests] == ["/any/path?q"] * 2
    assert origin.requests[0].values("x-service-id") == []


# --- what the gateway itself explains ------------------------------------------------------------


async def test_every_cause_is_explained_under_its_type() -> None:
    async with Origin() as origin, between(origin) as (_, caller):
        for code, cause in CAUSES.items():
            answer = await caller.ask("GET", f"/problems/{code}")
            told = answer.json()
            assert (answer.status, told["code"], told["side"]) == (200, code, cause.side.value)
            assert told["title"] == {"en": cause.title.en, "zh": cause.title.zh}


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [("GET", "/problems/nothing", 404), ("GET", "/problems/", 404), ("POST", "/problems/a", 405)],
)
async def test_what_is_no_cause_is_not_explained(method: str, target: str, status: int) -> None:
    async with Origin() as origin, between(origin) as (_, caller):
        answer = await caller.ask(method, target, WITH_KEY, None if method == "GET" else b"a")
        assert (answer.status, answer.json()["status"]) == (status, status)
        assert answer.value("content-type") == "application/problem+json"
        assert answer.value("allow") == ("GET, HEAD" if status == 405 else None)
    assert origin.requests == []


# --- 100 Continue --------------------------------------------------------------------------------

WAITS = {**WITH_KEY, "Expect": "100-continue", "Content-Length": "3"}


async def test_continue_goes_out_when_the_department_can_be_written_to() -> None:
    async with Origin(reply(b"taken")) as origin, between(origin) as (_, caller):
        await caller.send(request("POST", PAY, WAITS))
        assert (await caller.receive()).status == 100
        assert len(origin.requests) <= 1
        await caller.send(b"abc")
        assert (await caller.receive()).body == b"taken"
        assert (await caller.ask("GET", PAY, WITH_KEY)).status == 200
    assert bytes(origin.requests[0].body) == b"abc"
    assert origin.requests[0].values("expect") == []


async def test_a_refused_request_is_not_told_to_continue() -> None:
    async with Origin() as origin, between(origin) as (_, caller):
        await caller.send(request("POST", PAY, {**WAITS, "X-Api-Key": "wrong"}))
        answer = await caller.receive()
        assert (answer.status, answer.value("connection")) == (401, "close")
        assert await caller.closed() == b""
    assert origin.requests == []


async def test_a_caller_is_not_told_to_continue_when_nobody_can_be_reached() -> None:
    with refusing_port() as port:
        text = routes_text(http_service("edu.payment", f"http://127.0.0.1:{port}"))
        async with running_gateway(text) as running, Caller(running.entry_port) as caller:
            await caller.send(request("POST", PAY, WAITS))
            assert (await caller.receive()).status == 502


# --- departments that answer early or go away ----------------------------------------------------


async def test_a_department_may_answer_before_the_body_and_close() -> None:
    early = script(send(act.response(b"enough", status=403)), act.close)
    async with Origin(early) as origin, between(origin) as (_, caller):
        head = request("POST", PAY, {**WITH_KEY, "Content-Length": "10000000"})
        sending = asyncio.create_task(caller.send(head + b"x" * 1_000_000))
        answer = await caller.receive()
        assert (answer.status, answer.body, answer.value("connection")) == (403, b"enough", "close")
        await asyncio.gather(sending, return_exceptions=True)


async def test_a_department_that_closed_between_requests_is_not_noticed() -> None:
    async with Origin(script(reply(b"paid"), act.close)) as origin, between(origin) as (_, caller):
        for number in range(1, 4):
            assert (await caller.ask("GET", PAY, WITH_KEY)).body == b"paid"
            await origin.until(lambda o: o.open == 0)
            assert origin.connections == number


async def test_a_connection_lost_under_a_get_is_tried_once_more() -> None:
    first, later = [reply(b"one"), script(act.body, act.reset)], [reply(b"two")]
    async with Origin.by_connection(first, later) as origin, between(origin) as (_, caller):
        assert [(await caller.ask("GET", PAY, WITH_KEY)).body for _ in range(2)] == [b"one", b"two"]
    assert [r.value("x-gateway-attempt") for r in origin.requests] == [b"1", b"1", b"2"]
