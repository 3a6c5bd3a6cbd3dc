from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.kafka.record import IncomingRecord
from gateway.kafka.status_events import (
    MalformedStatusError,
    StatusEvent,
    is_status,
    status_event,
)

ID = "0" * 48
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def record(value: bytes | None, *headers: tuple[str, bytes]) -> IncomingRecord:
    return IncomingRecord("card.status", 0, 0, None, value, headers)


def read(value: bytes | None, *headers: tuple[str, bytes]) -> StatusEvent:
    return status_event(record(value, *headers), ID)


def test_everything_may_stand_in_the_value() -> None:
    said = (
        '{"state": "受理", "version": 3, "at": "2026-03-01T20:00:00+08:00",'
        ' "note": "材料齐全", "windows": 4}'
    ).encode()
    event = read(said)
    assert event == StatusEvent(ID, "card.status", "受理", 3, NOON, "材料齐全", record(said))


def test_everything_but_the_note_may_stand_in_headers() -> None:
    headers = (("ce_state", b"2"), ("CE_DataVersion", b"12"), ("ce_time", b"2026-03-01T12:00:00Z"))
    event = read(b"<accepted/>", *headers)
    assert (event.state, event.version, event.at, event.note) == ("2", 12, NOON, None)


def test_a_header_wins_over_the_value() -> None:
    event = read(b'{"state": "value", "version": 1}', ("ce_state", b"header"))
    assert (event.state, event.version) == ("header", 1)


@pytest.mark.parametrize(
    ("said", "state"), [(b"3", "3"), (b'"3"', "3"), (b"-1", "-1"), (b"0", "0")]
)
def test_a_state_may_be_a_number_and_is_its_text(said: bytes, state: str) -> None:
    assert read(b'{"state": ' + said + b"}").state == state


@pytest.mark.parametrize("said", [b'"17"', b"17"])
def test_a_version_is_a_whole_number_or_its_digits(said: bytes) -> None:
    assert read(b'{"state": "2", "version": ' + said + b"}").version == 17


def test_what_is_not_said_is_none() -> None:
    event = read(b'{"state": "2"}')
    assert (event.version, event.at, event.note) == (None, None, None)


def test_a_note_has_no_control_characters() -> None:
    assert read(b'{"state": "2", "note": "a\\u0000b\\u007fc"}').note == "a b c"


def test_a_note_that_is_no_text_is_left_out() -> None:
    assert read(b'{"state": "2", "note": {"a": 1}}').note is None


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (None, ()),
        (b"", ()),
        (b"{}", ()),
        (b"[1]", ()),
        (b"not json", ()),
        (b'{"state": null}', ()),
        (b'{"state": true}', ()),
        (b'{"state": 1.5}', ()),
        (b'{"state": ""}', ()),
        (b'{"state": ["2"]}', ()),
        (b'{"state": "' + b"x" * 65 + b'"}', ()),
        (b'{"state": "a\\nb"}', ()),
        (b"", (("ce_state", b"\xff"),)),
        (b"", (("ce_state", b"1"), ("ce_state", b"1"))),
        (b'{"state": "2", "version": -1}', ()),
        (b'{"state": "2", "version": 1.0}', ()),
        (b'{"state": "2", "version": true}', ()),
        (b'{"state": "2", "version": 9223372036854775808}', ()),
        (b'{"state": "2"}', (("ce_dataversion", b"v1"),)),
        (b'{"state": "2", "at": "yesterday"}', ()),
        (b'{"state": "2", "at": "2026-03-01T12:00:00"}', ()),
        (b'{"state": "2", "at": 1772366400}', ()),
        (b'{"state": "2", "at": "0001-01-01T00:00:00+08:00"}', ()),
    ],
)
def test_what_has_another_form_is_malformed(
    value: bytes | None, headers: tuple[tuple[str, bytes], ...]
) -> None:
    with pytest.raises(MalformedStatusError):
        read(value, *headers)


@given(
    st.one_of(st.none(), st.binary(max_size=60), st.from_regex(rb'\{"state": .{0,30}\}')),
    st.lists(
        st.tuples(
            st.sampled_from(["ce_state", "ce_dataversion", "ce_time", "x"]), st.binary(max_size=30)
        ),
        max_size=4,
    ),
)
def test_no_record_raises_anything_else(
    value: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    try:
        event = read(value, *headers)
    except MalformedStatusError as error:
        reason = str(error)
    else:
        reason = ""
        assert 1 <= len(event.state) <= 64
    assert reason.isascii()


def test_a_status_event_is_told_from_a_reply_by_its_header() -> None:
    assert is_status(record(None, ("Ce_State", b"2")))
    assert not is_status(record(b'{"state": "2"}', ("ce_correlationid", ID.encode())))
