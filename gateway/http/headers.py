"""Header rules on raw bytes: what ends here and what goes on (RFC 9110 §7.6).

Room rule: as `gateway.http`. Each message's headers are walked once. Which names the gateway
itself consumes is told by the caller of this module; hop-by-hop names are HTTP's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from gateway import errors
from gateway.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.message import RawHeaders

__all__ = ["HeaderRules", "SortedHeaders", "answer_fields", "request_head"]

_PASS: Final = 0
_DROP: Final = 1
_CONSUME: Final = 2
_CODING: Final = 3
_CONNECTION: Final = 4
_DATE: Final = 5

_HOP_BY_HOP: Final = (
    b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"te",
    b"trailer", b"upgrade", b"content-length",
)  # fmt: skip

_ORDINARY: Final = (  # no rule concerns them; listed so that one lookup tells
    b"accept", b"accept-encoding", b"accept-language", b"accept-ranges", b"age", b"allow",
    b"authorization", b"cache-control", b"content-encoding", b"content-language", b"content-type",
    b"cookie", b"etag", b"expires", b"if-modified-since", b"if-none-match",
    b"last-modified", b"location", b"origin", b"pragma", b"range", b"referer", b"server",
    b"set-cookie", b"user-agent", b"vary",
)  # fmt: skip

_PLAIN_CONNECTION: Final = frozenset((b"keep-alive", b"close", b"Keep-Alive", b"Close", b""))


class SortedHeaders(NamedTuple):
    """`passed` is the block of lines for the other side; `consumed` what the gateway keeps.

    A consumed name that came twice is in `repeated` as well, with its values joined by a comma.
    """

    passed: bytes
    consumed: dict[bytes, bytes]
    repeated: frozenset[bytes]


class HeaderRules:
    """Sorts request headers into those passed on and those consumed.

    `consumed` are lower-case names; names that begin with `reserved` are dropped, so that nobody
    outside can speak in the gateway's own name.
    """

    def __init__(self, consumed: Iterable[bytes], reserved: bytes) -> None:
        self._actions = _actions(consumed)
        self._reserved = reserved

    def sort(self, headers: RawHeaders) -> SortedHeaders:
        """Walk the headers once; raises `Fault` for codings and names that are refused."""
        actions = self._actions
        passed: list[bytes] = []
        consumed: dict[bytes, bytes] = {}
        repeated: frozenset[bytes] = frozenset()
        for name, value in headers:
            action = actions.get(name)
            if action is None:
                action = self._unlisted(name)
            if action == _PASS:
                passed += (name, b": ", value, b"\r\n")
            elif action == _CONSUME:
                lower = name.lower()
                if lower in consumed:
                    repeated |= {lower}
                    value = consumed[lower] + b", " + value  # noqa: PLW2901  # the joined value
                consumed[lower] = value
            elif action == _CODING:
                _check_coding(value)
            elif action == _CONNECTION and value not in _PLAIN_CONNECTION:
                return self.sort(_without_named(headers))
        return SortedHeaders(b"".join(passed), consumed, repeated)

    def _unlisted(self, name: bytes) -> int:
        lower = name.lower()
        action = self._actions.get(lower)
        if action is not None:
            return action
        if b"_" in name:
            # Many systems read X_Api_Key and X-Api-Key as one name: a way around every rule.
            raise Fault(errors.HEADER_REFUSED, detail=_UNDERSCORE)
        return _DROP if lower.startswith(self._reserved) else _PASS


_UNDERSCORE: Final = errors.Text(
    "Header names with an underscore are refused; use a hyphen.",
    "请求头名称不得含下划线，请改用连字符。",
)


def answer_fields(headers: RawHeaders) -> tuple[bytes, bool]:
    """Return the end-to-end lines of a department's answer, and whether it bears a `Date`.

    Raises `Fault` when a line is unsafe to hand on.
    """
    actions = _ANSWER_ACTIONS
    passed: list[bytes] = []
    dated = False
    for name, value in headers:
        action = actions.get(name)
        if action is None:
            action = actions.get(name.lower(), _PASS)
        if action == _PASS:
            passed += (name, b": ", value, b"\r\n")
        elif action == _DATE:
            dated = True
            passed += (name, b": ", value, b"\r\n")
        elif action == _CODING:
            if value.lower() != b"chunked":
                raise Fault(errors.ANSWER_MALFORMED, may_have_been_sent=True)
        elif action == _CONNECTION and value not in _PLAIN_CONNECTION:
            return answer_fields(_without_named(headers))
    return b"".join(passed), dated


def request_head(method: str, target: str, host_field: bytes, *fields: bytes) -> bytes:
    """Return request line and header lines, without the end of the head."""
    line = f"{method} {target} HTTP/1.1\r\n".encode("latin-1")
    return b"".join((line, host_field, *fields))


def _without_named(headers: RawHeaders) -> RawHeaders:
    """Drop every `Connection` field and all that they name (RFC 9110 §7.6.1)."""
    named = {b"connection"}
    for name, value in headers:
        if name.lower() == b"connection":
            named |= {token.strip().lower() for token in value.split(b",")}
    # What a caller names is for the next hop only, which is us: framing stays what it is.
    named -= {b"content-length", b"transfer-encoding", b"host"}
    return tuple(field for field in headers if field[0].lower() not in named)


def _check_coding(value: bytes) -> None:
    if value.lower() != b"chunked":
        raise Fault(errors.MALFORMED_REQUEST)


def _actions(consumed: Iterable[bytes]) -> dict[bytes, int]:
    actions = dict.fromkeys(_ORDINARY, _PASS) | dict.fromkeys(_HOP_BY_HOP, _DROP)
    actions |= {b"transfer-encoding": _CODING, b"connection": _CONNECTION}
    actions |= dict.fromkeys(consumed, _CONSUME)
    return actions | {name.title(): action for name, action in actions.items()}


_ANSWER_ACTIONS: Final = _actions(()) | {b"date": _DATE, b"Date": _DATE}
