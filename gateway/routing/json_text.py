"""JSON files: the value, or what is wrong with the text and where; and where a part of it stands.

Room rule: pure functions. Lines and columns count from 1; columns are characters.
Source: RFC 8259.
"""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from gateway.errors import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["MAX_DEPTH", "JsonFault", "place_in", "read_json"]

MAX_DEPTH: Final = 100
"""Levels of arrays and objects in each other."""

_BLANK: Final = re.compile(r"[ \t\n\r]*")
_NO_NUMBER: Final = re.compile(r'"(?:\\.|[^"\\])*"|(-?Infinity|NaN)', re.DOTALL)
_DECODER: Final = json.JSONDecoder()

_SENTENCES: Final = (
    ("Expecting value", Text("a value is missing or not well formed", "缺少值或值的写法有误")),
    ("Expecting ','", Text("a comma or the closing bracket is missing", "缺少逗号或右括号")),
    ("Expecting ':'", Text("a colon is missing behind the name", "名称后缺少冒号")),
    (
        "Expecting property name",
        Text("a name in double quotes is wanted", "此处应为双引号中的名称"),
    ),
    ("Illegal trailing comma", Text("a comma stands before a bracket", "右括号前有多余的逗号")),
    ("Extra data", Text("something stands behind the end", "结尾之后还有内容")),
    ("Unterminated string", Text("the quotation is never closed", "引号没有闭合")),
    ("Invalid control", Text("a control character stands in a text", "文本中有控制字符")),
    ("Invalid", Text("an unknown escape after a backslash", "反斜杠之后的转义无法识别")),
)
_UNREADABLE: Final = Text("it cannot be read", "无法识别")


class JsonFault(NamedTuple):
    """The first mistake of a text."""

    line: int
    column: int
    what: Text


class _NotANumberError(Exception):
    """`NaN` or `Infinity`, which the library takes and JSON does not know."""


def read_json(data: bytes) -> tuple[str, Any] | JsonFault:
    """Return the text (without a byte order mark) and its value. Never raises."""
    data = data.removeprefix(BOM_UTF8)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        byte = f"0x{data[error.start]:02X}"
        what = Text(f"the byte {byte} is not UTF-8", f"字节 {byte} 不是 UTF-8")
        return JsonFault(*_place(before, len(before)), what)
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        what = next(
            (what for begin, what in _SENTENCES if error.msg.startswith(begin)), _UNREADABLE
        )
        return JsonFault(*_place(text, error.pos), what)
    except _NotANumberError:
        at = next((match.start(1) for match in _NO_NUMBER.finditer(text) if match[1]), 0)
        return JsonFault(*_place(text, at), Text("this is no number of JSON", "这不是 JSON 数字"))
    except RecursionError:
        return JsonFault(1, 1, _too_deep())
    except ValueError:
        return JsonFault(1, 1, Text("a number has too many digits", "数字的位数过多"))
    return (text, value) if _is_shallow(value) else JsonFault(1, 1, _too_deep())


def _refuse_constant(name: str) -> NoReturn:
    raise _NotANumberError(name)


def _too_deep() -> Text:
    return Text(f"it is nested deeper than {MAX_DEPTH} levels", f"嵌套超过 {MAX_DEPTH} 层")


def _is_shallow(value: object) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [part for outer in level for part in _parts(outer)]
        if not level:
            return True
    return not any(isinstance(part, dict | list) for part in level)


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _place(text: str, index: int) -> tuple[int, int]:
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def place_in(text: str, path: Sequence[str | int]) -> tuple[int, int]:
    """Return line and column of the value at `path` in a text that `read_json` has taken."""
    at = _skip(text, 0)
    for step in path:
        inner = _member(text, at, step) if isinstance(step, str) else _item(text, at, step)
        if inner is None:
            break
        at = inner
    return _place(text, at)


def _skip(text: str, at: int) -> int:
    """Where the next character stands that is no blank."""
    match = _BLANK.match(text, at)
    return at if match is None else match.end()


def _behind(text: str, at: int) -> int:
    """Where the text goes on behind the value at `at`, and the comma after it."""
    at = _skip(text, _DECODER.raw_decode(text, at)[1])
    return _skip(text, at + 1) if text[at : at + 1] == "," else at


def _member(text: str, at: int, name: str) -> int | None:
    """Where the value of `name` stands in the object at `at`; the last counts, as in reading."""
    found = None
    if text[at : at + 1] == "{":
        at = _skip(text, at + 1)
        while text[at : at + 1] == '"':
            key, end = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, end) + 1)
            found = at if key == name else found
            at = _behind(text, at)
    return found


def _item(text: str, at: int, index: int) -> int | None:
    if text[at : at + 1] != "[":
        return None
    at = _skip(text, at + 1)
    for _ in range(index):
        if text[at : at + 1] in ("", "]"):
            return None
        at = _behind(text, at)
    return at
