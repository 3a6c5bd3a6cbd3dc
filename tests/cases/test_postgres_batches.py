"""Natural batches: nobody waits for a batch to fill, and one failure is one's own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gateway.cases.postgres_batches import NaturalBatches, RefusedError
from gateway.cases.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Server:
    """Doubles numbers once it is let; refuses 13, and all while `away`."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.open = asyncio.Event()
        self.away = False

    async def double(self, numbers: list[int]) -> Sequence[int | StoreError]:
        self.batches.append(numbers)
        await self.open.wait()
        if self.away:
            raise StoreError("away")
        if 13 in numbers:
            raise RefusedError("13 is refused")
        return [StoreError("no zero") if number == 0 else 2 * number for number in numbers]


@pytest.fixture
def server() -> Server:
    return Server()


async def test_what_comes_during_a_round_trip_goes_together_with_the_next(server: Server) -> None:
    batches = NaturalBatches("test", server.double)
    first = batches.submit(1)
    await asyncio.sleep(0)
    others = [batches.submit(number) for number in (2, 3)]
    server.open.set()
    assert await asyncio.gather(first, *others) == [2, 4, 6]
    assert server.batches == [[1], [2, 3]]


async def test_a_batch_has_a_largest_size(server: Server) -> None:
    server.open.set()
    batches = NaturalBatches("test", server.double, most=2)
    await asyncio.gather(*(batches.submit(number) for number in (1, 2, 3, 4, 5)))
    assert server.batches == [[1, 2], [3, 4], [5]]


async def test_one_that_is_refused_fails_alone(server: Server) -> None:
    server.open.set()
    batches = NaturalBatches("test", server.double)
    results = await asyncio.gather(
        *(batches.submit(number) for number in (1, 13, 3)), return_exceptions=True
    )
    assert results[0] == 2
    assert isinstance(results[1], RefusedError)
    assert results[2] == 6


async def test_a_result_that_is_an_error_fails_its_own_alone(server: Server) -> None:
    server.open.set()
    batches = NaturalBatches("test", server.double)
    good, bad = batches.submit(1), batches.submit(0)
    assert await good == 2
    with pytest.raises(StoreError, match="no zero"):
        await bad


async def test_a_server_that_is_away_is_asked_once_for_all(server: Server) -> None:
    server.open.set()
    server.away = True
    batches = NaturalBatches("test", server.double)
    results = await asyncio.gather(
        *(batches.submit(number) for number in (1, 2)), return_exceptions=True
    )
    assert all(isinstance(result, StoreError) for result in results)
    assert server.batches == [[1, 2]]


async def test_who_is_cancelled_harms_nobody_else(server: Server) -> None:
    batches = NaturalBatches("test", server.double)
    first, second = batches.submit(1), batches.submit(2)
    first.cancel()
    server.open.set()
    assert await second == 4


async def test_passed_waits_for_what_was_handed_in_before_only() -> None:
    let_through = asyncio.Semaphore(0)

    async def carry_out(numbers: list[int]) -> list[int]:
        await let_through.acquire()
        return numbers

    batches = NaturalBatches("test", carry_out, most=1)
    await batches.passed()
    first = batches.submit(1)
    passed = asyncio.ensure_future(batches.passed())
    await asyncio.sleep(0)
    second = batches.submit(2)
    assert not passed.done()
    let_through.release()
    await passed
    assert first.done()
    assert not second.done()
    let_through.release()
    await second


async def test_closing_ends_what_was_handed_in(server: Server) -> None:
    server.open.set()
    batches = NaturalBatches("test", server.double)
    handed_in = batches.submit(1)
    await batches.close(5)
    assert handed_in.result() == 2
    with pytest.raises(StoreError, match="closed"):
        await batches.submit(2)


async def test_closing_does_not_wait_for_ever(server: Server) -> None:
    batches = NaturalBatches("test", server.double, most=1)
    under_way, waiting = batches.submit(1), batches.submit(2)
    await asyncio.sleep(0)
    await batches.close(0.01)
    for future in (under_way, waiting):
        with pytest.raises(StoreError, match="closed"):
            await future
    assert server.batches == [[1]]
