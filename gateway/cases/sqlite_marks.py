"""What SQLite does with stamps and with the key of case ids.

Room rule: as `gateway.cases.sqlite_cases`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.cases.sqlite_times import from_number

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from datetime import datetime

    from gateway.cases.sqlite_batches import Changed

__all__ = ["mark_all", "marked_all", "secret_all"]

_MARK: Final = "REPLACE INTO marks VALUES (?, ?)"
_MARKED: Final = "SELECT at FROM marks WHERE name = ?"
_KEEP_KEY: Final = "INSERT INTO secret VALUES (1, ?) ON CONFLICT DO NOTHING"
_KEY: Final = "SELECT key FROM secret"


def mark_all(
    db: sqlite3.Connection, marks: Sequence[tuple[str, int]], _: Changed
) -> Sequence[None]:
    """Keep stamps."""
    db.executemany(_MARK, marks)
    return [None] * len(marks)


def marked_all(
    db: sqlite3.Connection, names: Sequence[str], _: Changed
) -> Sequence[datetime | None]:
    """Read stamps."""
    rows = [db.execute(_MARKED, (name,)).fetchone() for name in names]
    return [None if row is None else from_number(row[0]) for row in rows]


def secret_all(db: sqlite3.Connection, candidates: Sequence[bytes], _: Changed) -> Sequence[bytes]:
    """Keep the first candidate if there is no key yet, and return the key."""
    db.execute(_KEEP_KEY, (candidates[0],))
    (key,) = db.execute(_KEY).fetchone()
    return [key] * len(candidates)
