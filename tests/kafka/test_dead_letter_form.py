"""The form of dead letters, byte for byte; people and numbers are made up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.kafka.dead_letter_form import (
    DeadLetter,
    Reason,
    dead_letter_record,
    dead_letter_topic,
    kept_letter,
    marker_of,
    redriven_marker,
    redriven_record,
    without_value,
)
from gateway.kafka.record import IncomingRecord, OutgoingRecord

NOW: Final = datetime(2024, 1, 31, 9, 30, tzinfo=UTC)
HEADERS: Final = (("ce_id", b"made-up-id"), ("ce_x", b"1"), ("ce_x", b"2"))
REPLY: Final = IncomingRecord("replies", 3, 258, b"key", b"value", HEADERS, 1706693400000)
REQUEST: Final = OutgoingRecord("case-id", "edu.pay", "requests", None, b"body", HEADERS)


def letter(record: IncomingRecord | OutgoingRecord, reason: Reason = Reason.REPLY_INVALID) -> Any:
    return DeadLetter(reason, "edu.pay", record, NOW)


def written(record: OutgoingRecord, offset: int = 7) -> IncomingRecord:
    """The record as it is read from its topic."""
    return IncomingRecord(record.topic, 1, offset, record.key, record.value, record.headers, 5)


def test_the_headers_are_those_of_spring_byte_for_byte() -> None:
    record = dead_letter_record(letter(REPLY))
    assert (record.topic, record.key, record.value) == ("replies.dlq", b"key", b"value")
    assert record.headers == (
        *HEADERS,
        ("kafka_dlt-original-topic", b"replies"),
        ("kafka_dlt-original-partition", b"\0\0\0\3"),
        ("kafka_dlt-original-offset", b"\0\0\0\0\0\0\1\2"),
        ("kafka_dlt-original-timestamp", b"\0\0\1\x8d\x5e\xda\x95\xc0"),
        ("kafka_dlt-original-timestamp-type", b"CreateTime"),
        ("kafka_dlt-exception-fqcn", b"reply_invalid"),
        ("kafka_dlt-exception-message", b"The reply breaks the service's schema."),
        ("gateway_dlt-service", b"edu.pay"),
    )


def test_the_brokers_own_time_is_named_as_such() -> None:
    record = dead_letter_record(letter(REPLY._replace(log_append_time=True)))
    assert ("kafka_dlt-original-timestamp-type", b"LogAppendTime") in record.headers


def test_a_record_of_the_gateway_has_no_place_but_its_event_id() -> None:
    headers = dict(dead_letter_record(letter(REQUEST, Reason.REFUSED)).headers)
    assert headers["gateway_dlt-event-id"] == b"case-id"
    assert not {name for name in headers if "partition" in name or "offset" in name}


def test_a_letter_has_an_event_id_of_its_own() -> None:
    one, other = (dead_letter_record(letter(REQUEST)).event_id for _ in range(2))
    assert len({one, other, "case-id"}) == 3


def test_a_detail_takes_the_place_of_the_reasons_words() -> None:
    record = dead_letter_record(DeadLetter(Reason.REFUSED, "-", REPLY, NOW, "made up"))
    assert ("kafka_dlt-exception-message", b"made up") in record.headers


def test_headers_of_an_earlier_letter_are_replaced() -> None:
    first = written(dead_letter_record(letter(REPLY)))
    names = [name for name, _ in dead_letter_record(letter(first)).headers]
    assert names.count("kafka_dlt-original-topic") == 1


@pytest.mark.parametrize("length", [1, 245, 246, 249])
def test_the_topic_of_the_letters_has_a_name_that_kafka_takes(length: int) -> None:
    name = dead_letter_topic("t" * length)
    assert name.endswith(".dlq")
    assert len(name) == min(length + 4, 249)
    assert dead_letter_topic("t" * (length - 1) + "u") != name


def test_a_letter_is_read_as_it_was_written() -> None:
    kept = kept_letter(written(dead_letter_record(letter(REPLY))))
    assert kept.reason == Reason.REPLY_INVALID
    assert (kept.topic, kept.partition, kept.offset) == ("replies", 3, 258)
    assert (kept.timestamp, kept.service) == (1706693400000, "edu.pay")
    assert kept.headers == HEADERS
    assert kept.obstacle is None


@pytest.mark.parametrize(
    ("headers", "event_id"),
    [
        ((("ce_id", b"own"), ("ce_correlationid", b"case")), "case"),
        ((("kafka_correlationId", b"\0\1"),), "0001"),
        ((("zilla:correlation-id", b"case"), ("ce_id", b"own")), "case"),
        ((("REPLY_CORRELATION_ID", b"case"), ("ce_id", b"own")), "case"),
        ((("correlation_id", b"case"), ("ce_id", b"own")), "case"),
        ((("zilla:other", b"other"),), None),
        ((("correlation-id", b"case"),), "case"),
        ((), None),
    ],
)
def test_the_event_id_of_a_reply_is_that_of_the_case(
    headers: tuple[tuple[str, bytes], ...], event_id: str | None
) -> None:
    assert kept_letter(REPLY._replace(headers=headers)).event_id == event_id


def test_a_redriven_record_is_the_original_and_says_that_it_is_sent_again() -> None:
    original = REPLY._replace(headers=(*HEADERS, ("ce_replayed", b"true")))
    record = redriven_record(kept_letter(written(dead_letter_record(letter(original)))))
    assert (record.topic, record.key, record.value) == ("replies", b"key", b"value")
    assert record.headers == (*HEADERS, ("ce_replayed", b"true"))


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (REPLY, "original topic"),
        (written(dead_letter_record(letter(REQUEST, Reason.CALLBACK))), "callback_undeliverable"),
        (written(dead_letter_record(letter(REQUEST, Reason.EXPIRED))), "case_expired"),
        (written(dead_letter_record(letter(REPLY._replace(value=None)))), "value"),
        (written(without_value(dead_letter_record(letter(REPLY)))), "value"),
    ],
)
def test_what_its_topic_does_not_expect_is_not_sent_again(
    record: IncomingRecord, text: str
) -> None:
    kept = kept_letter(record)
    assert kept.obstacle is not None
    assert text in kept.obstacle
    with pytest.raises(ValueError, match=text):
        redriven_record(kept)


def test_a_letter_without_its_value_keeps_all_else() -> None:
    record = without_value(dead_letter_record(letter(REPLY)))
    assert record.value == b""
    assert kept_letter(written(record)).headers == HEADERS


def test_a_marker_names_the_letter_and_nothing_about_a_person() -> None:
    marker = redriven_marker(kept_letter(written(dead_letter_record(letter(REPLY)), offset=9)))
    assert (marker.topic, marker.key, marker.value) == ("replies.dlq", None, b"")
    assert marker_of(written(marker)) == (1, 9)
    assert marker_of(REPLY) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["kafka_dlt-original-partition", "kafka_dlt-original-topic", "ce_id", "other",
                 "kafka_dlt-exception-fqcn", "gateway_dlt-redriven", "gateway_dlt-value"]
            ),
            st.binary(max_size=9),
        )
    )
)  # fmt: skip
def test_no_content_makes_reading_fail(headers: list[tuple[str, bytes]]) -> None:
    record = REPLY._replace(headers=tuple(headers))
    kept_letter(record)
    marker_of(record)
