from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from gateway.http.answers import Dates, chunk, is_bodiless, status_line


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (200, b"HTTP/1.1 200 OK\r\n"),
        (413, b"HTTP/1.1 413 Content Too Large\r\n"),
        (414, b"HTTP/1.1 414 URI Too Long\r\n"),
        (431, b"HTTP/1.1 431 Request Header Fields Too Large\r\n"),
        (299, b"HTTP/1.1 299 Unknown\r\n"),
    ],
)
def test_a_status_line_has_our_own_phrase(status: int, line: bytes) -> None:
    assert status_line(status) == line


@pytest.mark.parametrize(
    ("method", "status", "bodiless"),
    [("HEAD", 200, True), ("GET", 204, True), ("GET", 304, True), ("GET", 200, False),
     ("POST", 205, False), ("GET", 404, False)],
)  # fmt: skip
def test_which_answers_have_no_body(method: str, status: int, *, bodiless: bool) -> None:
    assert is_bodiless(method, status) is bodiless


def test_a_chunk_has_its_size_in_hexadecimal() -> None:
    assert chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"


def test_a_date_is_now_and_is_formatted_once_a_second() -> None:
    dates = Dates()
    line = dates.line(7.1)
    told = parsedate_to_datetime(line.decode().removeprefix("Date: "))
    assert abs(datetime.now(UTC) - told) < timedelta(seconds=2)
    assert line.endswith(b" GMT\r\n")
    assert dates.line(7.9) is line
    assert dates.line(8.0) is not line
