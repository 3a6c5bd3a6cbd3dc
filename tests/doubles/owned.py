"""Tasks that a test or a double has started, and ends."""

from __future__ import annotations

import asyncio

__all__ = ["end"]


async def end(task: asyncio.Task[None]) -> None:
    """Cancel `task`, wait until it is over, and raise what it failed with by itself."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
