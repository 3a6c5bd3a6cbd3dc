"""Guards around every test: no blocking call in the loop, no stray task, no unretrieved exception.

Tests run on uvloop, as production does. A test marked `looptime` runs on the standard loop with
virtual time instead; such a test never uses sockets. Every test has a loop of its own, so a
fixture that lives longer than one test (a broker, a server process) is a synchronous one.
"""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
import uvloop
from blockbuster import BlockBuster, BlockBusterFunction
from pytest_asyncio import is_async_test

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

TOOL_MISSING: Final = "tool missing:"
"""A skip whose reason begins so is listed at the end of the run, and fails it in CI."""

KAFKA_BROKER: Final = "kafka_broker"
"""Tests with a broker say which kind: `record_property("kafka_broker", "embedded")` or "apache"."""

TURNS: Final = 5
"""Turns of the loop in which a task that was told to end has to be gone."""


def pytest_configure() -> None:
    """Let `get_event_loop` outside a loop fail: looptime asks in synchronous tests, too, and would
    get a new loop that nobody closes.
    """
    asyncio.set_event_loop(None)


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Choose the loop of an async test: virtual time needs the standard one."""
    if item.get_closest_marker("looptime") is not None:
        return {"asyncio": asyncio.new_event_loop}
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def blocking_calls() -> BlockBuster:
    """All calls that block, as far as code of the gateway makes them inside a running loop."""
    guard = BlockBuster("gateway")
    guard.functions["os.fsync"] = BlockBusterFunction(None, "os.fsync", scanned_modules="gateway")
    for function in guard.functions.values():
        # Connecting, it looks for libpq's small files (password, certificates) on the loop.
        function.can_block_in("asyncpg/connect_utils.py", "_parse_connect_arguments")
    return guard


@pytest.fixture(autouse=True)
def no_blocking_call(blocking_calls: BlockBuster) -> Iterator[None]:
    blocking_calls.activate()
    try:
        yield
    finally:
        blocking_calls.deactivate()


@pytest.fixture
async def clean_loop() -> AsyncIterator[None]:
    """Fail an async test that leaves a task behind or an exception unread."""
    loop = asyncio.get_running_loop()
    faults: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: faults.append(context))
    before = asyncio.all_tasks()
    yield
    for _ in range(TURNS):
        await asyncio.sleep(0)
    gc.collect(1)  # an exception that nobody read is reported when its future goes away
    stray = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not stray
    assert not faults


@pytest.fixture(autouse=True)
def _guarded_loop(request: pytest.FixtureRequest) -> None:
    """Ask for `clean_loop` in async tests only: a synchronous test needs no loop for it."""
    if is_async_test(request.node):
        request.getfixturevalue("clean_loop")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in (*_missing_tools(terminalreporter), *_kafka_brokers(terminalreporter)):
        terminalreporter.write_line(line)


def _missing_tools(terminal: pytest.TerminalReporter) -> list[str]:
    skipped = (report.longrepr for report in terminal.stats.get("skipped", ()))
    reasons = {where[2].removeprefix("Skipped: ") for where in skipped if isinstance(where, tuple)}
    return sorted(reason for reason in reasons if reason.startswith(TOOL_MISSING))


def _kafka_brokers(terminal: pytest.TerminalReporter) -> list[str]:
    reports = terminal.stats.get("passed", []) + terminal.stats.get("failed", [])
    brokers = {
        str(value) for r in reports for name, value in r.user_properties if name == KAFKA_BROKER
    }
    if not brokers:
        return []
    only = "" if "apache" in brokers else " only (in memory; KAFKA_BOOTSTRAP names no Apache Kafka)"
    return [f"Kafka brokers in this run: {', '.join(sorted(brokers))}{only}"]


# --- brokers: the embedded one always, a real one when there is one ---------------------------


@pytest.fixture(scope="session")
def embedded() -> Iterator[str]:
    """The address of an embedded broker that all tests share."""
    command = [sys.executable, "-m", "gateway.demo.broker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip()
        process.terminate()


@pytest.fixture(scope="session")
def apache() -> str:
    """The address of a real Apache Kafka, else the test is skipped."""
    address = os.environ.get("KAFKA_BOOTSTRAP")
    if not address:
        pytest.skip(
            f"{TOOL_MISSING} Apache Kafka (KAFKA_BOOTSTRAP is not set: tests/kafka/broker/start.py)"
        )
    return address


@pytest.fixture(params=["embedded", "apache"])
def bootstrap(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> str:
    """The address of a broker: each test that asks for it runs on both kinds."""
    record_property(KAFKA_BROKER, request.param)
    return str(request.getfixturevalue(request.param))
