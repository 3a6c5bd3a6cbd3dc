"""Telling channels of their cases: callbacks that are due are posted, again and again if need be.

Room rule: as `gateway.background`. The queue is the case store's, so nothing is lost with a
process and two gateways do not tell the same; no redirect is followed; what a channel's server
answers is looked at for its status and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, NamedTuple

import aiohttp
from yarl import URL

from gateway.background.callback_address import InternalAddressError, PublicResolver, is_public
from gateway.cases.store import StoreError
from gateway.cases.webhook import webhook_body, webhook_headers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from gateway.cases.case import Case
    from gateway.cases.store import Callback, CaseStore

__all__ = ["DELAYS", "CallbackDelivery", "Target"]

DELAYS: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 30, 120, 600, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600)
)
"""How long after each failed attempt the next one comes; after the last one it is given up."""

AT_A_TIME: Final = 16
TIMEOUT: Final = 15.0
"""Seconds for one attempt, from the connection to the status line."""
LEASE: Final = timedelta(seconds=60)
REST: Final = 5.0
"""Seconds between two looks at the queue when nobody says that there is something new."""
GONE: Final = 410

_log = logging.getLogger("gateway.callbacks")


class Target(NamedTuple):
    """Where a channel is told; `internal` allows an address that is not public."""

    url: str
    secret: str
    internal: bool

    def __repr__(self) -> str:
        return f"Target({self.url})"


class CallbackDelivery:
    """Posts what is due. `targets` are those in force, by channel; `counted` hears each result.

    `dead` gets a callback that is given up, with its case and body, before it is forgotten.
    """

    def __init__(
        self,
        store: CaseStore,
        targets: Callable[[], Mapping[str, Target]],
        counted: Callable[[str, str], None],
        dead: Callable[[Callback, Case, bytes], Awaitable[None]],
        wall_clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._targets = targets
        self._counted = counted
        self._dead = dead
        self._wall_clock = wall_clock
        self._news = asyncio.Event()

    def poke(self) -> None:
        """There is something new."""
        self._news.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=PublicResolver()), timeout=timeout
            ) as outside,
            aiohttp.ClientSession(timeout=timeout) as inside,
        ):
            while True:
                self._news.clear()
                if not await self._look(outside, inside):
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._news.wait(), REST)

    async def _look(self, outside: aiohttp.ClientSession, inside: aiohttp.ClientSession) -> bool:
        """Deliver what is due now; tell whether there was anything."""
        due: list[Callback] = []
        try:
            due = await self._store.due_callbacks(self._wall_clock(), AT_A_TIME, LEASE)
            async with asyncio.TaskGroup() as group:
                for callback in due:
                    group.create_task(self._tell(callback, outside, inside), name="callback")
        except* StoreError as errors:
            _log.warning("callbacks wait for the case store: %s", errors.exceptions[0])
            due = []
        return bool(due)

    async def _tell(
        self, callback: Callback, outside: aiohttp.ClientSession, inside: aiohttp.ClientSession
    ) -> None:
        case = await self._store.find(callback.case_id)
        target = self._targets().get(callback.channel)
        if case is None or target is None:  # swept, or the channel takes no callbacks any more
            await self._store.callback_done(callback.id)
            return
        body = webhook_body(callback, case)
        session = inside if target.internal else outside
        problem, final = await self._attempt(session, target, callback, body)
        if problem is None:
            self._counted(callback.channel, "delivered")
            await self._store.callback_done(callback.id)
        elif final or callback.attempts >= len(DELAYS):
            self._counted(callback.channel, "dead")
            _log.warning("a callback of %s is given up: %s", callback.channel, problem)
            await self._dead(callback, case, body)
            await self._store.callback_dead(callback.id, problem)
        else:
            self._counted(callback.channel, "retry")
            later = self._wall_clock() + DELAYS[callback.attempts]
            await self._store.callback_retry(callback.id, later, problem)

    async def _attempt(
        self, session: aiohttp.ClientSession, target: Target, callback: Callback, body: bytes
    ) -> tuple[str | None, bool]:
        """Post once; return what went wrong, and whether trying again is of no use."""
        url = URL(target.url)
        if not target.internal and _is_inside(url.host):
            self._counted(callback.channel, "refused")
            return "the address is not public", False
        headers = webhook_headers(callback.id, body, target.secret, self._wall_clock())
        try:
            async with session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                status = answer.status
        except InternalAddressError:
            self._counted(callback.channel, "refused")
            return "the address is not public", False
        except (aiohttp.ClientError, OSError) as error:
            refused = isinstance(getattr(error, "os_error", None), InternalAddressError)
            if refused:
                self._counted(callback.channel, "refused")
            return ("the address is not public" if refused else type(error).__name__), False
        if 200 <= status < 300:
            return None, False
        return f"status {status}", status == GONE


def _is_inside(host: str | None) -> bool:
    """Judge a host that is an address already: no resolver is asked for it."""
    try:
        ip_address(host or "")
    except ValueError:
        return False
    return not is_public(host or "")
