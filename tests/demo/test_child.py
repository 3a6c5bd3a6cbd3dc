from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from gateway.demo.child import Child
from gateway.errors import StartError
from tests.demo.test_departments import a_plan, a_port
from tests.doubles.origin import Origin

DEPARTMENTS = "gateway.demo.departments"


def alive(pid: int | None) -> bool:
    return pid is not None and Path(f"/proc/{pid}").exists()


async def test_a_child_ends_with_its_block() -> None:
    async with Child(DEPARTMENTS, a_plan("x", port=a_port())._asdict()) as child:
        assert alive(child.pid)
    assert not alive(child.pid)


async def test_a_child_that_was_stopped_or_killed_leaves_nothing() -> None:
    for sent in (signal.SIGTERM, signal.SIGKILL):
        async with Child(DEPARTMENTS, a_plan("x", port=a_port())._asdict()) as child:
            assert child.pid is not None
            os.kill(child.pid, sent)
        assert not alive(child.pid)


async def test_a_child_that_cannot_start_says_why() -> None:
    async with Origin() as origin:
        child = Child(DEPARTMENTS, a_plan("x", port=origin.port)._asdict())
        with pytest.raises(StartError, match=f"Port {origin.port} is in use"):
            await child.__aenter__()
    assert not alive(child.pid)


async def test_a_child_that_breaks_while_it_starts_is_an_error() -> None:
    child = Child("gateway.demo.nothing_of_this_name", {})
    with pytest.raises(StartError, match="ended while it started"):
        await child.__aenter__()
    assert not alive(child.pid)
