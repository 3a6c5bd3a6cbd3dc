"""How the demo's departments work: a little time a request, more when the request asks for it."""

from __future__ import annotations

import asyncio
import random
from typing import Final

__all__ = ["NOTICE", "wanted_wait", "work"]

NOTICE: Final = "演示数据，人物均为虚构 / demo data about made-up people"
"""Part of every answer."""

LONGEST_WAIT: Final = 120.0
"""The most seconds that `wait` makes an answer late by."""


async def work(wait: str | None) -> None:
    """Take as long as a department takes; `wait`, in seconds, makes it a bad day."""
    usual = random.uniform(0.004, 0.03)  # noqa: S311  # a latency, not a secret
    await asyncio.sleep(usual + wanted_wait(wait))


def wanted_wait(text: str | None) -> float:
    """Seconds that somebody asks an answer to be late by; 0 when that is no sensible number."""
    if text is None or not text.isascii() or not text.replace(".", "", 1).isdigit():
        return 0.0
    return min(float(text), LONGEST_WAIT)
