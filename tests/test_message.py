from __future__ import annotations

import pytest

from gateway.message import HeaderLines, WholeBody


async def test_a_whole_body_can_be_read_by_every_attempt_anew() -> None:
    body = WholeBody(b"abc")
    assert (body.length, body.complete, body.waiting) == (3, True, False)
    assert [body.read_available(), body.read_available()] == [b"abc", b"abc"]
    assert [await body.read(), await body.read()] == [b"abc", b""]
    assert body.taken == 3


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (b"X-A: 1", (b"X-A", b"1")),
        (b"X-A:1", (b"X-A", b"1")),
        (b"X-A: \t1 2\t ", (b"X-A", b"1 2")),
        (b"X-A:", (b"X-A", b"")),
        (b"X-A: a:b", (b"X-A", b"a:b")),
    ],
)
def test_a_header_line_is_taken_apart_when_somebody_asks(
    line: bytes, field: tuple[bytes, bytes]
) -> None:
    lines = HeaderLines([line])
    assert [*lines] == [field]
    assert [*lines] == [field]


def test_fields_become_lines_and_fields_again() -> None:
    fields = ((b"X-A", b"1"), (b"x-a", b""), (b"X-B", b"a: b"))
    assert tuple(HeaderLines.of(fields)) == fields
