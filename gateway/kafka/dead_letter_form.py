"""The form of a dead letter: a record as it was, and headers that say where it stood and why.

Room rule: pure functions. Names and encodings are those of Spring Kafka (`KafkaHeaders.DLT_*`,
written by `DeadLetterRecordManager`), so that its tools read ours and this one reads theirs; the
reason takes the place of the exception's class. No header quotes the record.

| header | value |
|---|---|
| `kafka_dlt-original-topic` | UTF-8 |
| `kafka_dlt-original-partition` | 4 bytes, big endian; of a record that was read |
| `kafka_dlt-original-offset`, `kafka_dlt-original-timestamp` | 8 bytes, big endian; as before |
| `kafka_dlt-original-timestamp-type` | `CreateTime` or `LogAppendTime` |
| `kafka_dlt-exception-fqcn` | the reason |
| `kafka_dlt-exception-message` | the reason in words |
| `gateway_dlt-service` | the service ID, `-` when it is not known |
| `gateway_dlt-event-id` | the id of the case; of a record that the gateway made |
| `gateway_dlt-value` | `null` or `left out`, when the value is not that of the record |
| `gateway_dlt-redriven` | marks a record that is no letter: `PARTITION:OFFSET` of one sent again |
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from gateway.kafka.record import IncomingRecord, OutgoingRecord, new_event_id

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.kafka.record import RecordHeaders

__all__ = [
    "SUFFIX",
    "DeadLetter",
    "KeptLetter",
    "Reason",
    "dead_letter_record",
    "dead_letter_topic",
    "kept_letter",
    "marker_of",
    "redriven_marker",
    "redriven_record",
    "without_value",
]

SUFFIX: Final = ".dlq"
LONGEST_TOPIC: Final = 249
"""Kafka's limit on the name of a topic (`Topic.MAX_NAME_LENGTH`)."""

_TOPIC: Final = "kafka_dlt-original-topic"
_PARTITION: Final = "kafka_dlt-original-partition"
_OFFSET: Final = "kafka_dlt-original-offset"
_TIMESTAMP: Final = "kafka_dlt-original-timestamp"
_TIMESTAMP_TYPE: Final = "kafka_dlt-original-timestamp-type"
_REASON: Final = "kafka_dlt-exception-fqcn"
_MESSAGE: Final = "kafka_dlt-exception-message"
_SERVICE: Final = "gateway_dlt-service"
_EVENT_ID: Final = "gateway_dlt-event-id"
_VALUE: Final = "gateway_dlt-value"
_REDRIVEN: Final = "gateway_dlt-redriven"
_PREFIXES: Final = ("kafka_dlt-", "gateway_dlt-")

_CASE_IDS: Final = (
    "cecorrelationid",
    "kafkacorrelationid",
    "replycorrelationid",
    "zillacorrelationid",
    "correlationid",
    "ceid",
)
"""Headers that may name the case, in any profile and the surest first, without case and marks."""

_REPLAYED: Final = "ce_replayed"
_NULL: Final = b"null"
_LEFT_OUT: Final = b"left out"
_PRINTABLE: Final = re.compile(rb"[\x21-\x7e]{1,128}")
_PLACE: Final = re.compile(r"([0-9]{1,10}):([0-9]{1,19})")


class Reason(StrEnum):
    """Why a record ended here; the words are an interface, as the codes of causes are."""

    REPLY_MALFORMED = "reply_malformed"
    REPLY_INVALID = "reply_invalid"
    REFUSED = "record_refused"
    EXPIRED = "case_expired"
    CALLBACK = "callback_undeliverable"

    @property
    def text(self) -> str:
        return _WORDS[self]


_WORDS: Final = {
    Reason.REPLY_MALFORMED: "The record is no reply in the form of the service's profile.",
    Reason.REPLY_INVALID: "The reply breaks the service's schema.",
    Reason.REFUSED: "The brokers refused the record for good after its receipt had been given.",
    Reason.EXPIRED: "No answer came for the case within its time.",
    Reason.CALLBACK: "The channel could not be told of a change of its case.",
}

_NOTES: Final = frozenset({Reason.EXPIRED, Reason.CALLBACK})
"""Reasons whose letters tell people about a case; their topic does not expect such a value."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that goes no further. `at` is when that was decided, in UTC.

    `service_id` is a service of the routes, or `-`. `detail` replaces the reason's text; like that
    it quotes nothing of the record.
    """

    reason: Reason
    service_id: str
    record: IncomingRecord | OutgoingRecord
    at: datetime
    detail: str | None = None


class KeptLetter(NamedTuple):
    """A letter as it was read from its topic; what its headers do not tell is None.

    `headers` are the record's own, without those of the letter. `reason` may be another writer's.
    `whole` is false when the value is not that of the record.
    """

    place: IncomingRecord
    reason: str
    message: str | None
    topic: str | None
    partition: int | None
    offset: int | None
    timestamp: int | None
    service: str | None
    event_id: str | None
    headers: RecordHeaders
    whole: bool

    @property
    def obstacle(self) -> str | None:
        """Why it cannot be sent again; None when it can."""
        if self.topic is None:
            return "it does not name its original topic"
        if not self.whole:
            return "its value was not kept"
        if self.reason in _NOTES:
            return f"it is a note for people ({self.reason}), not a record of its topic"
        return None


def dead_letter_topic(topic: str) -> str:
    """Return where the dead letters of `topic` go: `{topic}.dlq`.

    Of a name that would be too long for Kafka the end is replaced by eight digits of its SHA-256.
    """
    if len(topic) + len(SUFFIX) <= LONGEST_TOPIC:
        return topic + SUFFIX
    digits = sha256(topic.encode()).hexdigest()[:8]
    return f"{topic[: LONGEST_TOPIC - len(SUFFIX) - 9]}-{digits}{SUFFIX}"


def dead_letter_record(letter: DeadLetter) -> OutgoingRecord:
    """Return the record for the dead letter topic, with an event id of its own."""
    record = letter.record
    added = [(_TOPIC, record.topic.encode())]
    value = record.value
    if isinstance(record, IncomingRecord):
        added += _place_headers(record)
    else:
        added.append((_EVENT_ID, record.event_id.encode()))
    if value is None:
        value = b""
        added.append((_VALUE, _NULL))
    added += [
        (_REASON, letter.reason.encode()),
        (_MESSAGE, (letter.detail or letter.reason.text).encode()),
        (_SERVICE, letter.service_id.encode()),
    ]
    return OutgoingRecord(
        new_event_id(),
        letter.service_id,
        dead_letter_topic(record.topic),
        record.key,
        value,
        (*_own(record.headers), *added),
    )


def _place_headers(record: IncomingRecord) -> list[tuple[str, bytes]]:
    headers = [
        (_PARTITION, struct.pack(">i", record.partition)),
        (_OFFSET, struct.pack(">q", record.offset)),
    ]
    if record.timestamp is not None:
        kind = b"LogAppendTime" if record.log_append_time else b"CreateTime"
        headers += [(_TIMESTAMP, struct.pack(">q", record.timestamp)), (_TIMESTAMP_TYPE, kind)]
    return headers


def without_value(letter: OutgoingRecord) -> OutgoingRecord:
    """Return a letter that leaves its value out: with its headers it would be too large."""
    return letter._replace(value=b"", headers=(*letter.headers, (_VALUE, _LEFT_OUT)))


def kept_letter(record: IncomingRecord) -> KeptLetter:
    """Read a letter, this gateway's or Spring's; no content makes it fail."""
    found = {name: value for name, value in record.headers if name.startswith(_PREFIXES)}
    return KeptLetter(
        record,
        _text(found.get(_REASON)) or "-",
        _text(found.get(_MESSAGE)),
        _text(found.get(_TOPIC)),
        _integer(found.get(_PARTITION)),
        _integer(found.get(_OFFSET)),
        _integer(found.get(_TIMESTAMP)),
        _text(found.get(_SERVICE)),
        _text(found.get(_EVENT_ID)) or _event_id(record.headers),
        _own(record.headers),
        record.value is not None and _VALUE not in found,
    )


def redriven_record(letter: KeptLetter) -> OutgoingRecord:
    """Return the record as it was, for its original topic, marked as sent again.

    Raises `ValueError` for a letter that has an obstacle.
    """
    if letter.obstacle is not None or letter.topic is None or letter.place.value is None:
        raise ValueError(letter.obstacle)
    headers = tuple(header for header in letter.headers if header[0] != _REPLAYED)
    return OutgoingRecord(
        letter.event_id or "-",
        letter.service or "-",
        letter.topic,
        letter.place.key,
        letter.place.value,
        (*headers, (_REPLAYED, b"true")),
    )


def redriven_marker(letter: KeptLetter) -> OutgoingRecord:
    """Return the record that notes beside a letter that it was sent again."""
    place = letter.place
    mark = (_REDRIVEN, f"{place.partition}:{place.offset}".encode())
    return OutgoingRecord(new_event_id(), "-", place.topic, None, b"", (mark,))


def marker_of(record: IncomingRecord) -> tuple[int, int] | None:
    """Return partition and offset of the letter that `record` marks, None when it is no marker."""
    text = next((value for name, value in record.headers if name == _REDRIVEN), None)
    match = _PLACE.fullmatch(_text(text) or "")
    return None if match is None else (int(match[1]), int(match[2]))


def _own(headers: RecordHeaders) -> RecordHeaders:
    return tuple(header for header in headers if not header[0].startswith(_PREFIXES))


def _event_id(headers: RecordHeaders) -> str | None:
    values = {re.sub("[-_:]", "", name.lower()): value for name, value in headers}
    for name in _CASE_IDS:
        value = values.get(name)
        if value is not None:
            return value.decode() if _PRINTABLE.fullmatch(value) else value[:64].hex()
    return None


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")


def _integer(value: bytes | None) -> int | None:
    return None if value is None or len(value) not in (4, 8) else int.from_bytes(value, signed=True)
