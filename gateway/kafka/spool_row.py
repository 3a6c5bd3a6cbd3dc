"""One record on the disk: its columns, its size, and the statements that read and write it.

Room rule: the only module with the spool's SQL. Its functions run on the writer thread of
`gateway.group_commit`, change nothing but the database, and may be run twice.
"""

from __future__ import annotations

import json
import struct
from enum import IntEnum
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from gateway.kafka.record import OutgoingRecord

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from gateway.kafka.record import RecordHeaders

__all__ = [
    "MIGRATIONS",
    "REPLAYED",
    "RowState",
    "SpoolRow",
    "Totals",
    "delete",
    "insert",
    "key_hash",
    "mark",
    "oldest",
    "page",
    "spool_row",
    "totals",
]

REPLAYED: Final = ("ce_replayed", b"true")
"""The header of a record that the brokers may have already, beside its unchanged `ce_id`."""

ROW_OVERHEAD: Final = 200
"""Bytes, chosen, that a row counts for beside its contents: index, columns, half-filled pages."""

MIGRATIONS: Final = (
    """
    CREATE TABLE records (
        seq INTEGER PRIMARY KEY,
        state INTEGER NOT NULL,
        key_hash INTEGER,
        created REAL NOT NULL,
        size INTEGER NOT NULL,
        event_id TEXT NOT NULL,
        service TEXT NOT NULL,
        topic TEXT NOT NULL,
        key BLOB,
        headers BLOB NOT NULL,
        value BLOB NOT NULL,
        about BLOB NOT NULL
    );
    CREATE INDEX records_by_key ON records (key_hash, size);
    """,
)

_COLUMNS: Final = (
    "seq, state, key_hash, created, size, event_id, service, topic, key, headers, value, about"
)
_INSERT: Final = f"INSERT INTO records ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"  # noqa: S608  # constants
_PAGE: Final = f"SELECT {_COLUMNS} FROM records WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608  # constants
_LENGTH: Final = struct.Struct(">I")


class RowState(IntEnum):
    """Whether the brokers may have the record: certainly not, or possibly."""

    WAITING = 0
    SENT = 1


class SpoolRow(NamedTuple):
    """One record as it is kept. `created` is in seconds since 1970, `size` in bytes.

    `key_hash` stands for topic and key; None for a record without a key, which has no order.
    """

    seq: int
    state: RowState
    key_hash: int | None
    created: float
    size: int
    event_id: str
    service_id: str
    topic: str
    key: bytes | None
    headers: RecordHeaders
    value: bytes
    about: bytes

    def record(self, *, replayed: bool) -> OutgoingRecord:
        """Return what is sent; `replayed` adds the mark of a possible duplicate."""
        headers = (*self.headers, REPLAYED) if replayed else self.headers
        return OutgoingRecord(
            self.event_id, self.service_id, self.topic, self.key, self.value, headers
        )


class Totals(NamedTuple):
    """What the file holds; `oldest` is when its first record came, None without one."""

    records: int
    size: int
    oldest: float | None
    last_seq: int
    by_key: dict[int, int]


def spool_row(
    seq: int, record: OutgoingRecord, about: bytes, state: RowState, created: float
) -> SpoolRow:
    """Return the row of `record`, which arrived as number `seq`."""
    size = ROW_OVERHEAD + len(record.key or b"") + len(record.value) + len(about)
    for name, value in record.headers:
        size += len(name) + len(value) + 2 * _LENGTH.size
    return SpoolRow(
        seq,
        state,
        key_hash(record.topic, record.key),
        created,
        size,
        record.event_id,
        record.service_id,
        record.topic,
        record.key,
        record.headers,
        record.value,
        about,
    )


def key_hash(topic: str, key: bytes | None) -> int | None:
    """Return 64 bits that stand for topic and key; two keys that share them wait for each other."""
    if key is None:
        return None
    digest = blake2b(b"%b\0%b" % (topic.encode(), key), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def insert(connection: sqlite3.Connection, row: SpoolRow) -> None:
    connection.execute(_INSERT, row._replace(headers=_packed(row.headers)))  # type: ignore[arg-type]  # the column's form


def page(
    connection: sqlite3.Connection, after: int, limit: int, limit_bytes: int
) -> list[SpoolRow]:
    """Return the next rows in order of arrival: at most `limit`, and about `limit_bytes`."""
    rows: list[SpoolRow] = []
    for columns in connection.execute(_PAGE, (after, limit)):
        row = SpoolRow(*columns)
        headers = _unpacked(row.headers)  # type: ignore[arg-type]  # the column's form
        rows.append(row._replace(state=RowState(row.state), headers=headers))
        limit_bytes -= row.size
        if limit_bytes <= 0:
            break
    return rows


def mark(connection: sqlite3.Connection, seqs: Sequence[int], state: RowState) -> None:
    connection.execute(
        "UPDATE records SET state = ? WHERE seq IN (SELECT value FROM json_each(?))",
        (state, json.dumps(list(seqs))),
    )


def delete(connection: sqlite3.Connection, seqs: Sequence[int]) -> tuple[int, int]:
    """Remove rows; return how many there were and their bytes."""
    sizes = connection.execute(
        "DELETE FROM records WHERE seq IN (SELECT value FROM json_each(?)) RETURNING size",
        (json.dumps(list(seqs)),),
    ).fetchall()
    return len(sizes), sum(size for (size,) in sizes)


def oldest(connection: sqlite3.Connection) -> float | None:
    first = connection.execute("SELECT created FROM records ORDER BY seq LIMIT 1").fetchone()
    return None if first is None else float(first[0])


def totals(connection: sqlite3.Connection) -> Totals:
    """Read, from the index alone, what is in the file: a gigabyte of contents is not touched."""
    rows = size = 0
    by_key: dict[int, int] = {}
    for hashed, count, bytes_of_key in connection.execute(
        "SELECT key_hash, count(*), sum(size) FROM records GROUP BY key_hash"
    ):
        rows += count
        size += bytes_of_key
        if hashed is not None:
            by_key[hashed] = count
    (last,) = connection.execute("SELECT ifnull(max(seq), 0) FROM records").fetchone()
    return Totals(rows, size, oldest(connection), last, by_key)


def _packed(headers: RecordHeaders) -> bytes:
    parts = []
    for name, value in headers:
        for part in (name.encode(), value):
            parts += [_LENGTH.pack(len(part)), part]
    return b"".join(parts)


def _unpacked(packed: bytes) -> RecordHeaders:
    parts = []
    place = 0
    while place < len(packed):
        (length,) = _LENGTH.unpack_from(packed, place)
        place += _LENGTH.size
        parts.append(packed[place : place + length])
        place += length
    names = (name.decode() for name in parts[::2])
    return tuple(zip(names, parts[1::2], strict=True))
