"""The brokers of a measurement: those that `KAFKA_BOOTSTRAP` names, else the embedded one."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from gateway.demo.broker import EmbeddedBroker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["brokers"]


@asynccontextmanager
async def brokers() -> AsyncIterator[tuple[str, str]]:
    """Their address, and what to say of them beside the figures."""
    real = os.environ.get("KAFKA_BOOTSTRAP")
    if real:
        yield real, "The brokers of KAFKA_BOOTSTRAP"
        return
    async with EmbeddedBroker() as broker:
        yield broker.bootstrap, "The embedded broker (in memory, on the load's core)"
