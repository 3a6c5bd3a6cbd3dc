from __future__ import annotations

import asyncio

import pytest

from gateway.demo.work import wanted_wait, work


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, 0), ("", 0), ("2", 2), ("0.5", 0.5), ("-1", 0), ("1e9", 0), ("９", 0), ("9999", 120)],
)
def test_a_wait_is_a_plain_number_within_a_limit(text: str | None, seconds: float) -> None:
    assert wanted_wait(text) == seconds


@pytest.mark.looptime
async def test_work_takes_a_little_and_what_is_asked_for() -> None:
    loop = asyncio.get_running_loop()
    before = loop.time()
    await work("2")
    assert 2 < loop.time() - before < 2.1
