"""What SQLite does with idempotency keys: those that stand for a case, those that hold an answer.

Room rule: as `gateway.cases.sqlite_cases`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from gateway.cases.sqlite_cases import INSERT
from gateway.cases.sqlite_times import from_number
from gateway.cases.store import Held, Reservation, StoredAnswer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from gateway.cases.sqlite_batches import Changed
    from gateway.cases.sqlite_cases import Row
    from gateway.cases.store import Key

__all__ = ["Claim", "Settlement", "hold_all", "release_all", "reserve_all", "settle_all"]

_RESERVED: Final = (
    "SELECT case_id, fingerprint, expires_at FROM reservations "
    "WHERE channel = ? AND service = ? AND value = ?"
)
_RESERVE: Final = "REPLACE INTO reservations VALUES (?, ?, ?, ?, ?, ?)"
_RELEASE: Final = (
    "DELETE FROM reservations WHERE channel = ? AND service = ? AND value = ? RETURNING case_id"
)
_FORGET: Final = "DELETE FROM cases WHERE id = ? AND state = 'received' RETURNING id"
_HELD: Final = (
    "SELECT fingerprint, expires_at, status, fields, body FROM held_answers "
    "WHERE channel = ? AND service = ? AND value = ?"
)
_HOLD: Final = (
    "REPLACE INTO held_answers (channel, service, value, fingerprint, expires_at) "
    "VALUES (?, ?, ?, ?, ?)"
)
_LET_GO: Final = "DELETE FROM held_answers WHERE channel = ? AND service = ? AND value = ?"
_SETTLE: Final = (
    "UPDATE held_answers SET status = ?, fields = ?, body = ?, "
    "expires_at = coalesce(?, expires_at) WHERE channel = ? AND service = ? AND value = ?"
)
_SWEEP: Final = tuple(
    f"DELETE FROM {table} WHERE (channel, service, value) IN "  # noqa: S608  # the two names below
    f"(SELECT channel, service, value FROM {table} WHERE expires_at <= ? LIMIT ?)"
    for table in ("reservations", "held_answers")
)


class Claim(NamedTuple):
    """Somebody wants a key; `row` is the case that a reservation brings along."""

    key: Key
    fingerprint: bytes
    now: int
    expires_at: int
    row: Row | None = None


class Settlement(NamedTuple):
    """What becomes of a held key."""

    key: Key
    answer: StoredAnswer | None
    expires_at: int | None


def reserve_all(
    db: sqlite3.Connection, claims: Sequence[Claim], _: Changed
) -> Sequence[Reservation]:
    """Take keys with their cases where they are free."""
    return [_reserve(db, claim) for claim in claims]


def release_all(db: sqlite3.Connection, keys: Sequence[Key], changed: Changed) -> Sequence[None]:
    """Free keys; cases for which nothing was sent go with them."""
    for key in keys:
        for released in db.execute(_RELEASE, key).fetchall():
            changed += [case_id for (case_id,) in db.execute(_FORGET, released).fetchall()]
    return [None] * len(keys)


def hold_all(db: sqlite3.Connection, claims: Sequence[Claim], _: Changed) -> Sequence[Held]:
    """Take keys of HTTP services where they are free."""
    return [_hold(db, claim) for claim in claims]


def sweep_keys_all(
    db: sqlite3.Connection, items: Sequence[tuple[int, int]], _: Changed
) -> Sequence[int]:
    """Remove keys whose expiry has passed: pairs of the time and how many at most."""
    return [max(db.execute(sql, item).rowcount for sql in _SWEEP) for item in items]


def settle_all(
    db: sqlite3.Connection, settlements: Sequence[Settlement], _: Changed
) -> Sequence[None]:
    """Keep answers, or free keys."""
    for key, answer, expires_at in settlements:
        if answer is None:
            db.execute(_LET_GO, key)
        else:
            db.execute(_SETTLE, (answer.status, answer.fields, answer.body, expires_at, *key))
    return [None] * len(settlements)


def _reserve(db: sqlite3.Connection, claim: Claim) -> Reservation:
    known = db.execute(_RESERVED, claim.key).fetchone()
    if known is not None and known[2] > claim.now:
        case_id, fingerprint, expires_at = known
        return Reservation(case_id, fingerprint, first=False, expires_at=from_number(expires_at))
    if claim.row is None:
        raise ValueError("a reservation brings its case")
    case_id = claim.row[0]
    db.execute(INSERT, claim.row)
    db.execute(_RESERVE, (*claim.key, claim.fingerprint, case_id, claim.expires_at))
    until = from_number(claim.expires_at)
    return Reservation(case_id, claim.fingerprint, first=True, expires_at=until)


def _hold(db: sqlite3.Connection, claim: Claim) -> Held:
    known = db.execute(_HELD, claim.key).fetchone()
    if known is not None and known[1] > claim.now:
        fingerprint, until, status, fields, body = known
        answer = None if status is None else StoredAnswer(status, fields, body)
        return Held(
            first=False, fingerprint=fingerprint, answer=answer, expires_at=from_number(until)
        )
    db.execute(_HOLD, (*claim.key, claim.fingerprint, claim.expires_at))
    until = from_number(claim.expires_at)
    return Held(first=True, fingerprint=claim.fingerprint, answer=None, expires_at=until)
