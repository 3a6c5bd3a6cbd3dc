"""One kind of mistake: its code, its texts and an example.

Room rule: texts only, in English and Chinese, with the placeholders `found`, `allowed`,
`suggestion` and `first` (the other place that a problem names). `fix` says what to do when there
is no suggestion; with one, `fix_suggested` does. A code is an interface and is never renamed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.errors import Text

__all__ = ["ProblemCode", "problem_code"]

_WRITE: Final = ("Write `{suggestion}`.", "请改为 `{suggestion}`。")


@dataclass(frozen=True, slots=True)
class ProblemCode:
    """One kind of mistake; `example` is a piece of a file (or a situation) that shows it."""

    code: str
    message: Text
    fix: Text
    fix_suggested: Text
    example: str


def problem_code(
    code: str,
    example: str,
    message: tuple[str, str],
    fix: tuple[str, str],
    fix_suggested: tuple[str, str] = _WRITE,
) -> ProblemCode:
    """Declare a kind of mistake; texts are pairs of English and Chinese."""
    return ProblemCode(code, Text(*message), Text(*fix), Text(*fix_suggested), example)
