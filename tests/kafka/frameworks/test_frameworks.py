"""Departments written with real frameworks answer the gateway, and know nothing of it.

The people whom they are asked about are made up.
"""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from tests.kafka.frameworks.department import built, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.doubles.kafka_events import RecordedEvents
    from tests.kafka.frameworks.conftest import Line, Topics

MAVEN: Final = ("mvn", "--quiet", "--batch-mode", "dependency:copy-dependencies")
SMALL: Final = ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
JAVA: Final = ("java", *SMALL, "-cp", "jars/*", "Department.java")


class Framework(NamedTuple):
    """How a department is built and run, and what it answers when it refuses."""

    profile: str
    tools: tuple[str, ...]
    build: tuple[tuple[str, ...], ...]
    run: tuple[str, ...]
    refusal: bytes


FRAMEWORKS: Final = {
    "spring": Framework(
        "spring",
        ("java", "mvn"),
        ((*MAVEN, "-DoutputDirectory=jars"),),
        JAVA,
        b'{"error":"no account"}',
    ),
    "nestjs": Framework(
        "nestjs",
        ("npm", "node"),
        (("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"), ("npm", "run", "build")),
        ("node", "department.js"),
        b'{"statusCode":404,"message":"no account"}',
    ),
    "smallrye": Framework(
        "smallrye",
        ("java", "mvn"),
        ((*MAVEN, "-DoutputDirectory=jars"),),
        JAVA,
        b'{"error":"no account"}',
    ),
    "faststream": Framework(
        "plain",
        (),
        (
            (sys.executable, "-m", "venv", "venv"),
            ("venv/bin/python", "-m", "pip", "install", "--quiet", "-r", "requirements.txt"),
        ),
        ("venv/bin/python", "department.py"),
        b'{"error":"no account"}',
    ),
}


@pytest.fixture
def profile(framework: str) -> str:
    return FRAMEWORKS[framework].profile


@pytest.fixture
def department(framework: str, apache: str, topics: Topics, tmp_path: Path) -> Iterator[None]:
    """The department of that framework, at work on `topics`."""
    how = FRAMEWORKS[framework]
    for tool in how.tools:
        if shutil.which(tool) is None:
            pytest.skip(f"tool missing: {tool}")
    folder = built(framework, *how.build)
    command = [*how.run, apache, topics.requests]
    with running(command, folder, tmp_path / "output.txt"):
        yield


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.usefixtures("department")
async def test_a_department_answers_unmodified(
    framework: str, line: Line, events: RecordedEvents
) -> None:
    reply = await line.ask('{"subject": "测试甲"}'.encode())
    assert (reply.status, reply.fields) == (200, b"content-type: application/json\r\n")
    assert isinstance(reply.body, bytes)
    assert json.loads(reply.body) == {
        "subject": "测试甲",
        "monthsPaid": 214,
        "method": "POST",
        "path": "/v1/accounts",
        "query": "month=2026-03",
    }
    refused = await line.ask(b'{"subject": ""}')
    assert (refused.status, refused.body) == (404, FRAMEWORKS[framework].refusal)
    assert events.fates == [("hrss.pension", "answered")] * 2
    assert line.poisoned == []


@pytest.mark.parametrize("framework", ["nestjs"])
@pytest.mark.usefixtures("department")
async def test_what_breaks_in_nestjs_is_an_answer_that_failed(line: Line) -> None:
    broken = await line.ask(b'{"subject": "broken"}')
    assert broken.status == 500
    assert broken.body == b'{"status":"error","message":"Internal server error"}'
