"""`gateway check`: whether routes.yaml is good, and if not, all that is needed to mend it.

Room rule: no network, and no verdict that depends on the machine. stdout has the result alone.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final
from unicodedata import east_asian_width

import click

from gateway.cli.result import write_result
from gateway.routing.loader import Loaded, load_routes
from gateway.routing.sources import UnreadableFileError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.routing.problem import Problem

__all__ = ["check", "problem_text"]

GOOD: Final = 0
PROBLEMS: Final = 1
UNREADABLE: Final = 2


@click.command(short_help="Check routes.yaml and what it includes.")
@click.argument("file", envvar="GATEWAY_ROUTES", default="routes.yaml", type=click.Path())
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="text for people, json for programs, github for annotations of a workflow.",
)
def check(file: str, form: str) -> None:
    """Check FILE (default: $GATEWAY_ROUTES, else routes.yaml) and all that it includes.

    All problems are shown at once, with their place and how to mend them. Exit status: 0 good,
    1 problems, 2 the file cannot be read or the command is used wrongly. Secrets that the file
    refers to are not looked up.
    """
    try:
        loaded = load_routes(Path(file))
    except UnreadableFileError as error:
        problems: Sequence[Problem] = (error.problem,)
        code, summary = UNREADABLE, ""
    else:
        problems = loaded.problems
        code, summary = (PROBLEMS, "") if problems else (GOOD, _summary(loaded))
    write_result(_render(problems, form, summary))
    sys.exit(code)


def _summary(loaded: Loaded) -> str:
    routes = loaded.routes
    if routes is None:
        return ""
    counts = (
        f"{len(routes.services)} services, {len(routes.departments)} departments,"
        f" {len(routes.channels)} channels"
    )
    return f"{loaded.sources[0]}: good ({counts}, {len(loaded.sources)} files)\n"


def _render(problems: Sequence[Problem], form: str, summary: str) -> str:
    if form == "json":
        result = {"ok": not problems, "problems": [problem.as_json() for problem in problems]}
        return json.dumps(result, ensure_ascii=False, indent=2) + "\n"
    if form == "github":
        return "".join(map(_annotation, problems)) or summary
    colour = _wants_colour()
    texts = [problem_text(problem, colour=colour) for problem in problems]
    total = f"\n{_count(len(problems))}\n" if problems else ""
    return "\n".join(texts) + total + summary


def _count(number: int) -> str:
    return f"{number} problem{'' if number == 1 else 's'} / 共 {number} 个问题"


def problem_text(problem: Problem, *, colour: bool = False) -> str:
    """The problem for a clerk: place and message, the line with a caret, how to mend it."""

    def style(text: str, name: str) -> str:
        return click.style(text, fg=name, bold=name == "red") if colour else text

    place = f"{problem.file}:{problem.line}:{problem.column}:"
    lines = [f"{place} {style(f'[{problem.code}]', 'red')} {problem.message}"]
    if problem.excerpt:
        number = f"{problem.line:>5} | "
        caret = " " * (len(number) + _width(problem.excerpt[: problem.column - 1])) + "^"
        lines += [number + problem.excerpt, style(caret, "red")]
    facts = {
        "path": problem.path,
        "found": problem.found,
        "allowed": problem.allowed,
        "did you mean": problem.suggestion,
        "fix": problem.fix,
    }
    lines += [f"      {name + ':':<14}{value}" for name, value in facts.items() if value]
    lines += [f"      {style(problem.message_zh + problem.fix_zh, 'cyan')}"]
    return "\n".join(lines) + "\n"


def _width(text: str) -> int:
    """Columns on a terminal, where a Chinese character takes two."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def _annotation(problem: Problem) -> str:
    """A workflow command of GitHub Actions; the escapes are those of its toolkit."""
    text = f"{problem.message} {problem.fix}\n{problem.message_zh}{problem.fix_zh}"
    fields = (
        f"file={_property(problem.file)},line={problem.line},col={problem.column},"
        f"title={_property(f'{problem.code} {problem.path}'.strip())}"
    )
    return f"::error {fields}::{_data(text)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _wants_colour() -> bool:
    return (
        sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )
