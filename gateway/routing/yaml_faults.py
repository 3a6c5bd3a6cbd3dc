"""What is wrong with a file as text or as YAML, told so that a clerk finds the place.

Room rule: no YAML library here; the marks and sentences of its errors come in as they are.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, Protocol

from gateway.errors import Text

__all__ = ["MAX_DEPTH", "Fault", "MarkedError", "levels", "syntax_fault", "text_faults"]

MAX_DEPTH: Final = 16
"""Levels of lists and mappings; the format needs 7."""

_MOST_CHARACTERS: Final = 20
"""Control characters of one file that are reported one by one (line ends only once)."""

_NOT_ALLOWED: Final = re.compile(
    "[^\\t\\n\\r\\x20-\\x7e\\xa0-\\u2027\\u202f-\\u2065\\u206a-\\ud7ff\\ue000-\\ufefe"
    "\\uff00-\\ufffd\\U00010000-\\U0010ffff]|\\r(?!\\n)"
)
"""Control characters, line ends other than LF and CRLF, marks that turn the direction of text."""

_FULL_WIDTH: Final = {
    "：": ":", "，": ",", "［": "[", "］": "]", "｛": "{", "｝": "}", "＂": '"', "＃": "#",
    "“": '"', "”": '"', "‘": "'", "’": "'",
}  # fmt: skip
_WIDE_BLANKS: Final = "\u3000\xa0"


class Fault(NamedTuple):
    """A mistake below the level of routes; line and column count from 1."""

    code: str
    line: int
    column: int
    path: tuple[str | int, ...] = ()
    found: str | Text | None = None
    allowed: Text | None = None
    suggestion: str | None = None


class _Mark(Protocol):
    @property
    def index(self) -> int: ...


class MarkedError(Protocol):
    """An error of the YAML library: what it was about, what is wrong, and where both are."""

    @property
    def context(self) -> str | None: ...
    @property
    def context_mark(self) -> _Mark | None: ...
    @property
    def problem(self) -> str | None: ...
    @property
    def problem_mark(self) -> _Mark | None: ...


def text_faults(data: bytes) -> tuple[str, list[Fault]]:
    """Decode the file, without a byte order mark; name what no text file may hold."""
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        return "", [_encoding_fault(data, error.start)]
    faults: list[Fault] = []
    for match in _NOT_ALLOWED.finditer(text):
        if match[0] == "\r" and any(fault.found == "U+000D" for fault in faults):
            continue
        line, column = _place(text, match.start())
        faults.append(Fault("control_character", line, column, found=f"U+{ord(match[0]):04X}"))
        if len(faults) == _MOST_CHARACTERS:
            break
    return text, faults


def _encoding_fault(data: bytes, index: int) -> Fault:
    text = data[:index].decode("utf-8").removeprefix("\ufeff")
    line, column = _place(text, len(text))
    return Fault("not_utf8", line, column, found=f"0x{data[index]:02X}")


def _place(text: str, index: int) -> tuple[int, int]:
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


_SECOND_COLON: Final = Text(
    "a second `:` on the line, or the line is indented too far",
    "同一行出现第二个 `:`，或本行缩进过深",
)
_NO_COLON: Final = Text("a name without a `:` and a blank behind it", "名称后缺少 `:` 和空格")
_SENTENCES: Final[tuple[tuple[str, Text], ...]] = (
    ("mapping values are not allowed", _SECOND_COLON),
    ("could not find expected ':'", _NO_COLON),
    (
        "expected <block end>",
        Text("the indentation does not fit the lines above", "缩进与上文不一致"),
    ),
    (
        "did not find expected key",
        Text("the indentation does not fit the lines above", "缩进与上文不一致"),
    ),
    (
        "did not find expected '-' indicator",
        Text(
            "a list begins above, but this line does not begin with `-`",
            "上文是列表，但本行没有以 `-` 开头",
        ),
    ),
    (
        "unknown escape character",
        Text("an unknown escape after `\\` in double quotes", "双引号内 `\\` 之后的转义无法识别"),
    ),
    (
        "cannot start any token",
        Text("a text that begins with this character needs quotes", "以此字符开头的文本需要加引号"),
    ),
    (
        "expected node content",
        Text(
            "a bracket that closes nothing, or a value is missing", "括号没有对应的开头，或缺少值"
        ),
    ),
    (
        "expected the node content",
        Text(
            "a bracket that closes nothing, or a value is missing", "括号没有对应的开头，或缺少值"
        ),
    ),
    (
        "not allowed in this context",
        Text("the line begins something that cannot stand here", "本行内容不能出现在此处"),
    ),
    (
        "not allowed here",
        Text("the line begins something that cannot stand here", "本行内容不能出现在此处"),
    ),
)
_WIDE_SIGN: Final = re.compile(
    r"(?m)^[ \t]*(?:- )?[\w.-]+(：)|[:：]\s*([“‘［｛])|([］｝])\s*$"
    rf"|^[ \t]*(?:- *)?([{_WIDE_BLANKS}])|[\w\"']:([{_WIDE_BLANKS}])"
)
_STAR: Final = re.compile(r"\*[\w.*-]*")
_PLACEHOLDER: Final = re.compile(r"(?<![\w./\"'{-])[\w./-]*\{\w{1,32}\}[\w./-]*(?![\w./\"'-])")
"""A text with a word in braces, which YAML takes for a mapping where it has no quotes."""
_QUOTATION: Final = re.compile(r"""(?<=[\s\[{,:])(?:"(?:\\.|[^"\\])*"|'[^']*')""", re.DOTALL)
_RUN_ON: Final = re.compile(r"[:,] |\n")
_FAR: Final = 20_000
_LONGEST_LINE: Final = 1000
_UNREADABLE: Final = Text("the structure cannot be read", "结构无法识别")


def levels(number: int) -> Text:
    """How deep lists and mappings may stand in each other, in words."""
    return Text(f"{number} levels", f"{number} 层")


def syntax_fault(error: MarkedError, text: str, path: tuple[str | int, ...]) -> Fault:
    """The library's error as a fault of ours, at the place that has to be mended."""
    problem, context = error.problem or "", error.context or ""
    at = _index(text, error.problem_mark)
    begun = at if error.context_mark is None else _index(text, error.context_mark)
    if "maximum nesting depth" in problem:
        return Fault("too_deep", *_place(text, at), path, None, levels(MAX_DEPTH))
    if "unexpected end of stream" in problem and "quoted" in context:
        return _fault("quote_not_closed", text, begun, path)
    if text[at : at + 1] == "\t" or "tab character" in problem:
        return _fault("tab_indentation", text, at, path)
    sign = _sign_fault(text, begun, at, path)
    if sign is not None:
        return sign
    if "flow" in context and text[begun : begun + 1] in ("[", "{"):
        return _bracket_fault(text, begun, at, path)
    if "could not find expected ':'" in problem:
        at = begun
    elif "mapping values" in problem:
        lacking = _line_without_colon(text, at)
        if lacking is not None:
            return _fault("yaml_syntax", text, lacking, path, _NO_COLON)
    found = next((words for part, words in _SENTENCES if part in problem), _UNREADABLE)
    return _fault("yaml_syntax", text, at, path, found)


def _sign_fault(text: str, begun: int, at: int, path: tuple[str | int, ...]) -> Fault | None:
    """A sign near the error that explains it: a star, a brace, a full-width one, a quote."""
    star = _STAR.match(text, begun)
    if star is not None:
        return _fault("alias", text, begun, path, star[0], f'"{star[0]}"')
    braces = _placeholder(text, at)
    if braces is not None:
        start, found = braces.start(), braces[0]
        return _fault("quotes_needed", text, start, _without_index(path), found, f'"{found}"')
    wide = _full_width(text, at)
    if wide is not None:
        char = text[wide]
        if char in _WIDE_BLANKS:
            return _fault("wide_blank", text, wide, path, f"U+{ord(char):04X}")
        return _fault("full_width_punctuation", text, wide, path, char, _FULL_WIDTH[char])
    quotation = _quotation_run_on(text, begun, at)
    return None if quotation is None else _fault("quote_not_closed", text, quotation, path)


def _placeholder(text: str, at: int) -> re.Match[str] | None:
    """The text with a word in braces that the error stands in or behind, on its line."""
    start = max(text.rfind("\n", 0, at) + 1, at - _LONGEST_LINE)
    matches = _PLACEHOLDER.finditer(text, start, at + _LONGEST_LINE)
    near = next((match for match in matches if match.start() <= at <= match.end()), None)
    alone = near is not None and near[0][0] == "{" and near[0][-1] == "}"
    return None if alone else near


def _without_index(path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    while path and isinstance(path[-1], int):
        path = path[:-1]
    return path


def _bracket_fault(text: str, begun: int, at: int, path: tuple[str | int, ...]) -> Fault:
    """Inside a bracket: a second `:` on its line, or else the bracket is what has to be mended."""
    if text[at : at + 1] == ":" and "\n" not in text[begun:at]:
        return _fault("yaml_syntax", text, at, path, _SECOND_COLON)
    return _fault("bracket_not_closed", text, begun, _without_index(path), text[begun])


def _quotation_run_on(text: str, begun: int, at: int) -> int | None:
    """Where a quotation begins that ends just before the error and took too much into it."""
    for match in _QUOTATION.finditer(text, max(begun, at - _FAR), at):
        if match.end() == at and _RUN_ON.search(match[0]):
            return match.start()
    return None


def _index(text: str, mark: _Mark | None) -> int:
    return 0 if mark is None else min(mark.index, len(text))


def _full_width(text: str, end: int) -> int | None:
    """Where a full-width sign stands outside quotes and comments on the last two lines."""
    before = text.rfind("\n", 0, max(text.rfind("\n", 0, end), 0)) + 1
    begin = max(before, end - 2000)
    stop = text.find("\n", end)
    piece = text[begin : end + 200 if stop < 0 else min(stop, end + 200)]
    piece = re.sub(r"\"[^\"\n]*\"|'[^'\n]*'|#[^\n]*", lambda match: " " * len(match[0]), piece)
    match = _WIDE_SIGN.search(piece)
    return None if match is None else begin + match.start(match.lastindex or 0)


def _line_without_colon(text: str, end: int) -> int | None:
    """Where the text of the line before begins, when it lacks the `:` that this line has."""
    start = text.rfind("\n", 0, end) + 1
    before = text[:start].rstrip()
    begin = before.rfind("\n") + 1
    line = before[begin:].strip()
    if ":" in text[start:end] or ":" in line or line.startswith(("#", "-")) or not line:
        return None
    return begin + len(before[begin:]) - len(line)


def _fault(
    code: str,
    text: str,
    index: int,
    path: tuple[str | int, ...],
    found: str | Text | None = None,
    suggestion: str | None = None,
) -> Fault:
    line, column = _place(text, index)
    return Fault(code, line, column, path, found, None, suggestion)
