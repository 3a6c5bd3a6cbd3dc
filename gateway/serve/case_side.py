"""Everything around cases, built and joined: the store, who looks after it, who tells of it.

Room rule: as `gateway.serve`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.background.callback_delivery import CallbackDelivery, Target
from gateway.cases.book import CaseBook
from gateway.cases.sqlite_store import SqliteStore
from gateway.handling.case_desk import CaseDesk
from gateway.handling.channel_callbacks import ChannelCallbacks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from gateway.cases.case import Case
    from gateway.cases.store import Callback, CallbackFor, CaseStore
    from gateway.handling.live_routes import LiveRoutes
    from gateway.settings import Settings
    from gateway.telemetry.metrics import Metrics

__all__ = ["CaseSide"]


class CaseSide:
    """The store of `settings`, opened by `open`, and what belongs to it.

    `routes` gives the version in force once there is one.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        routes: Callable[[], LiveRoutes],
        wall_clock: Callable[[], datetime],
        expired: Callable[[Case], None],
        dead: Callable[[Callback, Case, bytes], Awaitable[None]],
    ) -> None:
        self._wanted = ChannelCallbacks(routes)
        self.store = _store(settings, self._wanted.made_for)
        self.book = CaseBook(self.store, metrics.cases, wall_clock, expired, settings.cases_kept)
        self._routes = routes
        self.callbacks = CallbackDelivery(
            self.store, self._targets, metrics.cases.callback, dead, wall_clock
        )
        self.desk = CaseDesk(self.book, wall_clock, self.taken)

    def taken(self, case: Case) -> None:
        """A case has changed: what its channel is told is in the store, and is delivered now."""
        if self._wanted.wanted(case):
            self.callbacks.poke()

    async def open(self) -> None:
        """Open the store; raises `StartError` when it can never work as configured."""
        await self.book.open()

    async def close(self) -> None:
        """Write what is under way and let go."""
        await self.desk.close()
        await self.book.close()

    def _targets(self) -> dict[str, Target]:
        live = self._routes()
        return {
            id_: Target(callback.url, live.callback_secrets[id_], callback.internal)
            for id_, runtime in live.channels.items()
            if (callback := runtime.channel.callback) is not None and id_ in live.callback_secrets
        }


def _store(settings: Settings, callback_for: CallbackFor) -> CaseStore:
    if settings.cases == "sqlite":
        return SqliteStore(settings.data / "cases.db", callback_for=callback_for)
    from gateway.cases.postgres_store import PostgresStore  # asyncpg is optional

    return PostgresStore(settings.cases, callback_for=callback_for)
