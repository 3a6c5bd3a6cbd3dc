"""A run that is told to end ends as one that is interrupted: nothing stays behind."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["until_terminated"]

T = TypeVar("T")


async def until_terminated(work: Coroutine[None, None, T]) -> T:
    """Do `work`; SIGTERM cancels it, as SIGINT does."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await work
