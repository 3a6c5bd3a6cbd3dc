"""Reading reply records: the id they answer, their status, the fields and body for the caller.

Room rule: as `gateway.kafka.profiles`. Header names are compared without regard to case.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import orjson

from gateway.errors import REPLY_MALFORMED, Fault, Text
from gateway.message import ServiceReply

if TYPE_CHECKING:
    from gateway.kafka.record import RecordHeaders

__all__ = ["STATUS", "answer", "header_values", "only_id", "status", "typed"]

STATUS: Final = "ce_httpstatus"
"""How a reply names its status in every profile, beside what its framework has for that."""

ANSWERED_WITH: Final = (
    "content-type",
    "content-encoding",
    "content-language",
    "cache-control",
    "etag",
    "last-modified",
    "location",
)
"""Headers of a reply record that become headers of the answer."""

WITHOUT_CONTENT: Final = (204, 205, 304)
"""RFC 9110, 15.3.5, 15.3.6 and 15.4.5: answers that have no content."""

_FIELD_VALUE: Final = re.compile(rb"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")
_STATUS: Final = re.compile(rb"[2-5][0-9][0-9]")
_ID: Final = re.compile(rb"[\x21-\x7e]{1,128}")
_JSON_BEGINS: Final = (b"{", b"[", b'"')


def only_id(headers: RecordHeaders, name: str) -> str | None:
    """Return the id in the header `name`; None when there is none, no printable one, or two ids.

    The same id twice is one: a service may copy the header and its framework copy it again.
    """
    values = set(header_values(headers, name))
    value = values.pop() if len(values) == 1 else b""
    return value.decode("ascii") if _ID.fullmatch(value) else None


def status(headers: RecordHeaders, *names: str, default: int = 200) -> int:
    """Return the status that one of `names` or `ce_httpstatus` gives, else `default`.

    Raises `Fault` (`reply_malformed`) when it is no number of 200-599 or is given twice.
    """
    values = [value for name in (STATUS, *names) for value in header_values(headers, name)]
    if not values:
        return default
    if len(values) != 1 or not _STATUS.fullmatch(values[0]):
        named = " / ".join((STATUS, *names))
        raise _malformed(named, "one number from 200 to 599", "200 至 599 的一个数字")
    return int(values[0])


def answer(headers: RecordHeaders, code: int, body: bytes) -> ServiceReply:
    """Return the answer of status `code` with `body` and the fields that `headers` have for it.

    Raises `Fault` (`reply_malformed`) when a header that goes to the caller is there twice or is
    no field value of RFC 9110 (5.5).
    """
    fields = [(name, value) for name in ANSWERED_WITH for value in _field_values(headers, name)]
    if code in WITHOUT_CONTENT:
        fields = [field for field in fields if not field[0].startswith("content-")]
        body = b""
    block = b"".join(b"%b: %b\r\n" % (name.encode(), value) for name, value in fields)
    return ServiceReply(code, block, body)


def typed(headers: RecordHeaders, body: bytes) -> RecordHeaders:
    """Return `headers` with a content type: the one they name, else the one `body` looks like.

    For frameworks whose replies do not say it, or say it with an empty header (FastStream, for
    bytes). Encoded content looks like nothing and gets none.
    """
    named = [value for value in header_values(headers, "content-type") if value]
    if named:
        return headers
    others = tuple(header for header in headers if header[0].lower() != "content-type")
    if not body or header_values(headers, "content-encoding"):
        return others
    return (*others, ("content-type", _type_of(body)))


def header_values(headers: RecordHeaders, name: str) -> list[bytes]:
    """Return the values of all headers of that name."""
    wanted = name.lower()
    return [value for name, value in headers if name.lower() == wanted]


def _type_of(body: bytes) -> bytes:
    if body.startswith(_JSON_BEGINS) and _is_json(body):
        return b"application/json"
    try:
        body.decode()
    except UnicodeDecodeError:
        return b"application/octet-stream"
    return b"text/plain; charset=utf-8"


def _is_json(body: bytes) -> bool:
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return True


def _field_values(headers: RecordHeaders, name: str) -> list[bytes]:
    values = [value.strip(b" \t") for value in header_values(headers, name)]
    if len(values) > 1 or not all(_FIELD_VALUE.fullmatch(value) for value in values):
        raise _malformed(name, "one HTTP field value", "一个合法的 HTTP 字段值")
    return values


def _malformed(name: str, expected_en: str, expected_zh: str) -> Fault:
    detail = Text(
        f"The record header {name} of the department's reply is not {expected_en}.",
        f"该部门答复记录的 {name} 头不是{expected_zh}。",
    )
    return Fault(REPLY_MALFORMED, may_have_been_sent=True, detail=detail)
