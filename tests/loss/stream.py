"""The callers: lanes of POSTs over kept connections, one request in flight in each lane.

So the order within a lane is defined: the next request leaves after the last one was answered or
its connection broke.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from tests.loss.evidence import Attempt, Place, Receipt, Span
from tests.loss.services import KEY, SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.loss.services import Service

__all__ = ["Stream"]

PATIENCE: Final = aiohttp.ClientTimeout(total=30)
PADDING: Final = "x" * 500
AFTER_REFUSAL: Final = 0.1


@dataclass(frozen=True)
class Lane:
    """One made-up caller of one service."""

    service: Service
    name: str


class Stream:
    """About `rate` requests a second, until told to stop; `attempts` has all that were made."""

    def __init__(self, entry: str, rate: float, seed: int) -> None:
        self.attempts: list[Attempt] = []
        self._entry = entry
        self._random = Random(seed)  # noqa: S311  # repeatable, not secret
        self._lanes = tuple(_lanes())
        self._pause = len(self._lanes) / rate
        self._over = False

    def stop(self) -> None:
        """Begin nothing more."""
        self._over = True

    async def run(self) -> None:
        """Send until stopped; return when nothing is in flight any more."""
        connections = aiohttp.TCPConnector(limit=len(self._lanes))
        async with (
            aiohttp.ClientSession(connector=connections, timeout=PATIENCE) as session,
            asyncio.TaskGroup() as group,
        ):
            for lane in self._lanes:
                group.create_task(self._walk(session, lane))

    async def _walk(self, session: aiohttp.ClientSession, lane: Lane) -> None:
        loop, number = asyncio.get_running_loop(), 0
        await asyncio.sleep(self._random.uniform(0, self._pause))
        while not self._over:
            start = loop.time()
            attempt = await self._post(session, lane, number)
            self.attempts.append(attempt)
            if attempt.acknowledged or not lane.service.once:
                number += 1
            spent = loop.time() - start
            rest = self._random.uniform(0.5, 1.5) * self._pause - spent
            await asyncio.sleep(max(rest, 0 if attempt.acknowledged else AFTER_REFUSAL))

    async def _post(self, session: aiohttp.ClientSession, lane: Lane, number: int) -> Attempt:
        loop, url = asyncio.get_running_loop(), f"{self._entry}/s/{lane.service.id}"
        headers = {"X-Api-Key": KEY, "X-Lane": lane.name}
        if lane.service.once:
            headers["Idempotency-Key"] = f'"{lane.name}-{number}"'
        body = {"lane": lane.name, "number": number, "padding": PADDING}
        start = loop.time()
        status, seen, error = None, {}, None
        try:
            async with session.post(url, json=body, headers=headers) as answer:
                seen = _read(await answer.read(), answer.content_type)
                status = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError) as failure:
            error = repr(failure)
        return _attempt(lane, number, Span(start, loop.time()), status, seen, error)


def _lanes() -> Iterator[Lane]:
    for service in SERVICES:
        for number in range(service.lanes):
            yield Lane(service, f"{service.id}-made-up-{number:02}")


def _read(body: bytes, content_type: str) -> dict[str, Any]:
    """The document of an answer; empty when it is not what the project answers with."""
    if content_type not in {"application/json", "application/problem+json"}:
        return {}
    try:
        document: dict[str, Any] = json.loads(body)
    except ValueError:
        return {}
    return document


def _attempt(
    lane: Lane, number: int, at: Span, status: int | None, seen: dict[str, Any], error: str | None
) -> Attempt:
    receipt = None
    if status == 202 and "durability" in seen:
        place = Place(seen["topic"], seen["partition"], seen["offset"])
        receipt = Receipt(seen["id"], seen["durability"], place)
    return Attempt(
        lane.service.id,
        lane.name,
        number,
        at,
        status,
        receipt,
        receipt.id if receipt is not None else seen.get("event_id"),
        (seen["lane"], seen["number"]) if "event_id" in seen else None,
        seen.get("cause"),
        error,
    )
