"""How late the event loop is: one timer, twice a second.

Room rule: it only measures; whoever starts it owns the task and cancels it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["watch_loop_lag"]

INTERVAL_SECONDS: Final = 0.5


async def watch_loop_lag(
    observe: Callable[[float], None], interval: float = INTERVAL_SECONDS
) -> NoReturn:
    """Tell `observe` again and again how many seconds late a timer of `interval` s was run."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + interval
        await asyncio.sleep(interval)
        observe(max(0.0, loop.time() - due))
