"""Header rules on raw bytes: what ends here and what goes on (RFC 9110 §7.6).

Room rule: as `gateway.http`. Each message's headers are walked once. Which names the gateway
itself consumes is told by the caller of this module; hop-by-hop names are HTTP's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.errors import Fault
from gateway.message import HeaderLines

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
    b"trailer", b"upgrade", b"http2-settings", b"content-length",
)  # fmt: skip

_ORDINARY: Final = (  # no rule concerns them; listed so that one lookup tells
    b"accept", b"accept-encoding", b"accept-language", b"accept-ranges", b"age", b"allow",
    b"authorization", b"cache-control", b"content-encoding", b"content-language", b"content-type",
    b"cookie", b"etag", b"expires", b"if-modified-since", b"if-none-match",
    b"last-modified", b"location", b"origin", b"pragma", b"range", b"referer", b"server",
    b"set-cookie", b"user-agent", b"vary",
)  # fmt: skip

_FRAMING: Final = frozenset((b"content-length", b"transfer-encoding", b"host"))
"""What `Connection` cannot take away: the framing stays what the parser has read."""

_PLAIN_CONNECTION: Final = frozenset((b"keep-alive", b"close", b"Keep-Alive", b"Close", b""))


class SortedHeaders:
    """`passed` is the block of lines for the other side; `consumed` what the gateway keeps.

    A consumed name that came twice is in `repeated` as well, with its values joined by a comma.
    """

    __slots__ = ("consumed", "passed", "repeated")

    def __init__(
        self, passed: bytes, consumed: dict[bytes, bytes], repeated: frozenset[bytes]
    ) -> None:
        self.passed: Final = passed
        self.consumed: Final = consumed
        self.repeated: Final = repeated


class HeaderRules:
    """Sorts request headers into those passed on and those consumed.

    `consumed` are lower-case names; other names that begin with one of `reserved` are dropped, so
    that nobody outside can speak in the gateway's own name.
    """

    def __init__(self, consumed: Iterable[bytes], reserved: tuple[bytes, ...]) -> None:
        self._actions = _actions(consumed)
        self._reserved = reserved
        # `Connection` names what is for the next hop only. For what is consumed here that is us.
        self._never_named = _FRAMING.union(consumed)

    def sort(self, headers: RawHeaders) -> SortedHeaders:
        """Walk the headers once; raises `Fault` for codings and names that are refused."""
        actions = self._actions
        passed: list[bytes] = []
        consumed: dict[bytes, bytes] = {}
        repeated: frozenset[bytes] = frozenset()
        coded = False
        for line in _lines(headers):
            name, _, rest = line.partition(b":")
            action = actions.get(name)
            if action is None:
                action = self._unlisted(name)
            if action == _PASS:
                passed.append(line)
            elif action == _CONSUME:
                lower = name.lower()
                value = rest.strip(b" \t")
                if lower in consumed:
                    repeated |= {lower}
                    value = consumed[lower] + b", " + value
                consumed[lower] = value
            elif action == _CODING:
                if coded or not _is_chunked(line):
                    raise Fault(errors.MALFORMED_REQUEST)
                coded = True
            elif action == _CONNECTION and not _is_plain(line):
                return self.sort(_without_named(headers, self._never_named))
        return SortedHeaders(_block(passed), consumed, repeated)

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
    dated = coded = False
    for line in _lines(headers):
        name = line.partition(b":")[0]
        action = actions.get(name)
        if action is None:
            action = actions.get(name.lower(), _PASS)
        if action == _PASS:
            passed.append(line)
        elif action == _DATE:
            dated = True
            passed.append(line)
        elif action == _CODING:
            if coded or not _is_chunked(line):
                raise Fault(errors.ANSWER_MALFORMED, may_have_been_sent=True)
            coded = True
        elif action == _CONNECTION and not _is_plain(line):
            return answer_fields(_without_named(headers, _FRAMING))
    return _block(passed), dated


def _is_chunked(line: bytes) -> bool:
    return line.partition(b":")[2].strip(b" \t").lower() == b"chunked"


def _is_plain(line: bytes) -> bool:
    """Whether a `Connection` line names no header."""
    return line.partition(b":")[2].strip(b" \t") in _PLAIN_CONNECTION


def _lines(headers: RawHeaders) -> list[bytes]:
    return headers.lines if isinstance(headers, HeaderLines) else HeaderLines.of(headers).lines


def _block(lines: list[bytes]) -> bytes:
    """Every line ended, so that blocks can be put one behind the other."""
    lines.append(b"")
    return b"\r\n".join(lines)


def request_head(
    method: str, target: str, host_field: bytes, fields: bytes, more_fields: bytes
) -> bytes:
    """Return request line and header lines, without the end of the head."""
    line = f"{method} {target} HTTP/1.1\r\n".encode("latin-1")
    return b"%b%b%b%b" % (line, host_field, fields, more_fields)


def _without_named(headers: RawHeaders, never: frozenset[bytes]) -> RawHeaders:
    """Drop every `Connection` field and all that they name (RFC 9110 §7.6.1) but for `never`."""
    named = {b"connection"}
    for name, value in headers:
        if name.lower() == b"connection":
            named |= {token.strip().lower() for token in value.split(b",")}
    named -= never
    return tuple(field for field in headers if field[0].lower() not in named)


def _actions(consumed: Iterable[bytes]) -> dict[bytes, int]:
    actions = dict.fromkeys(_ORDINARY, _PASS) | dict.fromkeys(_HOP_BY_HOP, _DROP)
    actions |= {b"transfer-encoding": _CODING, b"connection": _CONNECTION}
    actions |= dict.fromkeys(consumed, _CONSUME)
    return actions | {name.title(): action for name, action in actions.items()}


_ANSWER_ACTIONS: Final = _actions(()) | {
    b"date": _DATE, b"Date": _DATE,
    # The caller is told the gateway's own; two would leave open which one to report.
    b"x-request-id": _DROP, b"X-Request-Id": _DROP,
}  # fmt: skip
