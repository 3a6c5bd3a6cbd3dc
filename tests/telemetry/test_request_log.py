from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from gateway.telemetry.request_log import RequestLine, RequestLog

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator
    from pathlib import Path

ANSWER: dict[str, Any] = {
    "time": 1_764_000_000.125,
    "request_id": "req-1",
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
    "channel": "sufuban",
    "service": "edu.payment",
    "department": "xishan-edu",
    "transport": "http",
    "method": "GET",
    "status": 200,
    "cause": "none",
    "side": None,
    "duration": 0.0123456789,
    "department_time": 0.0112345678,
    "attempts": 1,
    "bytes_in": 0,
    "bytes_out": 1100,
    "destination": "http://127.0.0.1:9101",
}
REFUSAL: dict[str, Any] = ANSWER | {
    "status": 429,
    "cause": "rate_limited",
    "side": "caller",
    "department_time": None,
    "attempts": 0,
    "destination": None,
}
ANSWERED = RequestLine(**ANSWER)
REFUSED = RequestLine(**REFUSAL)
PIPE_BYTES = 64 << 10
PATIENCE_SECONDS = 10


class Dropped:
    """Adds up what a log says it has dropped."""

    def __init__(self) -> None:
        self.lines = 0

    def __call__(self, lines: int) -> None:
        self.lines += lines


class Pipe:
    """A real pipe: the log writes to `stream`, the test reads."""

    def __init__(self) -> None:
        self.reading, writing = os.pipe()
        self.stream: io.FileIO = open(writing, "wb", buffering=0)  # noqa: SIM115  # see close
        self._is_open = True

    async def read(self) -> bytes:
        """Return what is there, as soon as something is."""
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self.reading, readable.set)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await readable.wait()
        finally:
            loop.remove_reader(self.reading)
        return os.read(self.reading, 1 << 20)

    async def read_lines(self, count: int) -> list[bytes]:
        data = b""
        while data.count(b"\n") < count:
            data += await self.read()
        return data.splitlines()

    def hang_up(self) -> None:
        if self._is_open:
            self._is_open = False
            os.close(self.reading)

    def close(self) -> None:
        self.hang_up()
        self.stream.close()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def numbered(number: int) -> RequestLine:
    return RequestLine(**ANSWER | {"request_id": f"req-{number}"})


def request_ids(data: bytes) -> list[str]:
    return [orjson.loads(line)["request_id"] for line in data.splitlines()]


async def one_line(pipe: Pipe, line: RequestLine, form: Any = "json") -> bytes:
    log = RequestLog(pipe.stream, form, Dropped())
    log.write(line)
    await log.close()
    return await pipe.read()


async def test_a_line_has_exactly_these_fields_and_none_for_a_path_query_or_body(
    pipe: Pipe,
) -> None:
    line = await one_line(pipe, ANSWERED)
    assert line.endswith(b"\n")
    assert orjson.loads(line) == {
        "time": "2025-11-24T16:00:00.125Z",
        "request_id": "req-1",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "channel": "sufuban",
        "service": "edu.payment",
        "department": "xishan-edu",
        "transport": "http",
        "method": "GET",
        "status": 200,
        "cause": "none",
        "side": None,
        "duration": 0.012345,
        "department_time": 0.011234,
        "attempts": 1,
        "bytes_in": 0,
        "bytes_out": 1100,
        "destination": "http://127.0.0.1:9101",
    }


async def test_a_department_that_was_not_asked_has_no_time(pipe: Pipe) -> None:
    fields = orjson.loads(await one_line(pipe, REFUSED))
    assert (fields["department_time"], fields["destination"]) == (None, None)
    assert (fields["cause"], fields["side"]) == ("rate_limited", "caller")


async def test_people_get_one_line_of_text(pipe: Pipe) -> None:
    assert (await one_line(pipe, ANSWERED, "text")).decode() == (
        "2025-11-24T16:00:00.125Z 200 GET edu.payment from sufuban to http://127.0.0.1:9101"
        " 12.3 ms (department 11.2 ms) in=0 out=1100 request=req-1"
        " trace=0af7651916cd43dd8448eb211c80319c\n"
    )


async def test_the_text_names_the_cause_its_side_and_the_tries(pipe: Pipe) -> None:
    line = RequestLine(**REFUSAL | {"cause": "answer_timeout", "side": "department", "attempts": 2})
    text = (await one_line(pipe, line, "text")).decode()
    assert " to - 12.3 ms answer_timeout [department] tries=2 in=0 " in text


async def test_the_time_is_right_from_one_second_to_the_next(pipe: Pipe) -> None:
    log = RequestLog(pipe.stream, "json", Dropped())
    for moment in (1_764_000_000.9996, 1_764_000_001.0, 1_764_000_000.5):
        log.write(RequestLine(**ANSWER | {"time": moment}))
    await log.close()
    lines = (await pipe.read()).splitlines()
    assert [orjson.loads(line)["time"][-7:] for line in lines] == ["00.999Z", "01.000Z", "00.500Z"]


async def test_a_line_appears_without_anybody_asking(pipe: Pipe) -> None:
    log = RequestLog(pipe.stream, "json", Dropped(), flush_every=0.001)
    log.write(numbered(1))
    assert request_ids(await pipe.read()) == ["req-1"]
    log.write(numbered(2))
    assert request_ids(await pipe.read()) == ["req-2"]
    await log.close()


async def test_lines_wait_for_each_other_until_they_are_flushed(pipe: Pipe) -> None:
    log = RequestLog(pipe.stream, "json", Dropped(), flush_every=3600)
    log.write(numbered(1))
    log.write(numbered(2))
    log.flush()
    assert request_ids(await pipe.read()) == ["req-1", "req-2"]
    await log.close()


async def test_a_full_batch_does_not_wait(pipe: Pipe) -> None:
    log = RequestLog(pipe.stream, "json", Dropped(), flush_every=3600)
    for number in range(200):
        log.write(numbered(number))
    assert await pipe.read()
    pipe.hang_up()
    await log.close()


async def test_closing_loses_nothing_and_keeps_the_order(tmp_path: Path) -> None:
    dropped = Dropped()
    path = tmp_path / "requests.log"
    with path.open("wb", buffering=0) as stream:
        log = RequestLog(stream, "json", dropped)
        for number in range(5000):
            log.write(numbered(number))
        await log.close()
    data = await asyncio.to_thread(path.read_bytes)
    assert request_ids(data) == [f"req-{number}" for number in range(5000)]
    assert dropped.lines == 0


async def test_closing_a_log_that_was_never_written_to_ends(pipe: Pipe) -> None:
    await RequestLog(pipe.stream, "json", Dropped()).close()


async def test_a_blocked_stream_stops_nobody_and_what_does_not_fit_is_counted(pipe: Pipe) -> None:
    dropped = Dropped()
    log = RequestLog(pipe.stream, "json", dropped, limit=4 * PIPE_BYTES)
    written = 2000
    for number in range(written):
        log.write(numbered(number))
    assert 0 < dropped.lines < written
    kept = written - dropped.lines
    closing = asyncio.create_task(log.close())
    lines = await pipe.read_lines(kept)
    await closing
    assert request_ids(b"\n".join(lines)) == [f"req-{number}" for number in range(kept)]


async def test_a_stream_that_flows_again_takes_new_lines(pipe: Pipe) -> None:
    dropped = Dropped()
    log = RequestLog(pipe.stream, "json", dropped, limit=2 * PIPE_BYTES, flush_every=0.001)
    written = 0
    while dropped.lines == 0:
        log.write(numbered(written))
        written += 1
    await pipe.read_lines(written - 1)
    before = 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        while dropped.lines != before:  # the loop hears of a written batch a moment later
            before = dropped.lines
            log.write(numbered(written))
            await asyncio.sleep(0.001)
    assert f"req-{written}" in request_ids(await pipe.read())
    await log.close()


async def test_a_broken_stream_is_no_fault_and_its_lines_are_counted(pipe: Pipe) -> None:
    dropped = Dropped()
    log = RequestLog(pipe.stream, "json", dropped)
    pipe.hang_up()
    for number in range(10):
        log.write(numbered(number))
    await log.close()
    assert dropped.lines == 10


async def test_closing_gives_up_on_a_blocked_stream_and_counts_each_line_once(pipe: Pipe) -> None:
    dropped = Dropped()
    log = RequestLog(pipe.stream, "json", dropped)
    for number in range(400):
        log.write(numbered(number))
    await log.close(wait=0.05)
    given_up = dropped.lines
    assert given_up > 0
    pipe.hang_up()
    for thread in threading.enumerate():
        if thread.name == "request-log":
            await asyncio.to_thread(thread.join, 10)
    await asyncio.sleep(0)
    assert dropped.lines == given_up


async def test_a_line_after_the_end_is_dropped(pipe: Pipe) -> None:
    dropped = Dropped()
    log = RequestLog(pipe.stream, "json", dropped)
    await log.close()
    log.write(ANSWERED)
    assert dropped.lines == 1


async def test_a_stream_that_somebody_made_non_blocking_gets_every_line(pipe: Pipe) -> None:
    os.set_blocking(pipe.stream.fileno(), False)
    dropped = Dropped()
    log = RequestLog(pipe.stream, "json", dropped)
    for number in range(1000):
        log.write(numbered(number))
    closing = asyncio.create_task(log.close())
    lines = await pipe.read_lines(1000)
    await closing
    assert request_ids(b"\n".join(lines)) == [f"req-{number}" for number in range(1000)]
    assert dropped.lines == 0
