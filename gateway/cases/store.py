"""What a case store can do: the protocol that SQLite and PostgreSQL implement alike.

Room rule: as `gateway.cases`. Every failure leaves as `StoreError`; its text names the operation
and the store, never a value. An operation whose awaitable has ended is committed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from gateway.errors import GatewayError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable
    from datetime import datetime, timedelta

    from gateway.cases.case import Case, State, Verdict
    from gateway.cases.transitions import CaseEvent

__all__ = [
    "Callback",
    "CallbackFor",
    "CaseStore",
    "Held",
    "Key",
    "Reservation",
    "StoreError",
    "StoredAnswer",
    "no_callback",
]


class StoreError(GatewayError):
    """The case store did not do what it was asked; whether it was done is unknown."""


class Key(NamedTuple):
    """An `Idempotency-Key`, told apart by who sent it for what."""

    channel: str
    service: str
    value: str

    def __repr__(self) -> str:
        return f"Key({self.channel}, {self.service}, …)"


class Reservation(NamedTuple):
    """What a key stands for: `first` when it was free and now stands for the case handed in."""

    case_id: str
    fingerprint: bytes
    first: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An HTTP department's answer, to be given again; `fields` as in `ServiceReply`."""

    status: int
    fields: bytes
    body: bytes

    def __repr__(self) -> str:
        return f"StoredAnswer({self.status}, {len(self.body)} bytes)"


class Held(NamedTuple):
    """A key of an HTTP service; `answer` is None while the first request is under way."""

    first: bool
    fingerprint: bytes
    answer: StoredAnswer | None
    expires_at: datetime


class Callback(NamedTuple):
    """One change of state that a channel is to be told; `attempts` counts the failed ones."""

    id: str
    case_id: str
    channel: str
    state: State
    at: datetime
    attempts: int = 0


CallbackFor = Callable[["Case"], Callback | None]
"""Returns what a channel is told of a case that has just taken an event, None for nothing.

It runs inside the store's transaction, on whatever thread that has, perhaps twice: it changes
nothing and does not block.
"""


def no_callback(_: Case) -> None:
    """Nobody is told of anything."""


class CaseStore(Protocol):
    """Keeps cases, idempotency keys, callbacks and a few stamps. All times are UTC.

    Whoever makes one gives it a `CallbackFor`: each event that a case takes is kept together with
    its callback, which is due at once, or neither is.
    """

    @property
    def failure(self) -> str | None:
        """Why the store does not work now, None when it does; for readiness and a human."""

    async def open(self) -> None:
        """Connect and migrate. Raises `StartError` when it can never work as configured."""

    async def close(self) -> None:
        """Finish what was handed in and let go."""

    async def secret(self) -> bytes:
        """Return the 32 bytes that case ids are made with: made once, the same for all gateways."""

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Call `listener` on the loop with the id of each case that changed after its insertion.

        Changes made by other gateways on the same store are told as well; an empty id says that any
        case may have changed unseen. It must not raise.
        """

    def insert(self, case: Case) -> asyncio.Future[None]:
        """Keep a new case. One that is there already stays as it is.

        The writing has begun when this returns; what is asked of the same case afterwards finds it.
        """

    def find(self, case_id: str) -> Awaitable[Case | None]:
        """Return a case, None when there is none."""

    def apply(self, case_id: str, event: CaseEvent) -> Awaitable[tuple[Case, Verdict] | None]:
        """Let `transitions.apply` decide and keep what it says; None when there is no such case."""

    def reserve(
        self, key: Key, fingerprint: bytes, case: Case, expires_at: datetime
    ) -> Awaitable[Reservation]:
        """Keep `key` and `case` together if the key is free; else return what it stands for.

        A key whose expiry has passed is free.
        """

    def release(self, key: Key) -> Awaitable[None]:
        """Nothing was taken: free the key and remove its case if that is still `received`."""

    def hold(self, key: Key, fingerprint: bytes, expires_at: datetime) -> Awaitable[Held]:
        """Take the key of a request to an HTTP service if it is free; else return what it holds.

        `expires_at` bounds how long a request that never ends (the gateway was killed) keeps it.
        """

    def settle(
        self, key: Key, answer: StoredAnswer | None, expires_at: datetime | None = None
    ) -> Awaitable[None]:
        """The request has ended: keep its answer until `expires_at` (None: as held).

        Without an answer the key is free again.
        """

    def count(self) -> Awaitable[dict[tuple[str, State], int]]:
        """Return how many cases there are by service and state, without reading them all."""

    def expire(self, now: datetime, limit: int) -> Awaitable[list[Case]]:
        """Make up to `limit` cases whose time is up by `now` EXPIRED; return them as they are now.

        A case that two gateways find at the same time is returned to one of them.
        """

    def sweep(self, before: datetime, limit: int) -> Awaitable[int]:
        """Remove up to `limit` cases not updated since `before`; return how many."""

    def sweep_keys(self, limit: int) -> Awaitable[int]:
        """Remove up to `limit` expired idempotency keys of each kind; return the larger number."""

    def mark(self, name: str, at: datetime) -> Awaitable[None]:
        """Keep a stamp under a name, durably, with all that was committed before it."""

    def marked(self, name: str) -> Awaitable[datetime | None]:
        """Return the stamp, None when there is none."""

    def due_callbacks(
        self, now: datetime, limit: int, lease: timedelta
    ) -> Awaitable[list[Callback]]:
        """Return up to `limit` callbacks that are due, oldest first; nobody else gets them
        before `now + lease`.
        """

    def callback_done(self, callback_id: str) -> Awaitable[None]:
        """It was delivered: forget it."""

    def callback_retry(self, callback_id: str, next_at: datetime, error: str) -> Awaitable[None]:
        """It failed: count that, keep `error` (no personal data in it), try again at `next_at`."""

    def callback_dead(self, callback_id: str, error: str) -> Awaitable[None]:
        """It is given up: kept until the sweep takes it with its case, never due again."""
