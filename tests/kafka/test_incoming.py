"""Records as they come out of the library."""

from __future__ import annotations

from aiokafka import ConsumerRecord

from gateway.kafka.incoming import incoming_record
from gateway.kafka.record import IncomingRecord


def test_a_record_keeps_its_place_its_time_and_its_headers() -> None:
    read = ConsumerRecord(
        topic="cards",
        partition=3,
        offset=17,
        timestamp=1_772_000_000_000,
        timestamp_type=1,
        key=b"k",
        value=None,
        checksum=None,
        serialized_key_size=1,
        serialized_value_size=-1,
        headers=(("a", b"1"), ("empty", None)),
    )
    assert incoming_record(read) == IncomingRecord(
        "cards",
        3,
        17,
        b"k",
        None,
        (("a", b"1"), ("empty", b"")),
        1_772_000_000_000,
        log_append_time=True,
    )
