"""Which cases changed, told from gateway to gateway with NOTIFY.

Room rule: as `gateway.cases`. Our own listeners hear of our own changes at once, so they do not
depend on the way over the server. A notification is not kept for one who is away: after each
reconnection listeners are called with "", which means that anything may have changed.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["ANYTHING", "CHANNEL", "Changes"]

ANYTHING: Final = ""
"""What a listener hears in place of an id when it may have missed changes."""
CHANNEL: Final = "left('gateway_cases.' || current_schema(), 63)"
"""SQL of the channel's name: a channel is one for the whole database, our tables are not."""
IDS: Final = 150
"""Case ids in one notification; PostgreSQL takes up to 8000 bytes."""


class Changes:
    """Writes and reads payloads: who changed something (eight hex digits), then the ids."""

    def __init__(self) -> None:
        self._origin = secrets.token_hex(4)
        self._listeners: list[Callable[[str], None]] = []

    def listen(self, listener: Callable[[str], None]) -> None:
        """Call `listener` from now on."""
        self._listeners.append(listener)

    def payloads(self, ids: Sequence[str]) -> list[str]:
        """Return what has to be notified to the other gateways."""
        return [
            ",".join((self._origin, *ids[first : first + IDS])) for first in range(0, len(ids), IDS)
        ]

    def tell(self, ids: Sequence[str]) -> None:
        """Call our own listeners."""
        for case_id in ids:
            for listener in self._listeners:
                listener(case_id)

    def heard(self, payload: str) -> None:
        """A notification came; our own ones are told already."""
        origin, *ids = payload.split(",")
        if origin != self._origin:
            self.tell(ids)

    def missed(self) -> None:
        """Notifications may have been lost."""
        self.tell([ANYTHING])
