"""The path of one request whose caller is a script: whatever happens, the books are closed."""

from __future__ import annotations

import asyncio
import io
import json
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway import errors
from gateway.cases.sqlite_store import SqliteStore
from gateway.errors import Fault
from gateway.handling.books import Books
from gateway.handling.delivery import HttpDelivery
from gateway.handling.http_once import HttpOnce
from gateway.handling.kafka_delivery import KafkaDelivery
from gateway.handling.live_routes import RouteBoard
from gateway.handling.pipeline import Pipeline
from gateway.http.bodies import REQUEST_BODY, WireBody
from gateway.http.connection import Connection
from gateway.sweep import Sweep
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.request_log import RequestLog
from tests.doubles import origin as act
from tests.doubles.gateway import http_service, routes_text
from tests.doubles.origin import Origin, reply, script, send
from tests.handling.snapshots import KEYS, a_request, builder, loaded
from tests.telemetry.scrapes import samples_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from gateway.handling.request_record import RequestRecord
    from gateway.message import ServiceReply, ServiceRequest


@dataclass
class ScriptedCaller:
    """Sends `request`, or raises it; `steps` are what the pipeline did with the answer."""

    request: ServiceRequest | Exception
    arrived: float
    method: str = "GET"
    status: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    steps: list[str] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, step: str) -> None:
        async with asyncio.timeout(10):
            while step not in self.steps:
                self.news.clear()
                await self.news.wait()

    def read(self) -> ServiceRequest:
        if isinstance(self.request, Exception):
            raise self.request
        return self.request

    def send(self, reply: ServiceReply, body: bytes) -> None:
        self.status = reply.status
        self.steps.append(f"send {reply.status} {body.decode()}")

    def begin(self, reply: ServiceReply, length: int | None) -> None:
        self.status = reply.status
        self.steps.append(f"begin {reply.status} {length}")

    async def write(self, data: bytes) -> None:
        self.steps.append(f"write {data.decode()}")
        self.news.set()

    def end(self) -> None:
        self.steps.append("end")

    def lose(self, fault: Fault) -> None:
        self.steps.append(f"lose {fault.cause.code}")

    def refuse(self, fault: Fault, record: RequestRecord) -> None:
        del record
        self.steps.append(f"refuse {fault.cause.code}")


class Clock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class SlowCaller(ScriptedCaller):
    """Takes three seconds of `clock` for each piece of the answer."""

    clock: Clock = field(default_factory=Clock)

    async def write(self, data: bytes) -> None:
        self.clock.now += 3.0
        await super().write(data)


class Lines(io.RawIOBase):
    """A stream that keeps what is written."""

    def __init__(self) -> None:
        self.data = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self.data += bytes(data)
        return len(data)


@dataclass
class Accounts:
    """A pipeline and what it has counted and written."""

    pipeline: Pipeline
    metrics: Metrics
    log: RequestLog
    lines: Lines
    clock: Callable[[], float]

    def caller(self, request: ServiceRequest | Exception) -> ScriptedCaller:
        return ScriptedCaller(request, self.clock())

    async def times(self) -> dict[str, float]:
        """Seconds of all requests: whole, the departments' and added by the gateway."""
        samples = await samples_of(self.metrics)
        service = "{service=edu.payment}"
        return {
            "whole": samples[f"gateway_request_duration_seconds_sum{service}"],
            "department": samples[f"gateway_department_duration_seconds_sum{service}"],
            "added": samples["gateway_added_duration_seconds_sum{transport=http}"],
        }

    async def closed(self) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """The requests by their labels, and the lines of the log."""
        await self.log.close()
        samples = await samples_of(self.metrics)
        name = "gateway_requests_total"
        counted = {key.removeprefix(name): n for key, n in samples.items() if name in key}
        return counted, [json.loads(line) for line in self.lines.data.splitlines()]


@asynccontextmanager
async def pipeline_to(
    origin: Origin, clock: Callable[[], float] = time.monotonic, **settings: str
) -> AsyncIterator[Accounts]:
    """A pipeline with one service, edu.payment, at `origin`."""
    metrics, sweep = Metrics("0", time.monotonic), Sweep(asyncio.get_running_loop(), clock)
    routes = await loaded(routes_text(http_service("edu.payment", origin.url, **settings)))
    board = RouteBoard(builder(metrics, clock).build(routes, KEYS, None))
    lines = Lines()
    log = RequestLog(lines, "json", metrics.log_lines_dropped)
    kafka = KafkaDelivery(None, sweep, lambda: datetime.now(UTC))
    http = HttpDelivery(clock)
    books = Books(metrics, log, sweep.time, lambda: 0.0)
    store = SqliteStore(Path("never-opened.db"))
    once = HttpOnce(http, store, metrics.cases.repeated, sweep.time, lambda: datetime.now(UTC))
    pipeline = Pipeline(board, http, once, kafka, sweep, books)
    try:
        yield Accounts(pipeline, metrics, log, lines, clock)
    finally:
        await log.close()
        board.close()
        sweep.close()


COUNTED = "{{cause={},channel={},service={},transport={}}}"


async def test_an_answer_that_is_here_goes_out_at_once() -> None:
    async with Origin(reply(b"paid")) as origin, pipeline_to(origin) as books:
        caller = books.caller(a_request())
        await books.pipeline.handle(caller)
        counted, (line,) = await books.closed()
    assert caller.steps == ["send 200 paid"]
    assert counted == {COUNTED.format("none", "app", "edu.payment", "http"): 1}
    assert (line["status"], line["cause"], line["side"]) == (200, "none", None)
    assert (line["department"], line["attempts"], line["destination"]) == ("edu", 1, origin.url)
    assert 0 < line["department_time"] < line["duration"]


async def test_an_answer_on_its_way_is_passed_on_piece_by_piece() -> None:
    go = asyncio.Event()
    head = send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none")
    async with (
        Origin(script(act.body, head, act.wait(go), send(b"two"))) as origin,
        pipeline_to(origin) as books,
    ):
        caller = books.caller(a_request())
        async with asyncio.TaskGroup() as group:
            group.create_task(books.pipeline.handle(caller))
            await caller.until("write one")
            go.set()
    assert caller.steps == ["begin 200 6", "write one", "write two", "end"]


async def test_what_a_slow_caller_takes_to_read_is_nobody_elses_time() -> None:
    go, clock = asyncio.Event(), Clock()
    head = send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none")
    async with (
        Origin(script(act.body, head, act.wait(go), send(b"two"))) as origin,
        pipeline_to(origin, clock) as books,
    ):
        caller = SlowCaller(a_request(), clock(), clock=clock)
        async with asyncio.TaskGroup() as group:
            group.create_task(books.pipeline.handle(caller))
            await caller.until("write one")
            go.set()
        assert await books.times() == {"whole": 6.0, "department": 0.0, "added": 0.0}


async def test_what_a_slow_caller_takes_to_send_is_nobody_elses_time() -> None:
    clock, loop = Clock(), asyncio.get_running_loop()
    sweep = Sweep(loop, clock)
    body, waits = WireBody(Connection(loop), 3, sweep, REQUEST_BODY), asyncio.Event()
    body.awaited = waits.set
    async with Origin() as origin, pipeline_to(origin, clock) as books:
        caller = books.caller(a_request(method="POST", body=body))
        async with asyncio.TaskGroup() as group:
            group.create_task(books.pipeline.handle(caller))
            async with asyncio.timeout(10):
                await waits.wait()
            clock.now += 2.0
            body.feed(b"abc")
            body.finish()
        assert caller.steps == ["send 200 "]
        assert await books.times() == {"whole": 2.0, "department": 0.0, "added": 0.0}
    sweep.close()


async def test_waiting_for_an_answer_that_breaks_off_is_the_departments_time() -> None:
    go, clock = asyncio.Event(), Clock()
    head = send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none")
    async with (
        Origin(script(act.body, head, act.wait(go), act.close)) as origin,
        pipeline_to(origin, clock) as books,
    ):
        caller = books.caller(a_request())
        async with asyncio.TaskGroup() as group:
            group.create_task(books.pipeline.handle(caller))
            await caller.until("write one")
            await asyncio.sleep(0)
            clock.now += 5.0
            go.set()
        assert caller.steps[-1] == "refuse answer_incomplete"
        assert await books.times() == {"whole": 5.0, "department": 5.0, "added": 0.0}


@pytest.mark.parametrize("channel", ["-", "app"])
async def test_a_refusal_is_counted_for_what_was_known(channel: str) -> None:
    async with Origin() as origin, pipeline_to(origin) as books:
        known = channel == "app"
        caller = books.caller(a_request("edu.none") if known else a_request(key=None))
        await books.pipeline.handle(caller)
        counted, (line,) = await books.closed()
    cause = "service_unknown" if known else "credentials_missing"
    assert caller.steps == [f"refuse {cause}"]
    assert counted == {COUNTED.format(cause, channel, "-", "-"): 1}
    assert (line["cause"], line["side"], line["department_time"]) == (cause, "caller", None)


async def test_a_request_that_cannot_be_read_counts_like_any_other() -> None:
    async with Origin() as origin, pipeline_to(origin) as books:
        caller = books.caller(a_request())
        await books.pipeline.refuse(caller, Fault(errors.HEAD_TIMEOUT))
        counted, lines = await books.closed()
    assert caller.steps == ["refuse head_timeout"]
    assert counted == {COUNTED.format("head_timeout", "-", "-", "-"): 1}
    assert len(lines) == 1


async def test_a_fault_of_our_own_is_answered_logged_and_ends_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Origin() as origin, pipeline_to(origin) as books:
        caller = books.caller(LookupError("a fault of our own"))
        await books.pipeline.handle(caller)
        after = books.caller(a_request())
        await books.pipeline.handle(after)
        counted, _ = await books.closed()
    assert caller.steps == ["refuse internal_error"]
    assert after.steps == ["send 200 "]
    assert counted[COUNTED.format("internal_error", "-", "-", "-")] == 1
    assert "a fault of our own" in caplog.text


@pytest.mark.parametrize(("draining", "cause"), [(False, "caller_gone"), (True, "draining")])
async def test_a_cancellation_rises_and_answers_nothing(*, draining: bool, cause: str) -> None:
    async with Origin(act.stall) as origin, pipeline_to(origin) as books:
        books.pipeline.draining = draining
        caller = books.caller(a_request())
        task = asyncio.create_task(books.pipeline.handle(caller))
        await origin.until(lambda o: o.requests != [])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await origin.until(lambda o: o.open == 0)
        counted, (line,) = await books.closed()
    assert caller.steps == [f"lose {cause}"]
    assert counted == {COUNTED.format(cause, "app", "edu.payment", "http"): 1}
    assert line["cause"] == cause


async def test_a_deadline_answers_and_leaves_its_task_uncancelled() -> None:
    async with Origin(act.stall) as origin, pipeline_to(origin, timeout="100ms") as books:
        caller = books.caller(a_request())
        await books.pipeline.handle(caller)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        counted, _ = await books.closed()
    assert caller.steps == ["refuse answer_timeout"]
    assert counted == {COUNTED.format("answer_timeout", "app", "edu.payment", "http"): 1}


async def test_the_deadline_of_a_request_that_is_over_touches_nothing_later() -> None:
    """Both requests run in this task: a deadline that was left behind would cancel the second."""
    async with Origin(reply(), act.stall) as origin, pipeline_to(origin, timeout="200ms") as books:
        first, second = books.caller(a_request()), books.caller(a_request())
        await books.pipeline.handle(first)
        second.arrived = time.monotonic() + 0.3
        await books.pipeline.handle(second)
    assert (first.steps, second.steps) == (["send 200 "], ["refuse answer_timeout"])


async def test_an_answer_that_breaks_off_is_refused_after_it_began() -> None:
    half = send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    async with Origin(script(act.body, half, act.close)) as origin, pipeline_to(origin) as books:
        caller = books.caller(a_request())
        await books.pipeline.handle(caller)
        counted, _ = await books.closed()
    assert caller.steps == ["begin 200 9", "write half", "refuse answer_incomplete"]
    assert counted == {COUNTED.format("answer_incomplete", "app", "edu.payment", "http"): 1}
