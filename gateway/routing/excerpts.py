"""The lines of a file that problems show, without what may be a secret.

Room rule: when in doubt nothing is shown. Parts that the reading has hidden are masked, comments
are cut off, and of a file that could not be read to its end only the part before the problem is
shown, and only where no secret belongs.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.routing.problem import Problem
    from gateway.routing.yaml_nodes import Node

__all__ = ["Excerpts"]

LONGEST: Final = 160
_OPEN: Final = ("services", "departments")
_COMMENT: Final = re.compile(r"(?:^|\s)#")
_FAR: Final = 1000
_NEAR: Final = 4
_SECRETS: Final = re.compile(r"\bkeys\b|env:|file:")
_CREDENTIALS: Final = re.compile(r"(?<=//)[^/\s@]*(?=@)")


class Excerpts:
    """The lines of one file; `complete` is false when it could not be read to its end."""

    def __init__(self, text: str, *, complete: bool) -> None:
        self._text = text
        self._complete = complete
        self._lines: list[str] = []
        self._hidden: dict[int, list[tuple[int, int]]] = {}

    def prepare(self, hidden: Iterable[Node], problems: Iterable[Problem], file: str) -> None:
        """Find what has to be masked on the lines of this file's problems."""
        wanted = sorted({problem.line for problem in problems if problem.file == file})
        if not wanted:
            return
        self._lines = self._text.split("\n")
        for node in hidden:
            for line in wanted[bisect_left(wanted, node.line) :]:
                if line > node.end_line:
                    break
                start = node.column if line == node.line else 1
                end = node.end_column if line == node.end_line else 1 << 30
                self._hidden.setdefault(line, []).append((start, end))

    def of(self, problem: Problem) -> str | None:
        """The problem's line, masked; None when it had better not be shown."""
        if problem.line > len(self._lines) or not self._text:
            return None
        line = self._lines[problem.line - 1].rstrip("\r")
        if not self._complete:
            if not self._is_open(problem):
                return None
            line = line[: problem.column - 1 + len(problem.found or "x")]
        for start, end in self._hidden.get(problem.line, ()):
            masked = min(end, len(line) + 1)
            line = line[: start - 1] + "*" * (masked - start) + line[masked - 1 :]
        line = _CREDENTIALS.sub(lambda match: "*" * len(match[0]), line)
        comment = _COMMENT.search(line, max(problem.column - 1, 0))
        line = line[: comment.start()] if comment else line
        if len(line) > LONGEST or problem.column > LONGEST:
            return None
        return line.replace("\t", " ").rstrip()

    def _is_open(self, problem: Problem) -> bool:
        """Whether the problem stands, as far as it was read and as it looks, where no secret is."""
        first = max(0, problem.line - _FAR)
        above = reversed(self._lines[first : problem.line - 1])
        section = next((line for line in above if line[:1].isalpha()), "")
        near = "\n".join(self._lines[max(0, problem.line - _NEAR) : problem.line])
        return (
            problem.path.startswith(_OPEN)
            and section.startswith(_OPEN)
            and _SECRETS.search(near) is None
        )
