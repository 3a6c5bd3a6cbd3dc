"""The cases seen from outside: by the channel that submitted, by another one, and by a forger."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from tests.loss.evidence import CaseSeen, Place
from tests.loss.services import KEY, STRANGER_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["as_strangers", "read_cases"]

READERS: Final = 8
LOOK: Final = 1.0
PATIENCE: Final = aiohttp.ClientTimeout(total=10)


async def read_cases(
    entry: str, ids: Collection[str], settled: Callable[[str, CaseSeen], bool], limit: float
) -> dict[str, CaseSeen]:
    """Ask for every case, and for those that are not settled again, at most `limit` seconds."""
    end = asyncio.get_running_loop().time() + limit
    async with aiohttp.ClientSession(headers={"X-Api-Key": KEY}) as session:
        found = await _ask_all(session, entry, ids)
        while asyncio.get_running_loop().time() < end:
            open_ids = [case_id for case_id, case in found.items() if not settled(case_id, case)]
            if not open_ids:
                break
            await asyncio.sleep(LOOK)
            found |= await _ask_all(session, entry, open_ids)
    return found


async def as_strangers(entry: str, ids: Collection[str]) -> tuple[int, ...]:
    """The statuses that another channel gets for `ids`, and the own one for forged ones."""
    forged = [case_id[:-1] + ("0" if case_id[-1] != "0" else "1") for case_id in ids]
    statuses: list[int] = []
    for key, asked in ((STRANGER_KEY, ids), (KEY, forged)):
        async with aiohttp.ClientSession(headers={"X-Api-Key": key}) as session:
            statuses += [case.status for case in (await _ask_all(session, entry, asked)).values()]
    return tuple(statuses)


async def _ask_all(
    session: aiohttp.ClientSession, entry: str, ids: Collection[str]
) -> dict[str, CaseSeen]:
    found: dict[str, CaseSeen] = {}
    queue = iter(ids)

    async def ask_on() -> None:
        for case_id in queue:
            found[case_id] = await _ask(session, f"{entry}/cases/{case_id}")

    async with asyncio.TaskGroup() as group:
        for _ in range(READERS):
            group.create_task(ask_on())
    return found


async def _ask(session: aiohttp.ClientSession, url: str) -> CaseSeen:
    try:
        async with session.get(url, timeout=PATIENCE) as answer:
            if answer.status != 200:
                return CaseSeen(answer.status)
            return _case(await answer.json())
    except (aiohttp.ClientError, OSError, TimeoutError):
        return CaseSeen(0)


def _case(document: dict[str, Any]) -> CaseSeen:
    return CaseSeen(
        200,
        document["state"],
        document["durability"] or "",
        Place(document["topic"], document["partition"], document["offset"]),
        document["possible_duplicate"],
        tuple(step["state"] for step in document["history"] if "rejected" not in step),
        document["answer"].get("body") if "answer" in document else None,
    )
