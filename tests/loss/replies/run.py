"""One run: a wave of callers, the gateway killed in the middle, a second wave, all judged."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.loss.case_reader import read_cases
from tests.loss.cluster import Cluster
from tests.loss.gateway import Gateway
from tests.loss.replies.answers import schema_text
from tests.loss.replies.callers import Callers
from tests.loss.replies.department import Department
from tests.loss.replies.evidence import Evidence, Wave
from tests.loss.replies.judge import is_open
from tests.loss.replies.manners import ANSWERING, Manner, manner
from tests.loss.services import head
from tests.loss.topics import create

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.loss.evidence import CaseSeen

__all__ = ["SHORT", "Options", "run"]

SERVICE: Final = "loss.replies"
REQUESTS: Final = "loss.replies.requests"
ANSWERS: Final = "loss.replies.answers"
SCHEMA: Final = "answer.schema.json"

ANSWERED_BEFORE_THE_KILL: Final = 3
"""The gateway is killed when one in so many callers has got its answer."""

SPILL_AFTER: Final = 10
"""Seconds, for a busy machine: who gets a receipt for the spool waits no longer."""

AWAY: Final = 2.0
START_LIMIT: Final = 30.0
LATE_LIMIT: Final = 30.0
SETTLE_LIMIT: Final = 60.0
LOOK: Final = 0.1
UP: Final = ("gateway_kafka_connected", "gateway_kafka_replies_positioned")

FULL: Final = 10_000
MEMORY_LIMIT: Final = 150e6
"""Bytes that `FULL` waits may cost."""


@dataclass(frozen=True)
class Options:
    """What is run: `waits` callers that wait at once, before the kill and after it."""

    waits: int = FULL
    seed: int = 0

    @property
    def timeout(self) -> int:
        """The service's timeout: all have asked, and the slow answers are there, well before."""
        return 20 + self.waits // 400


SHORT: Final = Options(waits=500)
"""As in CI."""


async def run(options: Options, jars: Path, folder: Path, say: Callable[[str], None]) -> Evidence:
    """Do a run with its files in `folder`; it ends by itself and leaves no process."""
    (folder / SCHEMA).write_text(schema_text(), "utf-8")
    async with AsyncExitStack() as stack:
        say("starting Apache Kafka and the gateway")
        cluster = await stack.enter_async_context(Cluster(jars, folder, 1))
        await create(cluster.direct, (REQUESTS, ANSWERS), 1)
        department = await stack.enter_async_context(
            Department(cluster.direct, REQUESTS, options.seed, options.waits)
        )
        text = _routes(options)
        more = ("--max-connections", str(options.waits + 1000))
        gateway = await stack.enter_async_context(
            Gateway(folder, cluster.bootstrap, lambda _: text, more)
        )
        url, patience = f"{gateway.entry}/s/{SERVICE}", 2.0 * options.timeout
        callers = await stack.enter_async_context(Callers(url, options.waits, patience))
        scene = _Scene(options, department, gateway, callers, say)
        await scene.play()
        cluster.must_run()
        return await _examine(scene)


class _Scene:
    """What happens, in its order."""

    def __init__(
        self,
        options: Options,
        department: Department,
        gateway: Gateway,
        callers: Callers,
        say: Callable[[str], None],
    ) -> None:
        self.options = options
        self.department = department
        self.gateway = gateway
        self.callers = callers
        self.say = say
        self.waves: list[Wave] = []

    async def play(self) -> None:
        """Two waves: the gateway is killed in the first, and both come to their ends."""
        waits = self.options.waits
        await self._ready()
        async with asyncio.TaskGroup() as group:
            before = self._memory()
            group.create_task(self.callers.ask(range(waits)))
            await self._until_all_wait(0, before)
            self.department.give(0)
            await self.callers.until_answered(
                waits // ANSWERED_BEFORE_THE_KILL, self.options.timeout
            )
            self.say(f"{len(self.callers.calls):,} have their answers; the gateway is killed")
            await self.gateway.crash(AWAY)
        await self._ready()
        async with asyncio.TaskGroup() as group:
            before = self._memory()
            group.create_task(self.callers.ask(range(waits, 2 * waits)))
            await self._until_all_wait(1, before)
            self.department.give(1)
        self.say("all callers are told; waiting for the department's late answers")
        await self.department.until_done(LATE_LIMIT)

    async def _ready(self) -> None:
        """Wait until requests go to the brokers at once, and answers would be seen."""
        async with asyncio.timeout(START_LIMIT):
            while True:
                if {await self.gateway.gauge(name) for name in UP} == {1.0}:
                    return
                await asyncio.sleep(LOOK)

    async def _until_all_wait(self, number: int, before: int) -> None:
        """Note what memory the gateway has when all wait, or when no more of them come."""
        loop = asyncio.get_running_loop()
        start, waiting, asked = loop.time(), 0.0, 0
        while min(waiting, asked) < self.options.waits:
            if loop.time() > start + self.options.timeout / 2:
                break
            await asyncio.sleep(LOOK)
            waiting = await self.gateway.gauge("gateway_kafka_waits") or 0
            asked = self.department.asked_in(number)
        wave = Wave(int(waiting), before, self._memory(), loop.time() - start)
        self.waves.append(wave)
        cost = (wave.full - wave.before) / 1e6
        self.say(f"{wave.waiting:,} wait after {wave.seconds:.1f} s; they cost {cost:.1f} MB")

    def _memory(self) -> int:
        """The gateway's resident bytes now."""
        lines = Path(f"/proc/{self.gateway.pid}/status").read_text("ascii").splitlines()
        resident = next(line for line in lines if line.startswith("VmRSS:"))
        return int(resident.split()[1]) * 1024


async def _examine(scene: _Scene) -> Evidence:
    options, department, gateway = scene.options, scene.department, scene.gateway
    ids = {asked.event_id: asked.number for asked in department.asked}
    scene.say(f"reading {len(ids):,} cases")
    cases = await _cases(gateway.entry, ids, options.seed)
    await gateway.stop()
    return Evidence(
        calls=tuple(scene.callers.calls),
        asked=tuple(department.asked),
        answered=dict(department.answered),
        cases=cases,
        away=tuple(gateway.away),
        waits=options.waits,
        timeout=options.timeout,
        waves=tuple(scene.waves),
        memory_limit=MEMORY_LIMIT if options.waits == FULL else None,
        accidents=(*gateway.accidents, *gateway.faults_in_its_log()),
        complete=True,
    )


async def _cases(entry: str, ids: dict[str, int], seed: int) -> dict[str, CaseSeen]:
    def settled(event_id: str, case: CaseSeen) -> bool:
        how = manner(seed, ids[event_id])
        if how in ANSWERING:
            return case.state == "answered"
        return case.state == "failed" if how is Manner.MALFORMED else is_open(case)

    return await read_cases(entry, ids, settled, SETTLE_LIMIT)


def _routes(options: Options) -> str:
    return f"""\
{head(2 * options.waits)}\
  {SERVICE}:
    title: answers of every kind
    department: edu
    timeout: {options.timeout}s
    schema: {{reply: {SCHEMA}}}
    kafka:
      topic: {REQUESTS}
      mode: reply
      reply_topic: {ANSWERS}
      max_waits: {options.waits}
      spill_after: {SPILL_AFTER}s
"""
