"""What a PromQL expression refers to: names of series, and labels that it matches or groups by.

Enough of the language for our own rules and dashboard; whether an expression is valid at all is
promtool's verdict.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

KEYWORDS: Final = frozenset(
    {"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring", "group_left"}
)
STRING: Final = re.compile(r'"[^"]*"')
GROUPING: Final = re.compile(r"\b(?:by|without|on|ignoring|group_left)\s*\(([^)]*)\)")
RANGE: Final = re.compile(r"\[[^\]]*\]|\boffset\s+\w+")
SELECTOR: Final = re.compile(r"(?<![\w:])([A-Za-z_:][\w:]*+)(?!\s*\()(?:\{([^}]*)\})?")
LABEL: Final = re.compile(r"([A-Za-z_]\w*)\s*(?:=~|!~|!=|=)")
NUMBER: Final = re.compile(r"(?<![A-Za-z_:0-9])\d[\d.e]*")


class Selector(NamedTuple):
    """One series as an expression asks for it; `labels` are those that it matches."""

    name: str
    labels: frozenset[str]


def grouped_labels(expression: str) -> frozenset[str]:
    """Return the labels that the expression groups or joins by."""
    lists = GROUPING.findall(STRING.sub('""', expression))
    return frozenset(name.strip() for names in lists for name in names.split(",") if name.strip())


def selectors(expression: str) -> list[Selector]:
    """Return the series that the expression reads."""
    bare = NUMBER.sub("", RANGE.sub("", GROUPING.sub("", STRING.sub('""', expression))))
    return [
        Selector(name, frozenset(LABEL.findall(matchers or "")))
        for name, matchers in SELECTOR.findall(bare)
        if name not in KEYWORDS
    ]
