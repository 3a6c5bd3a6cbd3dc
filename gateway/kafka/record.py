"""Records as values: what goes to a topic, what the brokers confirm, what comes from a topic.

Room rule: no library's type in a signature, so that profiles and tests need no broker.
"""

from __future__ import annotations

import os
from typing import NamedTuple

__all__ = ["Acknowledged", "IncomingRecord", "OutgoingRecord", "RecordHeaders", "new_event_id"]

RecordHeaders = tuple[tuple[str, bytes], ...]
"""Record headers in order; Kafka allows a name more than once."""


class OutgoingRecord(NamedTuple):
    """One record to produce. Without a `key` the partition is left to chance.

    `value` is never null: a null value is a tombstone, which deletes its key on a compacted topic.
    `service_id` is for metrics; `event_id` is the record's `ce_id`, whatever the profile calls it.
    """

    event_id: str
    service_id: str
    topic: str
    key: bytes | None
    value: bytes
    headers: RecordHeaders


class Acknowledged(NamedTuple):
    """All in-sync replicas have the record.

    `offset` is None when the brokers know that they have it but no longer where: a repeated batch
    whose first acknowledgement was lost long ago (`DUPLICATE_SEQUENCE_NUMBER`).
    """

    topic: str
    partition: int
    offset: int | None


class IncomingRecord(NamedTuple):
    """One record read from a topic; `value` is None for a null value.

    `timestamp` is in milliseconds since 1970; `log_append_time` tells whether the broker set it.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: RecordHeaders
    timestamp: int | None = None
    log_append_time: bool = False


def new_event_id() -> str:
    """Return 128 random bits from the system's generator as 32 hexadecimal digits."""
    return os.urandom(16).hex()
