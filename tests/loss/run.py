"""One run: cluster, gateway and callers up, faults, all healed, everything read and judged."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from tests.loss.case_reader import as_strangers, read_cases
from tests.loss.cluster import Cluster
from tests.loss.evidence import Evidence
from tests.loss.faults import Faults
from tests.loss.gateway import Gateway
from tests.loss.responder import Responder
from tests.loss.schedule import Kind, plan
from tests.loss.services import SERVICES
from tests.loss.stream import Stream
from tests.loss.topics import create, read, until_whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.loss.evidence import CaseSeen
    from tests.loss.faults import Done

__all__ = ["SHORT", "Options", "Outcome", "run"]

REPLYING: Final = next(service for service in SERVICES if service.answers)
REQUESTS: Final = tuple(service.topic for service in SERVICES)
TOPICS: Final = (*REQUESTS, *(service.answers for service in SERVICES if service.answers))

DRAIN_LIMIT: Final = 120.0
SETTLE_LIMIT: Final = 30.0
STRANGERS: Final = 20
OVER: Final = frozenset({"published", "answered"})


@dataclass(frozen=True)
class Options:
    """What is run: `seconds` of stream with `rate` requests a second against `brokers` brokers."""

    brokers: int = 1
    seconds: float = 180.0
    rate: float = 200.0
    seed: int = 0
    kinds: tuple[Kind, ...] = tuple(Kind)


SHORT: Final = Options(seconds=30.0)
"""Each fault about once, as in CI."""


@dataclass(frozen=True)
class Outcome:
    """What a run has shown; times in seconds."""

    options: Options
    evidence: Evidence
    faults: tuple[Done, ...]
    drained_in: float
    answered: int = 0


async def run(options: Options, jars: Path, folder: Path, say: Callable[[str], None]) -> Outcome:
    """Do a run with its files in `folder`; it ends by itself and leaves no process."""
    async with AsyncExitStack() as stack:
        say("starting Apache Kafka and the gateway")
        cluster = await stack.enter_async_context(Cluster(jars, folder, options.brokers))
        await create(cluster.direct, TOPICS, options.brokers)
        department = Responder(cluster.direct, REPLYING.topic, options.seed)
        await stack.enter_async_context(department)
        gateway = await stack.enter_async_context(Gateway(folder, cluster.bootstrap))
        stream = Stream(gateway.entry, options.rate, options.seed)
        faults = Faults(cluster, gateway, TOPICS, say)
        await _storm(options, stream, faults)
        outcome = await _examine(options, cluster, gateway, stream, faults, say)
        return replace(outcome, answered=department.answered)


async def _storm(options: Options, stream: Stream, faults: Faults) -> None:
    planned = plan(options.seed, options.seconds, options.kinds, options.brokers)
    async with asyncio.TaskGroup() as callers:
        callers.create_task(stream.run())
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(options.seconds))
            group.create_task(faults.follow(planned.brokers))
            group.create_task(faults.follow(planned.gateway))
        stream.stop()


async def _examine(
    options: Options,
    cluster: Cluster,
    gateway: Gateway,
    stream: Stream,
    faults: Faults,
    say: Callable[[str], None],
) -> Outcome:
    cluster.must_run()
    loop = asyncio.get_running_loop()
    start = loop.time()
    say(f"all is healed; {await gateway.spooled():.0f} records in the spool")
    await until_whole(cluster.direct, TOPICS, options.brokers)
    left = await gateway.until_drained(DRAIN_LIMIT)
    drained_in = loop.time() - start
    ids = [attempt.receipt.id for attempt in stream.attempts if attempt.receipt is not None]
    say(f"{left:.0f} after {drained_in:.1f} s; reading {len(ids)} cases and the topics")
    cases = await _cases(gateway, stream)
    strangers = await as_strangers(gateway.entry, ids[:: max(1, len(ids) // STRANGERS)])
    await gateway.stop()
    evidence = Evidence(
        attempts=tuple(stream.attempts),
        records=tuple(await read(cluster.direct, REQUESTS)),
        topics={service.id: service.topic for service in SERVICES},
        ordered=frozenset(service.id for service in SERVICES if service.ordered),
        once=frozenset(service.id for service in SERVICES if service.once),
        replying=frozenset({REPLYING.id}),
        cases=cases,
        strangers=strangers,
        gateway_away=tuple(gateway.away),
        spool_left=left,
        accidents=(*gateway.accidents, *gateway.faults_in_its_log()),
        planned=frozenset(options.kinds),
        complete=True,
    )
    done = tuple(sorted(faults.done, key=lambda fault: fault.at))
    return Outcome(options, evidence, done, drained_in)


async def _cases(gateway: Gateway, stream: Stream) -> dict[str, CaseSeen]:
    receipts = {a.receipt.id: a.service for a in stream.attempts if a.receipt is not None}

    def settled(case_id: str, case: CaseSeen) -> bool:
        last = {"answered"} if receipts[case_id] == REPLYING.id else OVER
        return case.status != 200 or case.state in last

    return await read_cases(gateway.entry, receipts, settled, SETTLE_LIMIT)
