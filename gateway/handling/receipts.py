"""What a caller is shown of a case: the receipt, the whole case, and the department's answer.

Room rule: as `gateway.handling`; pure functions on cases.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import orjson

from gateway.cases.transitions import is_over
from gateway.message import ServiceReply
from gateway.routing.model import KafkaMode

if TYPE_CHECKING:
    from gateway.cases.case import Answer, Case, Step

__all__ = ["CASES", "answer_reply", "case_document", "case_reply", "receipt"]

CASES: Final = "/cases/"

ASK_AGAIN: Final = 5
"""Seconds after which a caller may ask for the answer: `Retry-After` of a receipt."""

_JSON: Final = b"Content-Type: application/json\r\n"


def receipt(case: Case, fields: bytes = b"") -> ServiceReply:
    """Return the 202 that says where the request is; `fields` are further header lines."""
    path = CASES + case.id
    block = b"%bLocation: %b\r\n%b%b" % (
        _JSON,
        path.encode(),
        b"Retry-After: %d\r\n" % ASK_AGAIN
        if case.mode is KafkaMode.REPLY and not is_over(case)
        else b"",
        fields,
    )
    body = {
        "id": case.id,
        "service": case.service,
        "department": case.department,
        "state": case.state,
        "durability": case.durability,
        "topic": case.topic,
        "partition": case.partition,
        "offset": case.offset,
        "accepted_at": _time(case.accepted_at),
        "status_url": path,
    }
    return ServiceReply(202, block, orjson.dumps(body))


def case_reply(case: Case) -> ServiceReply:
    """Return the case as `GET /cases/{id}` shows it."""
    again = b"" if is_over(case) else b"Retry-After: %d\r\n" % ASK_AGAIN
    fields = _JSON + b"Cache-Control: no-store\r\n" + again
    return ServiceReply(200, fields, orjson.dumps(case_document(case)))


def case_document(case: Case) -> dict[str, object]:
    """Return all of a case that its channel may see."""
    document: dict[str, object] = {
        "id": case.id,
        "service": case.service,
        "department": case.department,
        "state": case.state,
        "durability": case.durability,
        "topic": case.topic,
        "partition": case.partition,
        "offset": case.offset,
        "accepted_at": _time(case.accepted_at),
        "updated_at": _time(case.updated_at),
        "possible_duplicate": case.possible_duplicate,
        "history": [_step(step) for step in case.history],
    }
    if case.answer is not None:
        document["answer"] = _answer(case.answer)
    return document


def answer_reply(answer: Answer, fields: bytes) -> ServiceReply:
    """Return a stored answer as the department gave it; `fields` are further header lines."""
    fields = answer.fields + fields
    if answer.content_type is not None:
        fields = b"Content-Type: %b\r\n%b" % (answer.content_type.encode("latin-1"), fields)
    return ServiceReply(answer.status, fields, answer.body)


def _step(step: Step) -> dict[str, object]:
    shown: dict[str, object] = {"state": step.state, "at": _time(step.at)}
    for name in ("durability", "version", "note", "rejected"):
        value = getattr(step, name)
        if value is not None:
            shown[name] = value
    return shown


def _answer(answer: Answer) -> dict[str, object]:
    shown: dict[str, object] = {"status": answer.status, "content_type": answer.content_type}
    if answer.content_encoding is not None:
        shown["content_encoding"] = answer.content_encoding
    try:
        shown["body"] = answer.body.decode()
    except UnicodeDecodeError:
        shown["body_base64"] = b64encode(answer.body).decode()
    return shown


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
