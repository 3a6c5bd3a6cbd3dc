"""What comes for cases that nobody waits for; more of it is in `tests/whole/test_cases.py`."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gateway.cases.book import CaseBook
from gateway.cases.sqlite_store import SqliteStore
from gateway.handling.case_arrivals import CaseArrivals
from gateway.handling.case_desk import CaseDesk
from gateway.kafka.dead_letters import DeadLetters
from gateway.kafka.record import IncomingRecord
from gateway.kafka.replies import LateReply
from gateway.message import ServiceReply
from gateway.routing.model import KafkaMode
from gateway.telemetry.metrics import Metrics
from tests.cases.samples import a_case
from tests.doubles.gateway import routes_text
from tests.doubles.kafka_events import RecordedEvents
from tests.handling.snapshots import snapshot
from tests.whole.departments import replying

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from gateway.cases.case import Case
    from gateway.kafka.record import OutgoingRecord


def late(case_id: str, body: bytes) -> LateReply:
    record = IncomingRecord("pension.replies", 0, 0, None, body, ())
    return LateReply(case_id, "pension.replies", ServiceReply(200, b"", body), None, record)


class Office:
    """Arrivals with a store of their own, and one case that waits for its answer."""

    def __init__(self, arrivals: CaseArrivals, book: CaseBook, case: Case) -> None:
        self.arrivals = arrivals
        self.book = book
        self.case = case

    async def answered(self) -> Case:
        async with asyncio.timeout(10):
            end = asyncio.get_running_loop().time() + 10
            found = await self.book.wait(self.case.id, lambda c: c.answer is not None, end)
        assert found is not None
        return found


@asynccontextmanager
async def office(folder: Path, *, full: int = 10) -> AsyncIterator[Office]:
    def now() -> datetime:
        return datetime.now(UTC)

    async def nowhere(_: OutgoingRecord) -> None:
        raise AssertionError("nothing here is a dead letter")

    metrics = Metrics("0", lambda: 0.0)
    live = await snapshot(routes_text(replying("pension")))
    store = SqliteStore(folder / "cases.db")
    book = CaseBook(store, metrics.cases, now, lambda _: None, 3600.0)
    await book.open()
    case = a_case(book.ids.new(), service="edu.pension", mode=KafkaMode.REPLY)
    await book.insert(case)
    desk = CaseDesk(book, now, lambda _: None)
    letters = DeadLetters(nowhere, metrics.cases)
    arrivals = CaseArrivals(lambda: live, book, desk, letters, RecordedEvents(), now, full=full)
    running = asyncio.create_task(arrivals.run())
    try:
        yield Office(arrivals, book, case)
    finally:
        running.cancel()
        await asyncio.wait([running])
        await book.close()


async def test_reading_pauses_while_too_much_waits_and_goes_on_after(tmp_path: Path) -> None:
    async with office(tmp_path, full=3) as it:
        for _ in range(3):
            it.arrivals.take(late(it.case.id, b"answer"))
        waiting = asyncio.create_task(it.arrivals.room())
        await asyncio.sleep(0)
        assert not waiting.done()
        assert it.arrivals.busy
        async with asyncio.timeout(10):
            await waiting
        assert (await it.answered()).answer is not None


async def test_an_event_that_cannot_be_handled_stops_no_other(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        impossible = ServiceReply(200, "no bytes", b"")  # type: ignore[arg-type]  # a fault of ours
        it.arrivals.take(late(it.case.id, b"")._replace(reply=impossible))
        it.arrivals.take(late(it.case.id, b"answer"))
        answer = (await it.answered()).answer
    assert answer is not None
    assert answer.body == b"answer"
