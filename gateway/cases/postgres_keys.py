"""What PostgreSQL does with idempotency keys: of cases, and of answers that are held.

Room rule: as `gateway.cases.postgres_cases`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from gateway.cases.postgres_cases import COLUMNS, arrays_of, rows
from gateway.cases.postgres_changes import CHANNEL
from gateway.cases.store import Held, Key, Reservation, StoredAnswer, StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from gateway.cases.case import Case
    from gateway.cases.postgres_changes import Changes
    from gateway.cases.postgres_database import Connection, Database, Record

__all__ = ["Claim", "Keys"]

TRIES: Final = 5
"""A key that is neither free nor there was freed in between; that does not go on for ever."""

_THIS: Final = "WHERE channel = $1 AND service = $2 AND value = $3"
_RESERVE: Final = (
    "WITH taken AS (INSERT INTO reservations AS known "  # noqa: S608  # our own names
    "(channel, service, value, fingerprint, case_id, expires_at) "
    "SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], "
    "$7::timestamptz[]) AS claim (channel, service, value, fingerprint, case_id, expires_at) "
    "ORDER BY channel, service, value "
    "ON CONFLICT (channel, service, value) DO UPDATE SET fingerprint = excluded.fingerprint, "
    "case_id = excluded.case_id, expires_at = excluded.expires_at WHERE known.expires_at <= $1 "
    "RETURNING case_id), "
    f"kept AS (INSERT INTO cases ({COLUMNS}) SELECT new.* FROM {rows(8)} "
    "JOIN taken ON taken.case_id = new.id ON CONFLICT (id) DO NOTHING) "
    "SELECT case_id FROM taken"
)
_RESERVED: Final = (
    "SELECT channel, service, value, fingerprint, case_id, expires_at FROM reservations "
    "JOIN unnest($1::text[], $2::text[], $3::text[]) AS asked (channel, service, value) "
    "USING (channel, service, value)"
)
_RELEASE: Final = (
    f"WITH freed AS (DELETE FROM reservations {_THIS} RETURNING case_id) "  # noqa: S608  # our own names
    "DELETE FROM cases USING freed WHERE cases.id = freed.case_id AND cases.state = 'received' "
    "RETURNING cases.id"
)
_NOTIFY: Final = f"SELECT pg_notify({CHANNEL}, $1)"
_HOLD: Final = (
    "INSERT INTO held_answers AS known (channel, service, value, fingerprint, expires_at) "
    "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (channel, service, value) DO UPDATE "
    "SET fingerprint = excluded.fingerprint, expires_at = excluded.expires_at, "
    "status = NULL, fields = NULL, body = NULL WHERE known.expires_at <= $6 RETURNING true"
)
_HELD: Final = f"SELECT fingerprint, expires_at, status, fields, body FROM held_answers {_THIS}"  # noqa: S608  # our own names
_LET_GO: Final = f"DELETE FROM held_answers {_THIS}"  # noqa: S608  # our own names
_SETTLE: Final = (
    "UPDATE held_answers SET status = $4, fields = $5, body = $6, "  # noqa: S608  # our own names
    f"expires_at = coalesce($7, expires_at) {_THIS}"
)
_SWEEP: Final = tuple(
    f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} "  # noqa: S608  # the two names below
    "WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED))"
    for table in ("reservations", "held_answers")
)


class Claim(NamedTuple):
    """Somebody wants a key to stand for a case."""

    key: Key
    fingerprint: bytes
    case: Case
    expires_at: datetime
    now: datetime


class Keys:
    """The tables `reservations` and `held_answers`."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes

    async def reserve_all(self, claims: Sequence[Claim]) -> Sequence[Reservation]:
        """Take keys with their cases where they are free; of several claims the first one wins."""
        settled: dict[int, Reservation] = {}
        for _ in range(TRIES):
            left = [index for index in range(len(claims)) if index not in settled]
            if not left:
                return [settled[index] for index in range(len(claims))]
            async with self._database.connection() as connection:
                await _reserve(connection, claims, left, settled)
        raise StoreError("an idempotency key is taken and freed again and again")

    async def release(self, key: Key) -> None:
        """Free a key; a case for which nothing was sent goes with it."""
        async with self._database.transaction() as connection:
            removed = [row["id"] for row in await connection.fetch(_RELEASE, *key)]
            for payload in self._changes.payloads(removed):
                await connection.execute(_NOTIFY, payload)
        self._changes.tell(removed)

    async def hold(self, key: Key, fingerprint: bytes, expires_at: datetime, now: datetime) -> Held:
        """Take the key of a request to an HTTP service if it is free."""
        async with self._database.connection() as connection:
            for _ in range(TRIES):
                if await connection.fetchval(_HOLD, *key, fingerprint, expires_at, now):
                    return Held(
                        first=True, fingerprint=fingerprint, answer=None, expires_at=expires_at
                    )
                known = await connection.fetchrow(_HELD, *key)
                if known is not None:
                    held, until, status, fields, body = known
                    answer = None if status is None else StoredAnswer(status, fields, body)
                    return Held(first=False, fingerprint=held, answer=answer, expires_at=until)
        raise StoreError("an idempotency key is taken and freed again and again")

    async def settle(
        self, key: Key, answer: StoredAnswer | None, expires_at: datetime | None
    ) -> None:
        """Keep an answer, or free the key."""
        async with self._database.connection() as connection:
            if answer is None:
                await connection.execute(_LET_GO, *key)
            else:
                parts = (answer.status, answer.fields, answer.body, expires_at)
                await connection.execute(_SETTLE, *key, *parts)

    async def sweep(self, now: datetime, limit: int) -> int:
        """Remove keys whose expiry has passed; return the larger number of the two kinds."""
        async with self._database.connection() as connection:
            done = [await connection.execute(statement, now, limit) for statement in _SWEEP]
        return max(int(tag.rpartition(" ")[2]) for tag in done)


async def _reserve(
    connection: Connection,
    claims: Sequence[Claim],
    left: Sequence[int],
    settled: dict[int, Reservation],
) -> None:
    first: dict[Key, int] = {}
    for index in left:
        first.setdefault(claims[index].key, index)
    wanted = [claims[index] for index in first.values()]
    keys, fingerprints, cases, until, now = zip(*wanted, strict=True)
    taken = {
        row["case_id"]
        for row in await connection.fetch(
            _RESERVE, max(now), *_columns(keys), fingerprints, [case.id for case in cases], until,
            *arrays_of(cases),
        )
    }  # fmt: skip
    known: dict[Key, Record] = {}
    if len(taken) < len(left):
        asked = [claims[index].key for index in left]
        known = {
            Key(row["channel"], row["service"], row["value"]): row
            for row in await connection.fetch(_RESERVED, *_columns(list(dict.fromkeys(asked))))
        }
    for index in left:
        key, fingerprint, case, expires_at, _ = claims[index]
        if first[key] == index and case.id in taken:
            settled[index] = Reservation(case.id, fingerprint, first=True, expires_at=expires_at)
        elif (row := known.get(key)) is not None:
            settled[index] = Reservation(
                row["case_id"], row["fingerprint"], first=False, expires_at=row["expires_at"]
            )


def _columns(keys: Sequence[Key]) -> tuple[list[str], list[str], list[str]]:
    channels = [key.channel for key in keys]
    return channels, [key.service for key in keys], [key.value for key in keys]
