"""The faults as they are done: to brokers, the network to them, the gateway and its routes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.loss.schedule import EVERY, Kind
from tests.loss.topics import until_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from tests.loss.cluster import Cluster, Node
    from tests.loss.gateway import Gateway
    from tests.loss.schedule import Fault

__all__ = ["Done", "Faults"]


class Done(NamedTuple):
    """A fault that happened, in seconds from the start of the run; `until` all was well again."""

    kind: Kind
    what: str
    at: float
    until: float


class Faults:
    """Does what a plan says; `done` has what happened."""

    def __init__(
        self,
        cluster: Cluster,
        gateway: Gateway,
        topics: Collection[str],
        say: Callable[[str], None],
    ) -> None:
        self.done: list[Done] = []
        self._cluster = cluster
        self._gateway = gateway
        self._topics = topics
        self._say = say
        self._start: Final = asyncio.get_running_loop().time()

    async def follow(self, track: Iterable[Fault]) -> None:
        """Do the faults of one track, each at its time and after the last one is healed."""
        for fault in track:
            await asyncio.sleep(fault.at - self._now())
            start, what = self._now(), self._name(fault)
            self._say(f"{start:5.0f} s  {what}")
            await self._do(fault)
            self.done.append(Done(fault.kind, what, start, self._now()))

    async def _do(self, fault: Fault) -> None:
        match fault.kind:
            case Kind.KILL_BROKER:
                await self._kill(self._cluster.node(fault.target), fault.lasts)
            case Kind.BLACKHOLE:
                await self._silence(self._hit(fault), fault.lasts)
            case Kind.KILL_GATEWAY:
                await self._gateway.crash(fault.lasts)
            case Kind.RELOAD:
                await self._gateway.reload()

    async def _kill(self, node: Node, away: float) -> None:
        node.program.must_run()
        await node.program.kill()
        await asyncio.sleep(away)
        await node.program.start()
        await until_whole(self._cluster.direct, self._topics, len(self._cluster.nodes))

    async def _silence(self, nodes: Collection[Node], lasts: float) -> None:
        for node in nodes:
            node.proxy.stall()
        try:
            await asyncio.sleep(lasts)
        finally:
            for node in nodes:
                node.proxy.flow()

    def _hit(self, fault: Fault) -> list[Node]:
        every = fault.target == EVERY
        return list(self._cluster.nodes) if every else [self._cluster.node(fault.target)]

    def _name(self, fault: Fault) -> str:
        match fault.kind:
            case Kind.KILL_BROKER:
                return f"{fault.kind} {fault.target}, for {fault.lasts:.1f} s"
            case Kind.BLACKHOLE:
                numbers = " and ".join(str(node.number) for node in self._hit(fault))
                return f"{fault.kind} {numbers}, for {fault.lasts:.1f} s"
            case Kind.KILL_GATEWAY:
                return f"{fault.kind}, for {fault.lasts:.1f} s"
            case Kind.RELOAD:
                return str(fault.kind)

    def _now(self) -> float:
        return asyncio.get_running_loop().time() - self._start
