"""Dead letters as text; what they hold is made up."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from gateway.cli.dead_letter_texts import letter_text, list_text, listed, redriven_text, shown
from gateway.kafka.dead_letter_form import DeadLetter, Reason, dead_letter_record, kept_letter
from gateway.kafka.record import IncomingRecord

if TYPE_CHECKING:
    from gateway.kafka.dead_letter_form import KeptLetter

PERSON: Final = "made-up-citizen"
REPLY: Final = IncomingRecord(
    "replies",
    3,
    258,
    PERSON.encode(),
    json.dumps({"name": PERSON}).encode(),
    (("ce_correlationid", b"case"), ("ce_httppath", PERSON.encode()), ("x", b"\xff")),
    1706693400000,
)


@dataclass
class Found:
    letters: list[KeptLetter]
    total: int
    sent_again: set[tuple[int, int]] = field(default_factory=set)
    complete: bool = True


def kept() -> KeptLetter:
    at = datetime(2024, 1, 31, tzinfo=UTC)
    record = dead_letter_record(DeadLetter(Reason.REPLY_INVALID, "edu.pay", REPLY, at))
    return kept_letter(
        IncomingRecord(record.topic, 0, 7, record.key, record.value, record.headers, 1706693401500)
    )


def test_a_list_tells_where_when_and_why_without_contents() -> None:
    document = listed("replies.dlq", Found([kept()], 3, {(0, 7)}))
    assert document["letters"] == [
        {
            "place": "0:7",
            "time": "2024-01-31T09:30:01.500Z",
            "reason": "reply_invalid",
            "service": "edu.pay",
            "original_topic": "replies",
            "event_id": "case",
            "key": "<15 bytes>",
            "sent_again": True,
        }
    ]
    text = list_text(document)
    assert text.startswith("replies.dlq: 3 in all, 2 not shown (--limit)\n")
    head, row = text.splitlines()[1:]
    assert row.split()[:5] == [
        "0:7",
        "2024-01-31T09:30:01.500Z",
        "reply_invalid",
        "replies",
        "case",
    ]
    assert head.index("reason") == row.index("reply_invalid")
    assert PERSON not in text


def test_a_topic_without_letters_says_so() -> None:
    assert list_text(listed("a.dlq", Found([], 0))) == "a.dlq: no dead letters\n"


def test_a_letter_is_shown_masked_unless_it_is_asked_for_otherwise() -> None:
    masked = letter_text(shown(kept(), unmasked=False))
    assert PERSON not in masked
    assert '"name": "<string of 15>"' in masked
    assert "ce_correlationid: case" in masked
    assert "offset: 258" in masked
    plain = shown(kept(), unmasked=True)
    assert plain["key"] == PERSON
    assert plain["headers"] == {"ce_correlationid": "case", "ce_httppath": PERSON, "x": "ff"}
    assert json.loads(plain["value"]) == {"name": PERSON}
    assert PERSON in letter_text(plain)


def test_what_was_sent_again_is_told_one_by_one_and_in_all() -> None:
    results = [
        {"place": "0:1", "sent": True, "topic": "t", "partition": 2, "offset": 3, "event_id": "e"},
        {"place": "0:2", "sent": False, "why": "its value was not kept"},
    ]
    assert redriven_text("t.dlq", results) == (
        "0:1 sent to t 2:3, event e\n"
        "0:2 not sent; its value was not kept\n"
        "t.dlq: 1 of 2 letters sent again\n"
    )


def test_another_writers_words_are_masked_for_they_may_quote_the_record() -> None:
    headers = (
        ("kafka_dlt-original-topic", b"replies"),
        ("kafka_dlt-exception-fqcn", b"made.up.DeserializationException"),
        ("kafka_dlt-exception-message", f"cannot read {PERSON}".encode()),
    )
    letter = kept_letter(IncomingRecord("replies.dlq", 0, 7, None, b"", headers, 1706693401500))
    assert PERSON not in letter_text(shown(letter, unmasked=False))
    assert PERSON in letter_text(shown(letter, unmasked=True))


def test_a_time_that_is_not_in_milliseconds_is_no_time() -> None:
    place = REPLY._replace(topic="replies.dlq", timestamp=1_706_693_400_000_000_000)
    assert shown(kept_letter(place), unmasked=False)["time"] is None
