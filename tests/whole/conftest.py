"""What tests of the whole gateway ask for: a broker, and gateways that end with the test."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.whole.gateways import running_gateway, write_routes

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.serve import Gateway

Start = Callable[..., Awaitable["Gateway"]]


@pytest.fixture(scope="session")
def embedded_broker() -> Iterator[str]:
    """The address of an embedded broker that the whole run shares."""
    command = [sys.executable, "-m", "gateway.demo.broker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip()
        process.terminate()


@pytest.fixture
def broker(embedded_broker: str, record_property: Callable[[str, object], None]) -> str:
    """A broker's address; the summary of the run names its kind."""
    record_property("kafka_broker", "embedded")
    return embedded_broker


@pytest.fixture
async def start_gateway(tmp_path: Path) -> AsyncIterator[Start]:
    """`await start_gateway(text, kafka=…, setting=…)`: a running gateway, closed with the test."""
    async with AsyncExitStack() as stack:

        async def start(text: str, *, kafka: str | None = None, **changes: Any) -> Gateway:
            routes = write_routes(tmp_path / "routes.yaml", text)
            return await stack.enter_async_context(running_gateway(routes, kafka=kafka, **changes))

        yield start
