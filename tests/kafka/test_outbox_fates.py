from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.errors import BROKER_REFUSED, Fault
from gateway.kafka.outbox_fates import Fate, Fates, Settled
from gateway.kafka.record import Acknowledged
from gateway.kafka.spool import Spool
from gateway.kafka.spool_row import RowState
from tests.doubles.spool_events import RecordedFates, RecordedSpoolEvents
from tests.kafka.outbox_desk import outgoing, until, wall_clock

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator
    from pathlib import Path

import asyncio as running


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    opened = Spool(tmp_path / "spool.db", now=wall_clock)
    await opened.open()
    yield opened
    await opened.close()


async def settled(spool: Spool, value: str, *, refused: bool = False) -> Settled:
    record = outgoing("topic", value)
    row = spool.row(record, b"", RowState.SENT)
    await spool.append(row)
    acknowledged = None if refused else Acknowledged("topic", 0, 1)
    fault = Fault(BROKER_REFUSED) if refused else None
    return Settled(row, Fate(value, "svc", b"", acknowledged, fault, False, record))
