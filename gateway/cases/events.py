"""What this room tells whoever counts: telemetry's object has these methods and is passed in.

Room rule: the methods are called on the event loop, must return at once and must not raise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.cases.case import State

__all__ = ["CaseEvents"]


class CaseEvents(Protocol):
    """Receives what happens to cases. `service` is a service ID from the routes, or `-`."""

    def transition(self, service: str, state: State) -> None:
        """A case is in `state` now; also called when one is new."""

    def rejected(self, service: str, reason: str) -> None:
        """An event was not followed: `stale`, `illegal`, `unknown_state`, `unknown_case`."""

    def expired(self, service: str) -> None:
        """An answer was awaited and did not come in time (`transition` is called as well)."""

    def swept(self, cases: int) -> None:
        """Retention removed that many cases."""

    def counted(self, cases: Mapping[tuple[str, str], int]) -> None:
        """How many cases there are by service and state; what is not named is none."""

    def store_duration(self, operation: str, seconds: float) -> None:
        """An operation of the store ended, well or not."""

    def store_up(self, up: bool) -> None:  # noqa: FBT001  # called by the book alone
        """The store works, or no longer; called when that changes."""
