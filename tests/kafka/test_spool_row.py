from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.kafka import spool_row
from gateway.kafka.record import OutgoingRecord
from gateway.kafka.spool_row import REPLAYED, RowState, SpoolRow, key_hash

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDS = st.builds(
    OutgoingRecord,
    event_id=st.text(max_size=8),
    service_id=st.just("svc"),
    topic=st.text("abc", min_size=1, max_size=3),
    key=st.none() | st.binary(max_size=8),
    value=st.binary(max_size=50),
    headers=st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=9)), max_size=4).map(tuple),
)


def a_row(seq: int, key: bytes | None = b"key", size: int = 0) -> SpoolRow:
    record = OutgoingRecord(f"{seq}", "svc", "topic", key, bytes(size), ())
    return spool_row.spool_row(seq, record, b"about", RowState.WAITING, float(seq))


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for script in spool_row.MIGRATIONS:
        connection.executescript(script)
    yield connection
    connection.close()


@given(RECORDS, st.binary(max_size=9), st.sampled_from(RowState))
def test_a_row_comes_back_as_it_was(record: OutgoingRecord, about: bytes, state: RowState) -> None:
    row = spool_row.spool_row(7, record, about, state, 1.5)
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(spool_row.MIGRATIONS[0])
    spool_row.insert(connection, row)
    assert spool_row.page(connection, 0, 10, 1000) == [row]
    connection.close()
    assert row.record(replayed=False) == record
    assert row.record(replayed=True).headers == (*record.headers, REPLAYED)
    assert row.size > len(record.value) + len(about)


def test_a_page_is_bounded_by_rows_and_bytes_and_holds_at_least_one(
    database: sqlite3.Connection,
) -> None:
    for seq in range(1, 6):
        spool_row.insert(database, a_row(seq, size=1000))
    assert [row.seq for row in spool_row.page(database, 0, 3, 1_000_000)] == [1, 2, 3]
    assert [row.seq for row in spool_row.page(database, 3, 3, 1_000_000)] == [4, 5]
    assert [row.seq for row in spool_row.page(database, 0, 3, 1)] == [1]


def test_rows_are_marked_and_deleted_by_their_numbers(database: sqlite3.Connection) -> None:
    for seq in range(1, 5):
        spool_row.insert(database, a_row(seq))
    spool_row.mark(database, [2, 3], RowState.SENT)
    states = [row.state for row in spool_row.page(database, 0, 10, 10_000)]
    assert states == [RowState.WAITING, RowState.SENT, RowState.SENT, RowState.WAITING]
    assert spool_row.oldest(database) == 1.0
    assert spool_row.delete(database, [1, 2, 99]) == (2, a_row(1).size + a_row(2).size)
    assert spool_row.oldest(database) == 3.0


def test_the_totals_tell_what_is_in_the_file(database: sqlite3.Connection) -> None:
    assert spool_row.totals(database) == (0, 0, None, 0, {})
    rows = [a_row(1, b"a"), a_row(2, None), a_row(5, b"a"), a_row(9, b"b")]
    for row in rows:
        spool_row.insert(database, row)
    by_key = {key_hash("topic", b"a"): 2, key_hash("topic", b"b"): 1}
    assert spool_row.totals(database) == (4, sum(row.size for row in rows), 1.0, 9, by_key)


def test_the_totals_are_read_from_the_index_alone(database: sqlite3.Connection) -> None:
    run: list[str] = []
    database.set_trace_callback(run.append)
    spool_row.totals(database)
    database.set_trace_callback(None)
    assert any("GROUP BY" in sql for sql in run)
    for sql in run:
        plan = str(database.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall())
        assert "COVERING INDEX" in plan or "SEARCH" in plan or sql.endswith("LIMIT 1"), sql
        assert "TEMP B-TREE" not in plan, sql


def test_a_key_is_told_from_the_same_key_of_another_topic() -> None:
    assert key_hash("a", b"key") != key_hash("b", b"key")
    assert key_hash("a", b"bc") != key_hash("ab", b"c")
    assert key_hash("a", None) is None
