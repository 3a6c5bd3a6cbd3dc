"""A record of the library as a value of this room.

Room rule: as `gateway.kafka`; a header without a value is one with an empty value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.kafka.record import IncomingRecord

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

__all__ = ["incoming_record"]


def incoming_record(record: ConsumerRecord) -> IncomingRecord:
    """Return what was read, with its place and its time."""
    return IncomingRecord(
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.value,
        tuple((name, value or b"") for name, value in record.headers),
        record.timestamp,
        bool(record.timestamp_type),
    )
