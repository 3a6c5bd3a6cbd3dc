"""From a department's reply to the answer that a case keeps.

Room rule: as `gateway.handling`; pure functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.cases.case import Answer, State
from gateway.cases.transitions import CaseEvent
from gateway.errors import Fault, Text, Violation

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.message import ServiceReply
    from gateway.policies.payload_schema import PayloadCheck

__all__ = ["answer_event", "check_reply"]

_ENCODED: Final = Violation(
    "",
    "contentEncoding",
    Text("must not be compressed: its schema is checked", "不得压缩：需按数据格式校验"),
)


def answer_event(reply: ServiceReply, at: datetime, sent: CaseEvent | None = None) -> CaseEvent:
    """Return the event of an answer; `sent` is what is known of the request's record."""
    body = reply.body if isinstance(reply.body, bytes) else b""
    content_type, fields = _split(reply.fields)
    answer = Answer(reply.status, content_type, body, fields)
    if sent is None:
        return CaseEvent(State.ANSWERED, at, answer=answer)
    return CaseEvent(
        State.ANSWERED,
        at,
        place=sent.place,
        durability=sent.durability,
        possible_duplicate=sent.possible_duplicate,
        answer=answer,
    )


def check_reply(check: PayloadCheck | None, reply: ServiceReply) -> None:
    """Raise `Fault` (`reply_invalid`) when a successful reply breaks the service's schema."""
    if check is None or reply.status >= 300 or not isinstance(reply.body, bytes):
        return
    content_type, fields = _split(reply.fields)
    answer = Answer(reply.status, content_type, reply.body, fields)
    if answer.content_encoding not in (None, "identity"):
        raise Fault(errors.REPLY_INVALID, may_have_been_sent=True, violations=(_ENCODED,))
    violations = check.problems(
        reply.body, None if content_type is None else content_type.encode("latin-1")
    )
    if violations:
        raise Fault(errors.REPLY_INVALID, may_have_been_sent=True, violations=violations)


def _split(fields: bytes) -> tuple[str | None, bytes]:
    """Return the content type, and the other header lines as they are."""
    content_type, others = None, b""
    for line in fields.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-type":
            content_type = value.strip().decode("latin-1")
        elif line:
            others += line + b"\r\n"
    return content_type, others
