"""The callers: each with a kept connection of its own, all of them in one process."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Final, Self

import aiohttp

from tests.loss.evidence import Span
from tests.loss.replies.evidence import Call, read_answer
from tests.loss.services import KEY

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

__all__ = ["Callers"]

RATE: Final = 800
"""Requests a second that begin: the brokers and the callers share the machine with the gateway."""

BURST: Final = 25
PADDING: Final = "x" * 500
CASE: Final = re.compile(r"/cases/([0-9a-f]+)")


class Callers:
    """At most `most` at a time ask at `url`, each for at most `patience` seconds."""

    def __init__(self, url: str, most: int, patience: float) -> None:
        self.calls: list[Call] = []
        self._news = asyncio.Event()
        self._url = url
        self._most = most
        self._patience = aiohttp.ClientTimeout(total=patience)

    async def __aenter__(self) -> Self:
        connections = aiohttp.TCPConnector(limit=self._most, keepalive_timeout=600)
        headers = {"X-Api-Key": KEY}
        self._session = aiohttp.ClientSession(
            connector=connections, timeout=self._patience, headers=headers
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def ask(self, numbers: Iterable[int]) -> None:
        """Ask for all of them, each as soon as its turn comes; return when each has its answer."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        async with asyncio.TaskGroup() as group:
            for count, number in enumerate(numbers):
                if count % BURST == 0:
                    await asyncio.sleep(max(0.0, start + count / RATE - loop.time()))
                group.create_task(self._ask(number))

    async def until_answered(self, count: int, limit: float) -> None:
        """Wait until so many have the department's answer; raises `TimeoutError`."""
        async with asyncio.timeout(limit):
            while sum(call.status == 200 for call in self.calls) < count:
                self._news.clear()
                await self._news.wait()

    async def _ask(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        start = loop.time()
        body = {"number": number, "padding": PADDING}
        try:
            async with self._session.post(self._url, json=body) as answer:
                said = await answer.read()
                link = answer.headers.get("Location") or answer.headers.get("Link")
                call = _call(number, Span(start, loop.time()), answer.status, link or "", said)
        except (aiohttp.ClientError, OSError, TimeoutError) as failure:
            call = Call(number, Span(start, loop.time()), error=repr(failure))
        self.calls.append(call)
        self._news.set()


def _call(number: int, at: Span, status: int, link: str, said: bytes) -> Call:
    named = CASE.search(link)
    case_id = None if named is None else named[1]
    if status < 400:
        return Call(number, at, status, case_id, read_answer(said) if status == 200 else None)
    try:
        cause = json.loads(said).get("cause")
    except (ValueError, AttributeError):
        cause = None
    return Call(number, at, status, case_id, cause=cause)
