"""One or three real Apache Kafka nodes (KRaft), each behind a proxy, to kill and start again.

The gateway knows the proxies alone: brokers advertise them. The brokers themselves, the responder
and the reader at the end use a listener of their own, which no proxy stands before.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self
from uuid import uuid4

from tests.doubles.tcp_proxy import TcpProxy
from tests.loss.ports import LOOPBACK, free_port
from tests.loss.program import Program

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

__all__ = ["Cluster", "Node"]

FORMAT_LIMIT: Final = 90.0

PROPERTIES: Final = """
process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
listeners=GATEWAY://{gateway},DIRECT://{direct},CONTROLLER://{controller}
advertised.listeners=GATEWAY://{proxy},DIRECT://{direct}
listener.security.protocol.map=GATEWAY:PLAINTEXT,DIRECT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=DIRECT
controller.listener.names=CONTROLLER
log.dirs={data}
num.partitions=4
default.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={replicas}
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
broker.heartbeat.interval.ms=300
broker.session.timeout.ms=2000
"""
"""A killed process takes nothing back: what it has written is with the system. So nothing is
flushed for each record, and the disk is not what is measured."""

JAVA: Final = ("java", "-Xms128m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


@dataclass(frozen=True)
class Node:
    """One node; `direct` is its address without the proxy."""

    number: int
    proxy: TcpProxy
    gateway: str
    direct: str
    controller: str
    program: Program
    properties: Path


class Cluster:
    """The nodes as a context: formatted, started, and gone at the end."""

    def __init__(self, jars: Path, folder: Path, brokers: int) -> None:
        self._jars = jars
        self._folder = folder
        self._brokers = brokers
        self._stack = AsyncExitStack()
        self.nodes: Sequence[Node] = ()

    @property
    def bootstrap(self) -> str:
        """The proxies."""
        return ",".join(node.proxy.address for node in self.nodes)

    @property
    def direct(self) -> str:
        """The brokers themselves."""
        return ",".join(node.direct for node in self.nodes)

    async def __aenter__(self) -> Self:
        try:
            self.nodes = [await self._node(number) for number in range(1, self._brokers + 1)]
            await self._format()
            await asyncio.gather(*(node.program.start() for node in self.nodes))
            for node in self.nodes:
                await node.proxy.open(node.gateway)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    def node(self, number: int) -> Node:
        """The node of that number."""
        return self.nodes[number - 1]

    def must_run(self) -> None:
        """Raise `RuntimeError` when a node has ended that nobody here has killed."""
        for node in self.nodes:
            node.program.must_run()

    async def _node(self, number: int) -> Node:
        proxy = await self._stack.enter_async_context(TcpProxy())
        folder = self._folder / f"node-{number}"
        folder.mkdir()
        ports = [free_port() for _ in range(3)]
        properties = folder / "server.properties"
        command = self._java("kafka.Kafka", str(properties))
        program = Program(command, folder / "output.txt", ports[0])
        self._stack.push_async_callback(program.kill)
        gateway, direct, controller = (f"{LOOPBACK}:{port}" for port in ports)
        return Node(number, proxy, gateway, direct, controller, program, properties)

    async def _format(self) -> None:
        voters = ",".join(f"{node.number}@{node.controller}" for node in self.nodes)
        for node in self.nodes:
            text = PROPERTIES.format(
                number=node.number,
                voters=voters,
                gateway=node.gateway,
                direct=node.direct,
                controller=node.controller,
                proxy=node.proxy.address,
                data=node.properties.parent / "data",
                replicas=self._brokers,
                in_sync=min(2, self._brokers),
            )
            node.properties.write_text(text)
        name = uuid4().hex[:22]
        await asyncio.gather(*(self._format_one(node, name) for node in self.nodes))

    async def _format_one(self, node: Node, name: str) -> None:
        tool = ("kafka.tools.StorageTool", "format", "-t", name, "-c", str(node.properties))
        process = await asyncio.create_subprocess_exec(
            *self._java(*tool),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(FORMAT_LIMIT):
                said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise RuntimeError(f"Kafka's data folder was not made: {said.decode()[-2000:]}")

    def _java(self, main: str, *arguments: str) -> tuple[str, ...]:
        return (*JAVA, "-cp", f"{self._jars}/*", main, *arguments)
