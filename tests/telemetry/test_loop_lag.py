from __future__ import annotations

import asyncio

import pytest

from gateway.telemetry.loop_lag import watch_loop_lag

BLOCKED_SECONDS = 0.05


@pytest.mark.looptime
async def test_a_sample_is_taken_twice_a_second() -> None:
    lags: list[float] = []
    task = asyncio.create_task(watch_loop_lag(lags.append))
    await asyncio.sleep(5.25)
    task.cancel()
    await asyncio.wait([task])
    assert len(lags) == 10
    assert task.cancelled()


async def test_a_loop_that_is_kept_busy_is_seen_to_be_late() -> None:
    loop = asyncio.get_running_loop()
    samples: asyncio.Queue[float] = asyncio.Queue()
    task = asyncio.create_task(watch_loop_lag(samples.put_nowait, interval=0.001))
    await samples.get()
    until = loop.time() + BLOCKED_SECONDS
    while loop.time() < until:
        pass  # what a blocking call does to the loop
    assert await samples.get() > BLOCKED_SECONDS / 2
    task.cancel()
    await asyncio.wait([task])
