"""Numbered requests: the records of each key carry 0, 1, 2, … so that the topic shows their order.

Rule: a lane is one kept connection with one request in flight and keys of its own, so the order of
each key is defined: the next request leaves after the last one was taken. One that is refused is
sent again under its number until it is taken.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

from tests.bench.kafka import ACCEPT, BODY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

__all__ = ["Numbered", "body_of"]

AFTER_REFUSAL: Final = 0.1
PATH: Final = "/s/hrss.card-replacement/applications?subject="
HEAD: Final = "".join(f"{name}: {value}\r\n" for name, value in ACCEPT.headers.items()).encode()
LOCAL: Final = b'"durability":"local"'


def body_of(key: str, number: int) -> bytes:
    """As long as the body of the other measurements."""
    text = f'{{"key": "{key}", "number": {number}, "note": "'
    return (text + "x" * (len(BODY) - len(text) - 2) + '"}').encode()


class Lane:
    """One connection and the keys that only it sends; `taken` counts the receipts of each."""

    def __init__(self, name: str, keys: int) -> None:
        self.taken: Counter[str] = Counter()
        self._keys: Iterator[str] = itertools.cycle([f"{name}-{key:06}" for key in range(keys)])
        self._key = next(self._keys)
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    @asynccontextmanager
    async def connected(self, port: int) -> AsyncIterator[None]:
        """Keep the connection with the gateway's entry."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield
        finally:
            self._writer.close()

    async def post(self) -> bytes | None:
        """Send the next record; return the receipt, or None when it was refused."""
        key = self._key
        body = body_of(key, self.taken[key])
        head = f"POST {PATH}{key} HTTP/1.1\r\nContent-Length: {len(body)}\r\n".encode()
        self._writer.write(b"".join((head, HEAD, b"\r\n", body)))
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        receipt = await self._reader.readexactly(length)
        if not answer.startswith(b"HTTP/1.1 202 "):
            return None
        self.taken[key] += 1
        self._key = next(self._keys)
        return receipt


class Numbered:
    """Requests over that many lanes, with about `keys` keys between them, named after `name`.

    `refused` counts answers other than a receipt, `local` receipts of what lies on the disk.
    `clock` tells seconds; that of uvloop tells milliseconds only.
    """

    def __init__(
        self, name: str, *, lanes: int, keys: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self.refused = 0
        self.local = 0
        self._lanes = [Lane(f"{name}-{lane:03}", max(1, keys // lanes)) for lane in range(lanes)]

    @property
    def taken(self) -> Counter[str]:
        """Receipts by key."""
        return Counter({key: count for lane in self._lanes for key, count in lane.taken.items()})

    @asynccontextmanager
    async def connected(self, port: int) -> AsyncIterator[None]:
        """Keep every lane connected with the gateway's entry; it gives up lanes that are silent."""
        async with AsyncExitStack() as opened:
            for lane in self._lanes:
                await opened.enter_async_context(lane.connected(port))
            yield

    async def send(self, count: int) -> None:
        """As fast as receipts come, until there are `count` more of them."""
        left = itertools.repeat(None, count)
        async with asyncio.TaskGroup() as group:
            for lane in self._lanes:
                group.create_task(self._race(lane, left))

    async def pace(self, rate: float, over: asyncio.Event) -> list[float]:
        """`rate` a second in all until it is `over`; seconds from when each was due to its receipt.

        A lane that is late sends at once, and what it is late by counts.
        """
        found: list[float] = []
        pause = len(self._lanes) / rate
        begin = self._clock()
        async with asyncio.TaskGroup() as group:
            for turn, lane in enumerate(self._lanes):
                first = begin + turn / rate
                group.create_task(self._walk(lane, first, pause, over, found))
        return found

    async def _race(self, lane: Lane, left: Iterator[None]) -> None:
        for _ in left:
            await self._take(lane)

    async def _walk(
        self, lane: Lane, due: float, pause: float, over: asyncio.Event, found: list[float]
    ) -> None:
        while not over.is_set():
            rest = due - self._clock()
            if rest > 0:
                await asyncio.sleep(rest)
            began = self._clock() if rest > 0 else due
            await self._take(lane)
            found.append(self._clock() - began)
            due += pause

    async def _take(self, lane: Lane) -> None:
        while (receipt := await lane.post()) is None:
            self.refused += 1
            await asyncio.sleep(AFTER_REFUSAL)
        if LOCAL in receipt:
            self.local += 1
