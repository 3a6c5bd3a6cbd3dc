from __future__ import annotations

import pytest

from gateway.errors import REPLY_MALFORMED, Fault
from gateway.kafka.profiles.echo import Echo
from tests.kafka.profiles.records import ACCEPT, DEADLINE, ID, NOW, REPLY, reply, request

PROFILE = Echo("example", "X-Correlation", "X-Reply-To", statuses=("X-Status",))


def test_a_reply_is_asked_for_by_the_two_names() -> None:
    made = dict(PROFILE.request_headers(REPLY, request(), event_id=ID, now=NOW, deadline=DEADLINE))
    assert made["X-Correlation"] == made["ce_id"] == ID.encode()
    assert made["X-Reply-To"] == b"hrss.pension.replies"


def test_a_receipt_asks_for_no_reply() -> None:
    made = PROFILE.request_headers(ACCEPT, request(), event_id=ID, now=NOW, deadline=DEADLINE)
    names = {name for name, _ in made}
    assert "ce_id" in names
    assert not names & {"X-Correlation", "X-Reply-To", "ce_expirytime"}


def test_a_record_that_still_has_the_reply_topic_is_a_request() -> None:
    asking = reply(("X-Correlation", ID.encode()), ("X-Reply-To", b"replies"))
    assert PROFILE.is_request(asking)
    assert not PROFILE.is_request(reply(("X-Correlation", ID.encode())))


def test_a_reply_has_a_status_by_its_own_name_or_by_ours() -> None:
    assert PROFILE.reply_of(reply(("X-Status", b"404"))).status == 404
    assert PROFILE.reply_of(reply(("ce_httpstatus", b"404"))).status == 404
    assert PROFILE.reply_of(reply()).status == 200
    with pytest.raises(Fault) as caught:
        PROFILE.reply_of(reply(("X-Status", b"gone")))
    assert caught.value.cause is REPLY_MALFORMED


def test_a_null_value_is_an_empty_body_of_no_type() -> None:
    answer = PROFILE.reply_of(reply(value=None))
    assert (answer.status, answer.fields, answer.body) == (200, b"", b"")
