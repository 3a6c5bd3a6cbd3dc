"""A proxy that speaks Kafka, before one broker: every connection of a client leads through it.

It puts its own address in the place of the broker's in metadata, and can lose what is sent, swallow
produce requests, or answer them with errors of its own choice, without the broker seeing them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Self

from aiokafka.protocol import metadata, produce
from aiokafka.protocol.api import RequestHeader_v1

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["KafkaProxy"]

PRODUCE: Final = 0
METADATA: Final = 3
NO_OFFSET: Final = -1
NO_LEADER: Final = -1
LEADER_NOT_AVAILABLE: Final = 5

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class KafkaProxy:
    """Forwards to `target`. `ends` tells how clients ended their connections: `eof` or `reset`."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()
        self._refusals: deque[tuple[int, ...]] = deque()
        self._hidden: set[str] = set()
        self._leaderless: set[str] = set()
        self._lossy = False
        self._swallowing = False
        self._swallowed = asyncio.Event()
        self.address = ""
        self.port = 0
        self.ends: list[str] = []
        self._ended = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._link, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._cut()

    def refuse(self, *codes: int) -> None:
        """Answer the next produce request with these error codes, once for each partition in it."""
        self._refusals.append(codes)

    def hide(self, topic: str) -> None:
        """Tell nobody of `topic` any more, as when it was deleted."""
        self._hidden.add(topic)

    def show(self, topic: str) -> None:
        """Tell of `topic` again."""
        self._hidden.discard(topic)

    def take_leaders(self, topic: str) -> None:
        """Say that no partition of `topic` has a leader."""
        self._leaderless.add(topic)

    def give_leaders(self, topic: str) -> None:
        """Name the leaders of `topic` again."""
        self._leaderless.discard(topic)

    def swallow(self) -> None:
        """Let no produce request through, and answer none; everything else goes on."""
        self._swallowing = True

    async def until_swallowed(self) -> None:
        """Wait until a produce request was swallowed."""
        async with asyncio.timeout(30):
            await self._swallowed.wait()

    async def until_ended(self, count: int) -> None:
        """Wait until clients have ended `count` connections."""
        async with asyncio.timeout(30):
            while len(self.ends) < count:
                self._ended.clear()
                await self._ended.wait()

    def pass_on(self) -> None:
        """Let produce requests through again."""
        self._swallowing = False

    def black_hole(self) -> None:
        """Lose all that is sent from now on, in both directions; connections stay open."""
        self._lossy = True

    async def heal(self) -> None:
        """Lose nothing any more. Connections that lost something end."""
        await self._cut()
        self._lossy = False

    async def _cut(self) -> None:
        links = list(self._links)
        for link in links:
            link.cancel()
        if links:
            await asyncio.wait(links)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        far: asyncio.StreamWriter | None = None
        try:
            far_reader, far = await asyncio.open_connection(*self._target)
            asked: dict[int, tuple[int, int]] = {}
            async with asyncio.TaskGroup() as group:
                group.create_task(self._requests((reader, far), writer, asked))
                group.create_task(self._responses((far_reader, writer), asked))
        except* (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            for stream in (writer, far):
                if stream is not None:
                    stream.transport.abort()
            self._links.discard(task)

    async def _requests(
        self, streams: Streams, back: asyncio.StreamWriter, asked: dict[int, tuple[int, int]]
    ) -> None:
        source, sink = streams
        while True:
            try:
                frame = await _frame(source)
            except (EOFError, ConnectionResetError) as end:
                self.ends.append("eof" if isinstance(end, EOFError) else "reset")
                self._ended.set()
                raise
            if self._lossy:
                continue
            stream = BytesIO(frame)
            header = RequestHeader_v1.SCHEMA.decode(stream)
            key, version, correlation = header[:3]
            asked[correlation] = (key, version)
            if key == PRODUCE and self._swallowing:
                self._swallowed.set()
            elif key == PRODUCE and self._refusals:
                refusal = _refusal(version, stream, self._refusals.popleft())
                _send(back, correlation.to_bytes(4, "big") + refusal)
            else:
                _send(sink, frame)

    async def _responses(self, streams: Streams, asked: dict[int, tuple[int, int]]) -> None:
        source, sink = streams
        while True:
            frame = await _frame(source)
            if self._lossy:
                continue
            key, version = asked.pop(int.from_bytes(frame[:4], "big"))
            if key == METADATA:
                frame = frame[:4] + self._seen_from_here(frame[4:], version)
            _send(sink, frame)

    def _seen_from_here(self, body: bytes, version: int) -> bytes:
        form: Any = getattr(metadata, f"MetadataResponse_v{version}")
        response = form.decode(BytesIO(body))
        response.brokers = [
            (node, "127.0.0.1", self.port, *rest) for node, _, _, *rest in response.brokers
        ]
        response.topics = [
            (*told[:-1], _without_leaders(told[-1])) if told[1] in self._leaderless else told
            for told in response.topics
            if told[1] not in self._hidden
        ]
        return bytes(response.encode())


def _without_leaders(partitions: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [(LEADER_NOT_AVAILABLE, number, NO_LEADER, *rest) for _, number, _, *rest in partitions]


async def _frame(source: asyncio.StreamReader) -> bytes:
    return await source.readexactly(int.from_bytes(await source.readexactly(4), "big"))


def _send(sink: asyncio.StreamWriter, frame: bytes) -> None:
    if not sink.is_closing():  # uvloop raises when its peer has gone
        sink.write(len(frame).to_bytes(4, "big") + frame)


def _refusal(version: int, body: BytesIO, codes: tuple[int, ...]) -> bytes:
    """Answer the produce request `body`, with an entry for each of `codes` in every partition."""
    request: Any = getattr(produce, f"ProduceRequest_v{version}").decode(body)
    topics = [
        (topic, [_entry(version, partition, code) for partition, _ in batches for code in codes])
        for topic, batches in request.topics
    ]
    response: Any = getattr(produce, f"ProduceResponse_v{version}")
    return bytes(response(topics=topics, throttle_time_ms=0).encode())


def _entry(version: int, partition: int, code: int) -> tuple[Any, ...]:
    entry = (partition, code, NO_OFFSET, NO_OFFSET, NO_OFFSET)
    return entry if version < 8 else (*entry, [], None)
