"""What tests of the whole gateway ask for: a broker of each kind that there is."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NO_APACHE = "tool missing: Apache Kafka (KAFKA_BOOTSTRAP is not set: tests/kafka/broker/start.py)"


@pytest.fixture(scope="session")
def embedded() -> Iterator[str]:
    """The address of an embedded broker that all tests share."""
    command = [sys.executable, "-m", "gateway.demo.broker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip()
        process.terminate()


@pytest.fixture(params=["embedded", "apache"])
def broker(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> str:
    """The address of a broker: each test that asks for it runs on both kinds."""
    record_property("kafka_broker", request.param)
    if request.param == "embedded":
        return str(request.getfixturevalue("embedded"))
    address = os.environ.get("KAFKA_BOOTSTRAP")
    if not address:
        pytest.skip(NO_APACHE)
    return address
