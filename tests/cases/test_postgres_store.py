"""What only PostgreSQL does: several gateways on one store, and what many cases do to it.

What every store does is in `test_store.py`, the server's outages are in
`test_postgres_database.py`.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import asyncpg
import pytest

from gateway.cases import postgres_cases
from gateway.cases.case import Answer, State
from gateway.cases.postgres_store import PostgresStore
from gateway.cases.store import StoreError
from gateway.cases.transitions import CaseEvent
from tests.cases.postgres_server import new_database
from tests.cases.samples import HOUR, KEY, PUBLISHED, a_case, at, told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ANSWERED = CaseEvent(State.ANSWERED, at(2), answer=Answer(200, "text/plain", b"made up"))


class Gateways(NamedTuple):
    """Two gateways' stores on one database."""

    here: PostgresStore
    there: PostgresStore
    url: str


@pytest.fixture
async def gateways(postgres: str) -> AsyncIterator[Gateways]:
    url = await new_database(postgres)
    here, there = (PostgresStore(url, callback_for=told) for _ in range(2))
    await here.open()
    await there.open()
    yield Gateways(here, there, url)
    await here.close()
    await there.close()


async def test_any_gateway_answers_any_case(gateways: Gateways) -> None:
    case = a_case()
    await gateways.here.insert(case)
    applied = await gateways.there.apply(case.id, ANSWERED)
    assert applied is not None
    assert await gateways.here.find(case.id) == applied[0]


async def test_a_change_is_told_to_every_gateway_once(gateways: Gateways) -> None:
    here, there = asyncio.Queue[str](), asyncio.Queue[str]()
    gateways.here.on_change(here.put_nowait)
    gateways.there.on_change(there.put_nowait)
    first, second = a_case(), a_case()
    await asyncio.gather(gateways.here.insert(first), gateways.here.insert(second))
    await gateways.here.apply(first.id, PUBLISHED)
    await gateways.there.apply(second.id, PUBLISHED)
    await gateways.here.apply(first.id, ANSWERED)
    async with asyncio.timeout(10):
        heard = [sorted([await queue.get() for _ in range(3)]) for queue in (here, there)]
    expected = sorted([first.id, second.id, first.id])
    assert heard == [expected, expected]
    assert here.empty()
    assert there.empty()


async def test_a_thousand_changes_at_once_are_all_told(gateways: Gateways) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    gateways.there.on_change(heard.put_nowait)
    cases = [a_case() for _ in range(1000)]
    await asyncio.gather(*(gateways.here.insert(case) for case in cases))
    await asyncio.gather(*(gateways.here.apply(case.id, PUBLISHED) for case in cases))
    async with asyncio.timeout(20):
        told = {await heard.get() for _ in cases}
    assert told == {case.id for case in cases}


async def test_gateways_that_move_the_same_cases_lose_nothing(gateways: Gateways) -> None:
    cases = [a_case() for _ in range(20)]
    await asyncio.gather(*(gateways.here.insert(case) for case in cases))
    words = [CaseEvent(None, at(n), note=f"word {n}") for n in range(10)]
    moves = [
        gateway.apply(case.id, word)
        for word in words
        for gateway, some in ((gateways.here, cases), (gateways.there, reversed(cases)))
        for case in some
    ]
    await asyncio.gather(*moves)
    for case in cases:
        found = await gateways.there.find(case.id)
        assert found is not None
        assert {step.note for step in found.history[1:]} == {word.note for word in words}


async def test_of_two_gateways_one_is_the_first_with_a_key(gateways: Gateways) -> None:
    until = datetime.now(UTC) + HOUR
    reservations = await asyncio.gather(
        *(
            gateway.reserve(KEY, b"same", a_case(), until)
            for _ in range(20)
            for gateway in (gateways.here, gateways.there)
        )
    )
    assert sum(reservation.first for reservation in reservations) == 1
    assert len({reservation.case_id for reservation in reservations}) == 1
    assert await gateways.here.count() == {("permit.apply", State.RECEIVED): 1}


async def test_of_two_gateways_one_holds_a_key(gateways: Gateways) -> None:
    until = datetime.now(UTC) + HOUR
    held = await asyncio.gather(
        *(
            gateway.hold(KEY, b"same", until)
            for _ in range(10)
            for gateway in (gateways.here, gateways.there)
        )
    )
    assert sum(one.first for one in held) == 1


async def test_a_case_expires_at_one_gateway(gateways: Gateways) -> None:
    cases = [a_case(expires_at=at(1)) for _ in range(30)]
    await asyncio.gather(*(gateways.here.insert(case) for case in cases))
    expired = await asyncio.gather(
        *(gateway.expire(at(2), 30) for gateway in (gateways.here, gateways.there))
    )
    ids = [case.id for some in expired for case in some]
    assert sorted(ids) == sorted(case.id for case in cases)


async def test_a_callback_is_leased_to_one_gateway(gateways: Gateways) -> None:
    cases = [a_case(channel="told") for _ in range(30)]
    await asyncio.gather(*(gateways.here.insert(case) for case in cases))
    await asyncio.gather(*(gateways.here.apply(case.id, PUBLISHED) for case in cases))
    leased = await asyncio.gather(
        *(
            gateway.due_callbacks(at(2), 20, timedelta(minutes=1))
            for gateway in (gateways.here, gateways.there)
        )
    )
    again = await gateways.there.due_callbacks(at(2), 20, timedelta(minutes=1))
    ids = [callback.case_id for some in (*leased, again) for callback in some]
    assert sorted(ids) == sorted(case.id for case in cases)


async def test_what_another_gateway_has_in_hand_is_passed_over(gateways: Gateways) -> None:
    busy, free = a_case(expires_at=at(1)), a_case(expires_at=at(1))
    await asyncio.gather(gateways.here.insert(busy), gateways.here.insert(free))
    other = await asyncpg.connect(gateways.url)
    async with other.transaction():
        await other.execute("SELECT FROM cases WHERE id = $1 FOR UPDATE", busy.id)
        async with asyncio.timeout(4):
            expired = await gateways.here.expire(at(2), 10)
            swept = await gateways.here.sweep(at(60), 10)
    await other.close()
    assert [case.id for case in expired] == [free.id]
    assert swept == 1
    assert await gateways.here.find(busy.id) is not None


async def test_counts_stay_true_when_their_parts_are_put_together(gateways: Gateways) -> None:
    cases = [a_case() for _ in range(10)]
    await asyncio.gather(*(gateways.here.insert(case) for case in cases))
    other = await asyncpg.connect(gateways.url)
    await other.executemany(
        "INSERT INTO case_counts VALUES ('permit.apply', 'received', $1)",
        [(n,) for _ in range(postgres_cases.COMPACT) for n in (1, -1)],
    )
    expected = {("permit.apply", State.RECEIVED): 10}
    counted = await asyncio.gather(*(g.count() for g in (gateways.here, gateways.there)))
    assert counted == [expected, expected]
    assert await gateways.here.count() == expected
    assert await other.fetchval("SELECT count(*) FROM case_counts") == 1
    await other.close()


async def test_a_case_that_cannot_be_read_is_one_case(gateways: Gateways) -> None:
    good, bad = a_case(expires_at=at(1)), a_case(expires_at=at(0))
    await asyncio.gather(gateways.here.insert(good), gateways.here.insert(bad))
    other = await asyncpg.connect(gateways.url)
    await other.execute("UPDATE cases SET data = 'made up' WHERE id = $1", bad.id)
    await other.close()
    found = await asyncio.gather(
        gateways.here.find(good.id), gateways.here.find(bad.id), return_exceptions=True
    )
    assert found[0] == good
    assert isinstance(found[1], StoreError)
    assert "made up" not in str(found[1])
    assert await gateways.here.expire(at(2), 1) == []
    assert [case.id for case in await gateways.here.expire(at(2), 1)] == [good.id]


async def test_gateways_of_different_schemas_do_not_hear_each_other(gateways: Gateways) -> None:
    other = await asyncpg.connect(gateways.url)
    await other.execute("CREATE SCHEMA apart")
    await other.close()
    apart = PostgresStore(f"{gateways.url}?search_path=apart")
    await apart.open()
    heard: list[str] = []
    apart.on_change(heard.append)
    case = a_case()
    await gateways.here.insert(case)
    await gateways.here.apply(case.id, PUBLISHED)
    assert await apart.find(case.id) is None
    assert await apart.secret() != await gateways.here.secret()
    await apart.close()
    assert heard == []
