"""The way to the PostgreSQL server: connections, their supervisor, and what their faults mean.

Room rule: as `gateway.cases`; the one door to asyncpg. Whatever fails leaves as `StoreError` whose
text names the server and the SQLSTATE, never what the server wrote: its messages quote values.

One connection of its own listens for notifications and tells whether the server is there. While
it is not, operations fail at once instead of waiting for a time limit each; the supervisor goes on
trying. Statements are prepared once per connection (asyncpg's cache), and LISTEN belongs to a
connection, so between gateway and server there may be a pooler in session mode only: PgBouncer's
transaction mode loses both.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import asyncpg
from asyncpg import Record

from gateway.cases.postgres_batches import RefusedError
from gateway.cases.postgres_migrations import migrate, scripts
from gateway.cases.store import StoreError
from gateway.errors import StartError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    Connection = (
        asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    )

__all__ = ["COMMAND_LIMIT", "Database", "Record"]

CONNECTIONS: Final = 6
"""Beside the listening one. Ten gateways stay under PostgreSQL's default limit of 100."""
CONNECT_LIMIT: Final = 3.0
COMMAND_LIMIT: Final = 5.0
"""Seconds that a connection, and one command, may take."""
PROBE: Final = 5.0
"""Seconds between two looks at a server of which nothing else is heard."""
PROBE_LIMIT: Final = 2.0
FIRST_BACKOFF: Final = 0.1
LONGEST_BACKOFF: Final = 5.0
FROZEN: Final = "30s"
"""A gateway that stands still inside a transaction loses its locks after that."""

_MEANINGS: Final = {
    "25006": "is a standby, which cannot be written",
    "28": "refuses the user or the password",
    "3D": "has no such database",
    "3F": "has no schema that tables could be made in; set the user's search_path",
    "42501": "does not let this user make or use the tables",
    "53100": "has no space left on its disk",
    "53300": "has no connection left for this gateway",
    "57P03": "is starting or stopping",
}
"""What a SQLSTATE or its class says (PostgreSQL documentation, appendix A)."""
_FOR_GOOD: Final = ("28", "3D", "3F", "42501")
"""What does not go away by waiting."""
_URL: Final = re.compile(r"\w+://(?:[^/?#@]*@)?([^/?#@]*)(?:/([^/?#@]*))?(?:\?.*)?", re.DOTALL)
_AWAY: Final = ("08", "25006", "57P")
"""The connection is of no use any more."""

log = logging.getLogger(__name__)


class Database:
    """Connections to the server that `url` names (libpq's form).

    `heard` is called with the payload of each notification on `channel` (an SQL expression),
    `returned` whenever some may have been missed: after the first connection and each later one.
    """

    def __init__(
        self,
        url: str,
        *,
        channel: str,
        heard: Callable[[str], None],
        returned: Callable[[], None],
        command_limit: float = COMMAND_LIMIT,
    ) -> None:
        self._name = f"The case store at {_place(url)}"
        self._channel = channel
        self._heard = heard
        self._returned = returned
        self._command_limit = command_limit
        self._arguments: dict[str, Any] = {
            "dsn": url,
            "timeout": CONNECT_LIMIT,
            "command_timeout": command_limit,
            "server_settings": {
                "application_name": "gateway",
                "idle_in_transaction_session_timeout": FROZEN,
            },
        }
        if "target_session_attrs" not in url:
            self._arguments["target_session_attrs"] = "read-write"
        self._migrations: tuple[str, ...] | None = None
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._listening: asyncpg.Connection[asyncpg.Record] | None = None
        self._away: str | None = f"{self._name} was not asked yet."
        self._complaint: str | None = None
        self._doubt = asyncio.Event()
        self._supervisor: asyncio.Task[None] | None = None

    @property
    def failure(self) -> str | None:
        """Why operations fail now, None when they do not."""
        return self._away or self._complaint

    async def open(self) -> None:
        """Connect and migrate; when the server is away go on trying in the background.

        Raises `StartError` for what does not go away by waiting.
        """
        self._migrations = await asyncio.to_thread(scripts)
        try:
            await self._connect()
        except StartError:
            await self.close()
            raise
        except (*_FAULTS, ValueError) as error:
            self._away = reason = self._reason(error)
            if isinstance(error, (ValueError, ssl.SSLError)) or _matches(error, _FOR_GOOD):
                await self.close()
                raise StartError(reason) from None
            log.warning("%s The gateway goes on trying.", reason)
        self._supervisor = asyncio.create_task(self._supervise(), name="case-store")

    async def close(self) -> None:
        """Let go of the server; whatever is under way fails."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait([self._supervisor])
        self._away = f"{self._name} is closed."
        self._drop()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection; raises `StoreError`, at once while the server is away."""
        if self._away is not None or self._pool is None:
            raise StoreError(self._away or f"{self._name} is being connected to again.")
        try:
            async with self._pool.acquire(timeout=self._command_limit) as connection:
                try:
                    yield connection
                except BaseException as error:
                    if _useless(error):
                        connection.terminate()
                    raise
        except _FAULTS as error:
            raise self._fault(error) from None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """As `connection`, inside a transaction that is committed when the block ends well."""
        async with self.connection() as connection:
            await connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
            try:
                yield connection
            except BaseException as error:
                if not _useless(error):
                    await connection.execute("ROLLBACK")
                raise
            await connection.execute("COMMIT")

    # --- the supervisor ---------------------------------------------------------------------------

    async def _supervise(self) -> None:
        backoff = FIRST_BACKOFF
        while True:
            if self._listening is not None:
                await self._attend(self._listening)
                backoff = FIRST_BACKOFF
            self._drop()
            try:
                await self._connect()
            except Exception as error:  # noqa: BLE001  # whatever it is, it is tried again
                reason = self._reason(error)
                if self._away is None:
                    log.warning("%s The gateway goes on trying.", reason)
                self._away = reason
                await asyncio.sleep(backoff * random.uniform(0.75, 1.25))  # noqa: S311  # no secret
                backoff = min(2 * backoff, LONGEST_BACKOFF)

    async def _attend(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        """Return when the server is there no longer, as far as this connection can tell."""
        while not connection.is_closed():
            try:
                async with asyncio.timeout(PROBE):
                    await self._doubt.wait()
            except TimeoutError:
                pass
            self._doubt.clear()
            try:
                read_only = await connection.fetchval(
                    "SHOW transaction_read_only", timeout=PROBE_LIMIT
                )
            except _FAULTS:
                return
            if read_only == "on":
                return
            self._complaint = None

    async def _connect(self) -> None:
        connection = await asyncpg.connect(**self._arguments)
        try:
            if self._migrations is not None:
                await migrate(connection, self._migrations)
                self._migrations = None
            channel = await connection.fetchval(f"SELECT {self._channel}")
            await connection.add_listener(channel, self._notified)
            pool = await asyncpg.create_pool(
                **self._arguments, min_size=0, max_size=CONNECTIONS, reset=_keep
            )
        except BaseException:
            connection.terminate()
            raise
        connection.add_termination_listener(self._lost)
        self._listening, self._pool = connection, pool
        if self._away is not None:
            log.info("%s is there.", self._name)
        self._away = self._complaint = None
        self._returned()

    def _drop(self) -> None:
        if self._listening is not None:
            self._listening.terminate()
            self._listening = None
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None

    def _notified(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self._heard(str(payload))

    def _lost(self, _connection: object) -> None:
        self._doubt.set()

    # --- what a fault means -----------------------------------------------------------------------

    def _fault(self, error: BaseException) -> StoreError:
        reason = self._reason(error)
        if _useless(error):
            self._doubt.set()
            return StoreError(reason)
        if _matches(error, ("53",)):
            self._complaint = reason
            return StoreError(reason)
        return RefusedError(reason)

    def _reason(self, error: BaseException) -> str:
        match error:
            case StartError():
                return str(error)
            case asyncpg.PostgresError():
                return f"{self._name} {_meaning(error.sqlstate)} (SQLSTATE {error.sqlstate})."
            case ValueError():
                return f"{self._name} cannot be used: its URL, or a file that it names, is wrong."
            case asyncpg.TargetServerAttributeNotMatched():
                return f"{self._name} is a standby, which cannot be written."
            case TimeoutError():
                return f"{self._name} does not answer in time."
            case OSError():
                what = error.strerror or type(error).__name__
                return f"{self._name} cannot be reached: {what}."
            case _:
                return f"{self._name} failed ({type(error).__name__})."


_FAULTS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)
_LOST: Final = (
    asyncio.CancelledError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)


def _useless(error: BaseException) -> bool:
    """True when the connection on which it happened cannot be trusted any more."""
    return isinstance(error, _LOST) or _matches(error, _AWAY)


def _matches(error: BaseException, states: tuple[str, ...]) -> bool:
    return isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "").startswith(states)


def _meaning(state: str | None) -> str:
    for known, meaning in _MEANINGS.items():
        if (state or "").startswith(known):
            return meaning
    return "refused an operation"


def _place(url: str) -> str:
    """Hosts and database of a URL: no user, no password, no options.

    Nothing of a URL that is not well formed is shown: where its password ends is a guess.
    """
    match = _URL.fullmatch(url)
    if match is None:
        return "the address that was given"
    return f"{match[1] or 'its local socket'}/{match[2] or ''}"


async def _keep(_connection: object) -> None:
    """Nothing that this room does changes a session, so nothing has to be reset."""
