"""A day at the counter, in small: a bounded, mixed load on the demo's gateway (`--traffic`).

Most requests are what the unified app sends; a few have a wrong key, name an unknown service, use
a wrong method or meet a department on a bad day; now and then one channel sends more than its
rate. Runs as a process of its own, so that its work is not on the gateway's loop.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import aiohttp

from gateway.demo.child import run_child
from gateway.demo.samples import SUBJECTS, Sample, samples, slowed
from gateway.routing.model import METHODS, Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

    from gateway.demo.callers import Callers

__all__ = ["Call", "mixture", "rush", "traffic"]

RATE: Final = 40
"""Requests a second."""

RUSH_EVERY: Final = 20.0
"""Seconds between two rushes of the channel with the smallest bucket."""

LARGEST_RUSH: Final = 400
CONCURRENT: Final = 100
PATIENCE: Final = aiohttp.ClientTimeout(total=15)

USUAL, UNUSUAL, SLOW = 100, 1.5, 0.5
"""Weights: of all usual calls together, of each unusual call, of each slow one."""


class Call(NamedTuple):
    """One request of the load, chosen in proportion to `weight`."""

    weight: float
    method: str
    target: str
    headers: Mapping[str, str]
    body: str | None = None


def mixture(callers: Callers) -> list[Call]:
    """Every call of the load."""
    usual = list(_usual(callers))
    calls = [call._replace(weight=USUAL / len(usual)) for call in usual]
    return calls + list(_unusual(callers)) + list(_slow(callers))


def rush(callers: Callers) -> list[Call]:
    """More calls at once than the smallest bucket holds; none when that would be too many."""
    granted = sorted(callers.granted(), key=lambda pair: pair[0].burst)
    for channel, service in granted:
        size = channel.burst + max(20, channel.burst // 2)
        if service.http is not None and samples(service) and size <= LARGEST_RUSH:
            return [_call(1, service, samples(service)[0], callers.keys[channel.id])] * size
    return []


def _call(weight: float, service: Service, sample: Sample, key: str) -> Call:
    headers = {"X-Api-Key": key, **dict(sample.headers)}
    return Call(weight, sample.method, f"/s/{service.id}{sample.rest}", headers, sample.body)


def _usual(callers: Callers) -> Iterator[Call]:
    for channel, service in callers.granted():
        for subject in SUBJECTS:
            for sample in samples(service, subject):
                yield _call(1, service, sample, callers.keys[channel.id])


def _unusual(callers: Callers) -> Iterator[Call]:
    for channel, service in callers.granted():
        sample = next(iter(samples(service)), None)
        if sample is None:
            continue
        good = _call(UNUSUAL, service, sample, callers.keys[channel.id])
        yield good._replace(headers={**good.headers, "X-Api-Key": "wrong"})
        yield good._replace(headers={})
        yield good._replace(target=f"/s/{service.id[:-1]}")
        refused = next((m for m in METHODS if m not in service.methods and m != "HEAD"), None)
        if refused is not None:
            yield good._replace(method=refused)
        return


def _slow(callers: Callers) -> Iterator[Call]:
    """Each service once in a while past its own time limit."""
    seen = set()
    for channel, service in callers.granted():
        sample = next(iter(samples(service)), None)
        if sample is None or service.id in seen:
            continue
        seen.add(service.id)
        yield _call(SLOW, service, slowed(service, sample), callers.keys[channel.id])


@asynccontextmanager
async def traffic(url: str, calls: Sequence[Call], crowd: Sequence[Call]) -> AsyncIterator[None]:
    """Keep the load running on `url`; `crowd` is the rush."""
    connector = aiohttp.TCPConnector(limit=CONCURRENT)
    async with (
        aiohttp.ClientSession(url, connector=connector, timeout=PATIENCE) as session,
        asyncio.TaskGroup() as group,
    ):
        tasks = [group.create_task(_steady(session, calls))]
        if crowd:
            tasks.append(group.create_task(_rushes(session, crowd)))
        yield
        for task in tasks:
            task.cancel()


async def _steady(session: aiohttp.ClientSession, calls: Sequence[Call]) -> None:
    weights = [call.weight for call in calls]
    async with asyncio.TaskGroup() as group:
        while True:
            call = random.choices(calls, weights)[0]  # noqa: S311  # a mixture, not a secret
            group.create_task(_send(session, call))
            await asyncio.sleep(random.expovariate(RATE))  # callers do not keep step


async def _rushes(session: aiohttp.ClientSession, crowd: Sequence[Call]) -> None:
    while True:
        await asyncio.sleep(RUSH_EVERY / 4)
        async with asyncio.TaskGroup() as group:
            for call in crowd:
                group.create_task(_send(session, call))
        await asyncio.sleep(RUSH_EVERY)


async def _send(session: aiohttp.ClientSession, call: Call) -> None:
    with suppress(aiohttp.ClientError, TimeoutError):  # the gateway counts what happened
        async with session.request(
            call.method, call.target, headers=call.headers, data=call.body
        ) as answer:
            await answer.read()


@asynccontextmanager
async def _from_plan(plan: Mapping[str, Any]) -> AsyncIterator[None]:
    calls = [Call(*call) for call in plan["calls"]]
    crowd = [Call(*call) for call in plan["crowd"]]
    async with traffic(plan["url"], calls, crowd):
        yield


def main() -> None:
    run_child(_from_plan)


if __name__ == "__main__":
    main()
