"""The key of a record: the value of the request that keeps one citizen's or case's order.

Room rule: pure functions. The value may identify a person: it goes into the record and nowhere
else, so faults name the header or parameter and never what it held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from gateway.errors import RECORD_KEY_MISSING, Fault, Text
from gateway.routing.model import KeySource

if TYPE_CHECKING:
    from gateway.message import RawHeaders
    from gateway.routing.model import KeyRule

__all__ = ["record_key"]


def record_key(rule: KeyRule | None, headers: RawHeaders, query: str) -> bytes | None:
    """Return the key that `rule` asks for, None without a rule.

    A header's value is taken as it came; a query parameter's is percent-decoded with `+` as a
    blank. Raises `Fault` (`record_key_missing`) unless the header or parameter is there exactly
    once, is not empty and, in a query, is UTF-8.
    """
    if rule is None:
        return None
    if rule.source is KeySource.HEADER:
        name = rule.name.lower().encode("ascii", "replace")
        values = [value.strip() for field, value in headers if field.lower() == name]
    else:
        values = _parameters(query, rule.name)
    if len(values) != 1:
        raise _refusal(rule, "more than once" if values else "not at all")
    if not values[0]:
        raise _refusal(rule, "without a value")
    return values[0]


def _parameters(query: str, name: str) -> list[bytes]:
    wanted = name.encode()
    pairs = (pair.partition("=") for pair in query.split("&"))
    return [_utf8(_decoded(value)) for field, _, value in pairs if _decoded(field) == wanted]


def _decoded(text: str) -> bytes:
    return unquote_to_bytes(text.replace("+", " ").encode("utf-8", "surrogateescape"))


def _utf8(value: bytes) -> bytes:
    """Return `value`, or nothing when it is not UTF-8: no consumer could read such a key."""
    try:
        value.decode()
    except UnicodeDecodeError:
        return b""
    return value


_KINDS = {
    KeySource.HEADER: Text("header", "请求头"),
    KeySource.QUERY: Text("query parameter", "查询参数"),
}
_HOW = {
    "not at all": Text("is missing", "缺失"),
    "more than once": Text("is there more than once", "出现多次"),
    "without a value": Text("has no readable value", "没有可用的值"),
}


def _refusal(rule: KeyRule, how: str) -> Fault:
    kind, state = _KINDS[rule.source], _HOW[how]
    detail = Text(
        f"The {kind.en} {rule.name} {state.en}; send it once, with a value.",
        f"{kind.zh} {rule.name} {state.zh}；请提供一次且带有值。",
    )
    return Fault(RECORD_KEY_MISSING, detail=detail)
