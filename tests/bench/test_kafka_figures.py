"""The figures of the two benchmarks over Kafka say what was measured. No test judges a time."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

from tests.bench.brokers import are_real
from tests.bench.kafka import BODY, HEAD, Run, rows
from tests.bench.load import Counted
from tests.bench.numbered import Numbered, body_of
from tests.bench.order import Order
from tests.bench.outage import LOOKS, Course, Drained, Filled, Live, steps
from tests.bench.processes import find_program
from tests.bench.results import spread
from tests.bench.rounds import Measured, turn
from tests.bench.spool import Spooled, drain_rows, fill_rows, live_rows, speed_rows
from tests.bench.spool_reading import SpoolReading, reading_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHECKOUT = Path(__file__).parents[2]
MEBIBYTE = 1 << 20
RATIO = HEAD.index("CPU / minimal (range)")


@pytest.fixture
def tools() -> None:
    if find_program("wrk") is None:
        pytest.skip("tool missing: wrk")
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one core only: the load needs another")


# --- receipts beside the minimal endpoint ---------------------------------------------------------


def test_the_ratio_to_the_minimal_endpoint_is_taken_in_each_round_and_has_its_range() -> None:
    costs = {"minimal": (100, 200, 100), "accept": (150, 240, 190)}
    table = rows(
        [_run(mode, 32, n, cpu) for mode, all_ in costs.items() for n, cpu in enumerate(all_)]
    )
    assert [(row[0], row[RATIO]) for row in table] == [
        ("minimal", "-"),
        ("accept", "**1.50** (1.20-1.90)"),
    ]


def test_the_ratio_is_of_the_same_number_of_connections() -> None:
    minimal = [_run("minimal", 32, 0, 100), _run("minimal", 256, 0, 50)]
    table = rows([*minimal, _run("journal", 256, 0, 200), _run("journal", 32, 0, 200)])
    assert [row[RATIO] for row in table if row[0] == "journal"] == [
        "**2.00** (2.00-2.00)",
        "**4.00** (4.00-4.00)",
    ]


def test_a_reply_is_not_put_beside_an_endpoint_that_does_not_wait_for_one() -> None:
    table = rows([_run("minimal", 32, 0, 100), _run("reply", 32, 0, 400)])
    assert [row[RATIO] for row in table] == ["-", "-"]


def test_what_was_not_measured_has_no_row() -> None:
    assert [row[0] for row in rows([_run("accept, compiled", 256, 0, 100)])] == ["accept, compiled"]


def test_a_run_that_failed_spoils_the_table_and_is_named() -> None:
    failed = _run("accept", 256, 0, 100, refused=3)
    with pytest.raises(click.ClickException, match="accept, 256 connections: 3 answers of 400"):
        rows([_run("minimal", 256, 0, 100), failed])


def test_every_round_begins_with_another_one_and_has_all() -> None:
    assert [turn("abc", number) for number in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]


def test_records_are_of_600_bytes_numbered_or_not() -> None:
    assert len(BODY) == 600
    assert len(body_of("made-up-citizen-001-000001", 0)) == 600
    assert len(body_of("made-up-citizen-255-999999", 123_456)) == 600
    assert json.loads(body_of("made-up-citizen", 7)) | {"note": ""} == {
        "key": "made-up-citizen",
        "number": 7,
        "note": "",
    }


# --- numbered requests ----------------------------------------------------------------------------


async def test_a_key_is_numbered_in_the_order_of_its_receipts_and_a_refusal_is_repeated() -> None:
    received: list[tuple[str, int]] = []
    refusals = iter([False, True])
    server = await asyncio.start_server(
        lambda reader, writer: _gateway(reader, writer, received, refusals), "127.0.0.1", 0
    )
    numbered = Numbered("made-up", lanes=2, keys=4)
    async with server, numbered.connected(server.sockets[0].getsockname()[1]):
        await numbered.send(12)
    assert numbered.taken.total() == 12
    assert (numbered.refused, numbered.local) == (1, 11)
    assert len(received) == 13
    for key in ("made-up-000-000000", "made-up-001-000000"):
        assert numbered.taken[key] - numbered.taken[key[:-1] + "1"] in {0, 1}
    for key, count in numbered.taken.items():
        numbers = [number for of, number in received if of == key]
        assert numbers == sorted(numbers)
        assert set(numbers) == set(range(count))


async def test_paced_requests_count_what_they_are_late_by() -> None:
    over, now = asyncio.Event(), 1000.0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal now
        for answered in range(1, 5):
            await _request(reader)
            if answered == 1:  # its answer is late, and with it all that are due meanwhile
                now += 8.0
            if answered == 4:
                over.set()
            writer.write(_answer("202 Accepted", b"{}"))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    numbered = Numbered("made-up", lanes=1, keys=1, clock=lambda: now)
    async with server, numbered.connected(server.sockets[0].getsockname()[1]):
        assert await numbered.pace(0.5, over) == [8.0, 6.0, 4.0, 2.0]


# --- the topic at the end -------------------------------------------------------------------------


def test_a_topic_with_every_record_in_order_has_no_fault() -> None:
    order = _order("a0 b0 a1 b1 a2")
    assert order.fault({"a": 3, "b": 2}) == ""
    assert (order.records, order.copies) == (5, 0)


def test_a_record_with_a_receipt_that_is_not_there_is_missing() -> None:
    assert "1 records with a receipt are missing" in _order("a0 a2").fault({"a": 3})
    assert "2 records with a receipt are missing" in _order("a0").fault({"a": 1, "b": 2})


def test_a_record_after_a_later_one_of_its_key_is_out_of_order_and_not_missing() -> None:
    assert _order("a1 a0").fault({"a": 2}) == "1 came after a later one of their key"


def test_a_further_copy_is_no_disorder_when_it_is_marked() -> None:
    order = _order("a0 a1 a0! a1!")
    assert order.fault({"a": 2}) == ""
    assert (order.records, order.copies) == (2, 2)


def test_a_further_copy_without_the_mark_is_a_fault() -> None:
    assert _order("a0 a1 a0").fault({"a": 2}) == "1 came twice without the mark"


# --- the tables of an outage ----------------------------------------------------------------------


def test_memory_is_looked_at_in_equal_steps_and_at_the_end() -> None:
    assert steps(1_000_000) == list(range(100_000, 1_100_000, 100_000))
    assert steps(2005)[0] == 200
    assert steps(2005)[-1] == 2005
    assert len(steps(2005)) == LOOKS
    assert steps(3) == [1, 2, 3]


def test_the_spool_is_read_from_the_metrics() -> None:
    text = (
        "# HELP gateway_spool_records Records in the spool.\n"
        "gateway_kafka_connected 0\n"
        "gateway_kafka_connected_since 5\n"
        "gateway_spool_records 12.0\n"
        'gateway_spool_drained_total{service="a b",result="published"} 3\n'
        "gateway_spool_commit_duration_seconds_count 4\n"
        "gateway_spool_commit_duration_seconds_sum 0.25\n"
    )
    assert reading_of(text) == SpoolReading(
        connected=False, records=12, commits=4, commit_seconds=0.25
    )
    with pytest.raises(KeyError):
        reading_of("gateway_spool_records 12.0\n")


def test_growth_is_that_since_the_look_before() -> None:
    looks = [(0, 60), (100_000, 80), (200_000, 79)]
    filled = [Filled(n, 100_000, 50.0, 25.0, rss * MEBIBYTE, 0, 0.0) for n, rss in looks]
    table = fill_rows(filled)
    assert [row[2] for row in table] == ["-", "+20.0 MiB", "-1.0 MiB"]
    assert table[1][4:6] == ["2,000", "250.0 us"]


def test_the_drain_is_counted_from_when_the_brokers_were_noticed() -> None:
    (row,) = drain_rows(_course(Live([], 0, 0)))
    assert row[:5] == ["1,000", "3.0 s", "2.0 s", "500", "400.0 us"]


def test_live_requests_have_their_percentiles_and_say_how_many_went_over_the_disk() -> None:
    live = Live([number / 1000 for number in reversed(range(1, 101))], local=7, refused=1)
    during, after = live_rows(_course(live))
    assert during[1:] == ["100", "51.00 ms", "100.00 ms", "100.0 ms", "7", "1"]
    assert after[1:] == ["0", "-", "-", "-", "-", "0"]


def test_commits_are_those_of_the_same_rounds_as_the_receipts() -> None:
    readings = [
        SpoolReading(connected=False, records=n, commits=n // 5, commit_seconds=n / 2500)
        for n in (0, 500, 1500)
    ]
    speeds = [
        Spooled(32, _measured(100), readings[0], readings[1]),
        Spooled(32, _measured(300), readings[1], readings[2]),
        Spooled(256, _measured(200), readings[0], readings[1]),
    ]
    few, many = speed_rows(speeds)
    assert few[0:3] == ["32", "1,000 (1,000-1,000)", "200.0 us (100.0 us-300.0 us)"]
    assert few[6:8] == ["5", "2.00 ms"]
    assert many[0:3] == ["256", "1,000", "200.0 us"]


def test_one_value_has_no_range() -> None:
    assert spread([2.0], "{:.0f}".format) == "2"
    assert spread([1.0, 3.0, 2.0], "{:.0f}".format) == "2 (1-3)"


@pytest.mark.usefixtures("tools")
@pytest.mark.timeout(120)
def test_a_short_outage_is_drained_in_order(
    record_property: Callable[[str, object], None],
) -> None:
    record_property("kafka_broker", "apache" if are_real() else "embedded")
    options = ["--seconds", "1", "--rounds", "1", "--backlog", "2000", "--keys", "500"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.spool", *options],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every record with a receipt is there, each key's in order" in done.stdout


def _run(mode: str, connections: int, number: int, cpu: float, refused: int = 0) -> Run:
    return Run(mode, connections, number, _measured(cpu, refused))


def _measured(cpu: float, refused: int = 0) -> Measured:
    counted = Counted(1000, 1.0, 0.001, 0.002, refused=refused, broken=0)
    return Measured(counted, cpu=cpu / 1e6, resident=MEBIBYTE, others=0.0)


def _order(told: str) -> Order:
    """`a0` is the first record of key a, `a0!` one that carries the mark."""
    order = Order()
    for word in told.split():
        order.take(word[0], int(word[1]), replayed=word.endswith("!"))
    return order


def _course(beside: Live) -> Course:
    drained = Drained(1000, 3.0, 2.0, 0.4, 80 * MEBIBYTE, 90 * MEBIBYTE, 85 * MEBIBYTE, others=0.0)
    return Course([], drained, beside, Live([], 0, 0), Order(), "")


async def _gateway(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    received: list[tuple[str, int]],
    refusals: Iterator[bool],
) -> None:
    """Give receipts: each of the disk, but the first of the second request; one is refused."""
    while (body := await _request(reader)) is not None:
        received.append((body["key"], body["number"]))
        if next(refusals, False):
            writer.write(_answer("503 Service Unavailable", b"{}"))
        else:
            durability = b"kafka" if len(received) == 1 else b"local"
            writer.write(_answer("202 Accepted", b'{"durability":"' + durability + b'"}'))
    writer.close()


async def _request(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
    body: dict[str, Any] = json.loads(await reader.readexactly(length))
    return body


def _answer(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
