"""The guards of `conftest.py`, each against a planted fault, in a test run of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFIG = """
[pytest]
addopts = -W error --import-mode=importlib -p no:cacheprovider
asyncio_mode = auto
asyncio_debug = true
asyncio_default_fixture_loop_scope = function
"""

PLANTED = """
import asyncio, os, time
import pytest, uvloop
from gateway import planted

async def test_good_one():
    assert isinstance(asyncio.get_running_loop(), uvloop.Loop)

async def test_blocking_sleep():
    planted.sleep()

async def test_blocking_fsync():
    planted.fsync()

async def test_stray_task():
    planted.tasks.append(asyncio.get_running_loop().create_task(asyncio.sleep(30)))

async def test_unread_exception():
    async def fail():
        raise ValueError
    task = asyncio.get_running_loop().create_task(fail())
    await asyncio.wait([task])

@pytest.mark.looptime
async def test_good_hour():
    await asyncio.sleep(3600)

def test_good_without_a_loop():
    planted.sleep()

def test_skipped():
    pytest.skip("tool missing: promtool (Debian's package prometheus)")

def test_good_with_a_broker(record_property):
    record_property("kafka_broker", "embedded")
"""

GATEWAY = """
import os, tempfile, time
tasks = []
def sleep():
    time.sleep(0.001)
def fsync():
    with tempfile.TemporaryFile() as file:
        os.fsync(file.fileno())
"""


@pytest.fixture
def planted(pytester: pytest.Pytester) -> pytest.RunResult:
    pytester.makeini(CONFIG)
    pytester.makeconftest((Path(__file__).parent / "conftest.py").read_text())
    package = pytester.mkpydir("gateway")
    (package / "planted.py").write_text(GATEWAY)
    pytester.makepyfile(test_planted=PLANTED)
    pytester.makepyprojecttoml("")
    return pytester.runpytest_subprocess("-q", "-rA")


def test_each_guard_catches_its_planted_fault(planted: pytest.RunResult) -> None:
    lines = planted.stdout.lines
    good = [line for line in lines if line.startswith("PASSED") and "::test_good" in line]
    caught = {
        line.split("::")[1].split(" ")[0]
        for line in lines
        if line.startswith(("FAILED", "ERROR")) and "::" in line
    }
    assert len(good) == 4
    assert caught == {
        "test_blocking_sleep",
        "test_blocking_fsync",
        "test_stray_task",
        "test_unread_exception",
    }


def test_the_summary_names_missing_tools_and_brokers(planted: pytest.RunResult) -> None:
    planted.stdout.fnmatch_lines(["tool missing: promtool (Debian's package prometheus)"])
    planted.stdout.fnmatch_lines(["Kafka brokers in this run: embedded only*"])
