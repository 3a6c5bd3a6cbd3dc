"""A Problem: one mistake in routes.yaml, with its place, and all that a clerk needs to mend it.

Room rule: a problem never carries a secret. Whoever makes one decides what may be shown as
`found`; here texts are only put together and made safe for a terminal.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from gateway.errors import Text
from gateway.routing.problem_codes import PROBLEM_CODES

__all__ = ["Path", "Problem", "make_problem", "path_text", "safe_text"]

Path = tuple[str | int, ...]
"""The way from the root of a file to a value: keys and list positions (from 0)."""

LONGEST: Final = 120
"""Characters of a found value that are shown."""

_USER_PART: Final = re.compile(r"//[^/\s@]*@")
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. Lines and columns count from 1; columns are characters.

    `service` is the ID of the service to which the mistake is confined, None when it is not
    confined to one. `excerpt` is the line of the file, None where it might show a secret.
    """

    code: str
    file: str
    line: int
    column: int
    path: str
    found: str | None
    allowed: str | None
    suggestion: str | None
    message: str
    fix: str
    message_zh: str
    fix_zh: str
    service: str | None = None
    excerpt: str | None = None

    def as_json(self) -> dict[str, str | int | None]:
        """The problem as `gateway check --format json` and the ops door print it."""
        return {
            "code": self.code,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "path": self.path,
            "found": self.found,
            "allowed": self.allowed,
            "suggestion": self.suggestion,
            "message": self.message,
            "fix": self.fix,
            "message_zh": self.message_zh,
            "fix_zh": self.fix_zh,
            "service": self.service,
        }


def make_problem(
    code: str,
    at: tuple[str, int, int],
    path: Path = (),
    *,
    found: str | Text | None = None,
    allowed: str | Text | None = None,
    suggestion: str | None = None,
    first: str = "",
    service: str | None = None,
) -> Problem:
    """Put the texts of `code` together for the place `at`: file, line, column."""
    kind = PROBLEM_CODES[code]
    found, allowed = _both(found), _both(allowed)
    fix = kind.fix if suggestion is None else kind.fix_suggested

    def fill(template: Text, language: int) -> str:
        return template[language].format(
            found=found[language], allowed=allowed[language], suggestion=suggestion, first=first
        )

    return Problem(
        code,
        safe_text(at[0], limit=4096),
        at[1],
        at[2],
        path_text(path),
        found.en or None,
        allowed.en or None,
        suggestion,
        fill(kind.message, 0),
        fill(fix, 0),
        fill(kind.message, 1),
        fill(fix, 1),
        service,
    )


def _both(value: str | Text | None) -> Text:
    if isinstance(value, Text):
        return value
    text = "" if value is None else safe_text(value) or '""'
    return Text(text, text)


def path_text(path: Path) -> str:
    """The path as people write it: `services["edu.payment"].http.endpoints[1]`."""
    parts: list[str] = []
    for step in path:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif _PLAIN_KEY.fullmatch(step) and len(step) <= LONGEST:
            parts.append(f".{step}" if parts else step)
        else:
            parts.append(f"[{json.dumps(safe_text(step), ensure_ascii=False)}]")
    return "".join(parts)


def safe_text(value: str, *, limit: int = LONGEST) -> str:
    """The value on one line, without characters that act on a terminal, cut after `limit`.

    The user part of a URL is left out wherever one stands.
    """
    value = _USER_PART.sub("//***@", value[:8192])
    shown = "".join(
        char if char.isprintable() else f"\\u{{{ord(char):x}}}" for char in value[: limit + 1]
    )
    return shown[:limit] + "…" if len(shown) > limit else shown
