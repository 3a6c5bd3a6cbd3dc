"""Every request is counted once and has one line, whatever became of it; and what neither shows."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from tests.doubles import origin as act
from tests.doubles.caller import BrokenOffError, Caller, request
from tests.doubles.gateway import (
    APP_KEY,
    ENVIRON,
    MEDIA_KEY,
    WITH_KEY,
    http_service,
    routes_text,
    running_gateway,
)
from tests.doubles.origin import Origin, reply, script, send
from tests.doubles.ports import refusing_port
from tests.whole.scraping import routes_report, scrape, until_scraped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from tests.doubles.gateway import RunningGateway

HALF: Final = send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")

EXCHANGES: Final[list[tuple[str, bytes]]] = [
    ("none", request("GET", "/s/edu.well", WITH_KEY)),
    ("none", request("POST", "/s/edu.well", WITH_KEY, b"x" * 1024)),
    ("none", request("GET", "/s/edu.failing", WITH_KEY)),
    ("malformed_request", b"nonsense\r\n\r\n"),
    ("malformed_request", b"GET / HTTP/1.1\r\nHost : x\r\n\r\n"),
    ("target_too_long", request("GET", "/s/edu.well/" + "x" * 70_000, WITH_KEY)),
    ("headers_too_large", request("GET", "/s/edu.well", {**WITH_KEY, "X-A": "x" * 200_000})),
    ("path_refused", request("GET", "/s/edu.well/../x", WITH_KEY)),
    ("service_missing", request("GET", "/", WITH_KEY)),
    ("service_ambiguous", request("GET", "/s/edu.well", {**WITH_KEY, "X-Service-Id": "a"})),
    ("expectation_failed", request("POST", "/s/edu.well", {**WITH_KEY, "Expect": "x"}, b"x")),
    ("credentials_missing", request("GET", "/s/edu.well")),
    ("credentials_wrong", request("GET", "/s/edu.well", {"X-Api-Key": "made-up-wrong"})),
    ("service_unknown", request("GET", "/s/edu.nothing", WITH_KEY)),
    ("not_granted", request("GET", "/s/hrss.card", {"X-Api-Key": MEDIA_KEY})),
    ("method_not_allowed", request("OPTIONS", "/s/edu.well", WITH_KEY)),
    ("body_too_large", request("POST", "/s/edu.well", WITH_KEY, b"x" * 1025)),
    ("connection_refused", request("GET", "/s/edu.gone", WITH_KEY)),
    ("connection_lost", request("POST", "/s/edu.dropping", WITH_KEY, b"x")),
    ("answer_malformed", request("GET", "/s/edu.nonsense", WITH_KEY)),
    ("answer_incomplete", request("GET", "/s/edu.half", WITH_KEY)),
    ("answer_timeout", request("GET", "/s/edu.silent", WITH_KEY)),
    ("body_timeout", request("POST", "/s/edu.silent", {**WITH_KEY, "Content-Length": "9"})),
]


@asynccontextmanager
async def every_department() -> AsyncIterator[RunningGateway]:
    """Departments for every outcome."""
    with refusing_port() as port:
        async with (
            Origin() as well,
            Origin(reply(status=500)) as failing,
            Origin(script(act.body, act.close)) as dropping,
            Origin(script(act.body, send(b"nonsense\r\n\r\n"), act.close)) as nonsense,
            Origin(script(act.body, HALF, act.close)) as half,
            Origin(act.stall) as silent,
            running_gateway(
                routes_text(
                    http_service("edu.well", well.url, max_body="1KiB"),
                    http_service("edu.failing", failing.url),
                    http_service("edu.dropping", dropping.url),
                    http_service("edu.nonsense", nonsense.url, retry="{attempts: 1}"),
                    http_service("edu.half", half.url),
                    http_service("edu.silent", silent.url, timeout="200ms"),
                    http_service("edu.gone", f"http://127.0.0.1:{port}", retry="{attempts: 1}"),
                    http_service("hrss.card", well.url, department="hrss"),
                )
            ) as running,
        ):
            yield running


async def send_all(running: RunningGateway) -> dict[str, int]:
    """Send every exchange, some callers going away, and one pipelined pair; count the causes."""
    expected: dict[str, int] = {}
    for cause, data in EXCHANGES:
        expected[cause] = expected.get(cause, 0) + 1
        async with Caller(running.entry_port) as caller:
            with suppress(ConnectionError):
                await caller.send(data)
            with suppress(BrokenOffError):
                await caller.receive()
    async with Caller(running.entry_port) as caller:
        await caller.send(request("GET", "/s/edu.well", WITH_KEY) * 2)
        await caller.receive()
        await caller.receive()
    expected["none"] += 2
    async with Caller(running.entry_port) as caller:
        await caller.send(request("GET", "/s/edu.silent", WITH_KEY))
        await until_scraped(running.ops_port, lambda s: s.total("gateway_requests_in_flight") == 1)
        caller.reset()
    expected["caller_gone"] = 1
    return expected


def lines_of(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


async def test_every_request_is_counted_once_and_has_one_line(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with every_department() as running:
        expected = await send_all(running)
        sent = sum(expected.values())
        samples = await until_scraped(
            running.ops_port, lambda s: s.total("gateway_requests_total") == sent
        )
    lines = lines_of(capfd.readouterr().out)
    assert samples.causes() == expected
    assert samples.total("gateway_request_duration_seconds_count") == sent
    assert samples.total("gateway_added_duration_seconds_count") == sent
    assert samples.total("gateway_requests_in_flight") == 0
    assert len(lines) == sent
    causes = [line["cause"] for line in lines]
    assert {cause: causes.count(cause) for cause in causes} == expected
    assert len({line["request_id"] for line in lines if line["request_id"] != "-"}) > 10


async def test_labels_come_only_from_the_file() -> None:
    async with every_department() as running:
        await send_all(running)
        samples = await scrape(running.ops_port)
    name = "gateway_requests_total"
    assert samples.values_of(name, "channel") <= {"app", "media", "-"}
    assert "edu.nothing" not in samples.text
    services = {"edu.well", "edu.failing", "edu.dropping", "edu.nonsense", "edu.half"}
    services |= {"edu.silent", "edu.gone", "hrss.card", "-"}
    assert samples.values_of(name, "service") <= services
    assert samples.values_of(name, "transport") == {"http", "-"}


# --- what is never shown ------------------------------------------------------------------------

CITIZEN: Final = {
    "name": "zhang-testperson",
    "number": "320200190001010000",
    "phone": "13900000000",
    "case": "made-up-case-of-a-citizen",
}
"""Values of a citizen who does not exist."""


def planted(method: str, service: str, key: str = APP_KEY) -> bytes:
    """A request that carries the citizen's values everywhere a request can carry something."""
    target = f"/s/{service}/{CITIZEN['number']}/{CITIZEN['name']}?phone={CITIZEN['phone']}"
    headers = {
        "X-Api-Key": key,
        "X-Subject": CITIZEN["number"],
        "Cookie": f"case={CITIZEN['case']}",
        "Authorization": f"Bearer {CITIZEN['case']}",
        "User-Agent": CITIZEN["name"],
        "Referer": f"https://app.example/{CITIZEN['case']}",
    }
    return request(method, target, headers, json.dumps(CITIZEN).encode())


async def test_no_value_of_a_citizen_and_no_key_is_shown_anywhere(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    services = ("well", "failing", "dropping", "nonsense", "gone", "silent", "nothing")
    problems = []
    async with every_department() as running:
        for service in services:
            async with Caller(running.entry_port) as caller:
                await caller.send(planted("POST", f"edu.{service}"))
                answer = await caller.receive("POST")
                problems.append(answer.raw_head + answer.body)
        wrong_key = planted("POST", "edu.well", CITIZEN["case"])
        for data in (wrong_key, planted("OPTIONS", "edu.well"), planted("P(ST", "edu.well")):
            async with Caller(running.entry_port) as caller:
                await caller.send(data)
                answer = await caller.receive("POST")
                assert answer.status >= 400
                problems.append(answer.raw_head + answer.body)
        samples = await scrape(running.ops_port)
        report = await routes_report(running.ops_port)
    out, err = capfd.readouterr()
    shown = out + err + caplog.text + samples.text + json.dumps(report)
    shown += b"".join(problems).decode()
    for secret in (*CITIZEN.values(), *ENVIRON.values()):
        assert secret not in shown
    assert len(lines_of(out)) == len(problems)


async def test_a_departments_own_error_text_reaches_nobody_but_its_caller(
    capfd: pytest.CaptureFixture[str],
) -> None:
    trace = f"Traceback: {CITIZEN['number']} violates constraint"
    async with Origin(reply(trace.encode(), status=500)) as origin:
        text = routes_text(http_service("edu.payment", origin.url))
        async with running_gateway(text) as running:
            async with Caller(running.entry_port) as caller:
                answer = await caller.ask("GET", "/s/edu.payment", WITH_KEY)
            samples = await scrape(running.ops_port)
    out, err = capfd.readouterr()
    assert (answer.status, answer.body.decode()) == (500, trace)
    assert CITIZEN["number"] not in out + err + samples.text
