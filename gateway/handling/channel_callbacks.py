"""Which changes of a case its channel is told of: all that it takes, when it registered a callback.

Room rule: as `gateway.handling`. Decides, and neither stores nor sends: a case store keeps what is
made here in the transaction of the change (`gateway.cases.store.CallbackFor`), on its own thread.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gateway.cases.store import Callback

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.cases.case import Case
    from gateway.handling.live_routes import LiveRoutes

__all__ = ["ChannelCallbacks"]


class ChannelCallbacks:
    """`routes` gives the version in force."""

    def __init__(self, routes: Callable[[], LiveRoutes]) -> None:
        self._routes = routes

    def wanted(self, case: Case) -> bool:
        """True when the channel that submitted the case wants to be told."""
        channel = self._routes().channels.get(case.channel)
        return channel is not None and channel.channel.callback is not None

    def made_for(self, case: Case) -> Callback | None:
        """Return what its channel is told of a case as it is now, None when it need not be."""
        if not self.wanted(case):
            return None
        # The id is that of a Standard Webhooks message: the same at each attempt to deliver it.
        identity = f"msg_{os.urandom(16).hex()}"
        return Callback(identity, case.id, case.channel, case.state, case.updated_at)
