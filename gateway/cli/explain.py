"""`gateway explain`: what would become of a request, by the code that would handle it.

Room rule: no network. The request is read, admitted and addressed by the functions of the data
path itself; only the sending is left out.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from typing import TYPE_CHECKING, Final

import click
import orjson

from gateway import errors
from gateway.cli.check import problem_text
from gateway.cli.dry_run import Asked, Explanation, dry_run
from gateway.cli.policy_steps import size_text
from gateway.cli.result import write_result
from gateway.cli.routes_option import routes_option
from gateway.entry.target import authority
from gateway.routing.loader import load_routes
from gateway.routing.sources import UnreadableFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from gateway.message import RawHeaders
    from gateway.routing.model import Service
    from gateway.routing.problem import Problem

__all__ = ["explain"]

TAKEN: Final = 0
REFUSED: Final = 1
UNREADABLE: Final = 2

_METHOD: Final = re.compile(r"[A-Z][A-Z-]{0,31}")
_UNKNOWN_CALLER: Final = (errors.CREDENTIALS_MISSING, errors.CREDENTIALS_WRONG)


@click.command(short_help="Say what would become of a request.")
@click.argument("method")
@click.argument("target")
@click.option("-H", "--header", "headers", multiple=True, help="'Name: value'; may be repeated.")
@click.option(
    "--channel",
    help="Explain as this channel, whatever the key: for machines that do not have the keys.",
)
@routes_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="text for people, json for programs.",
)
def explain(
    *,
    method: str,
    target: str,
    headers: tuple[str, ...],
    channel: str | None,
    routes: Path,
    form: str,
) -> None:
    """Explain METHOD TARGET: who takes it or why nobody does, by which rules, and what is sent.

    Exit status: 0 the request would be sent to a department, 1 it would be refused or the routes
    file has problems that concern it, 2 the file cannot be read or the command is used wrongly.
    """
    if _METHOD.fullmatch(method) is None:
        raise click.UsageError("METHOD is a word in upper case, such as GET")
    request = Asked(method, target, _headers(headers, authority(target) or "gateway.example"))
    try:
        loaded = load_routes(routes)
    except UnreadableFileError as error:
        click.echo(str(error), err=True)
        sys.exit(UNREADABLE)
    if loaded.routes is None:
        _show_problems(loaded.problems)
        sys.exit(REFUSED)
    if channel is not None and channel not in loaded.routes.channels:
        known = ", ".join(loaded.routes.channels)
        raise click.UsageError(f"--channel {channel!r}: there is no such channel; known: {known}")
    explanation = asyncio.run(dry_run(loaded, routes.parent, request, channel, os.environ))
    if explanation.asked_for in loaded.refused:
        _show_problems(one for one in loaded.problems if one.service == explanation.asked_for)
        sys.exit(REFUSED)
    if form == "json":
        shown = orjson.dumps(explanation.as_json(), option=orjson.OPT_INDENT_2)
        write_result(shown.decode() + "\n")
    else:
        write_result(_text(explanation))
    sys.exit(REFUSED if explanation.fault is not None else TAKEN)


def _headers(given: tuple[str, ...], host: str) -> RawHeaders:
    """The headers as a client would send them; a Host is added as every client does.

    One that is not well formed is not shown: it may hold a key.
    """
    fields: list[tuple[bytes, bytes]] = []
    for number, header in enumerate(given, 1):
        name, colon, value = header.partition(":")
        if not colon or not name.strip() or not header.isprintable():
            raise click.UsageError(
                f"-H number {number}: write 'Name: value', for example 'X-Api-Key: …'"
            )
        fields.append((name.strip().encode(), value.strip().encode()))
    if all(name.lower() != b"host" for name, _ in fields):
        fields.insert(0, (b"Host", host.encode("latin-1", "replace")))
    return tuple(fields)


def _show_problems(problems: Iterable[Problem]) -> None:
    for problem in problems:
        click.echo(problem_text(problem), err=True)


def _text(explanation: Explanation) -> str:
    """For people: the verdict first, then the steps in their order, then what is sent."""
    shown = explanation.as_json()
    lines = [f"{explanation.method} {explanation.target}"]
    lines += _verdict(explanation)
    if explanation.service is not None:
        lines += ["", "service:", *_facts(_service(explanation.service))]
    for title in ("department", "channel"):
        if shown[title] is not None:
            lines += ["", f"{title}:", *_facts(shown[title])]
    if explanation.steps:
        lines += ["", "in this order:"]
        lines += [
            f"  {number:>2}. {step.name + ':':<14} {step.text}"
            for number, step in enumerate(explanation.steps, 1)
        ]
    if explanation.sent is not None:
        lines += ["", "what goes to the department:", *_facts(explanation.sent)]
    return "\n".join(lines) + "\n"


def _service(service: Service) -> dict[str, object]:
    """What the request's rules begin with; the others stand in their order below."""
    return {
        "id": service.id,
        "title": service.title,
        "transport": service.transport,
        "methods": ", ".join(service.methods),
        "timeout": f"{service.timeout:g} s",
        "max_body": size_text(service.max_body),
    }


def _verdict(explanation: Explanation) -> list[str]:
    fault = explanation.fault
    if fault is None:
        return ["taken: every rule lets it pass / 可以通过"]
    detail = fault.detail or fault.cause.advice
    lines = [
        f"refused: {explanation.status} {fault.cause.code} (side: {fault.cause.side})",
        f"  {fault.cause.title.en}. {detail.en}",
        f"  {fault.cause.title.zh}。{detail.zh}",
    ]
    if fault.cause in _UNKNOWN_CALLER and explanation.absent_keys:
        lines += [
            f"  keys that are not on this machine: {', '.join(explanation.absent_keys)}",
            "  use --channel ID to explain as a channel without its key",
        ]
    if explanation.asked_for:
        lines.append(f"  no service has the ID {explanation.asked_for}")
    if explanation.nearest:
        lines.append(f"  did you mean: {', '.join(explanation.nearest)}")
    if fault.allow:
        lines.append(f"  allowed: {', '.join(fault.allow)}")
    return lines


def _facts(facts: object, indent: str = "  ") -> list[str]:
    lines: list[str] = []
    for name, value in _items(facts):
        if isinstance(value, (list, tuple)):
            lines.append(f"{indent}{name}:")
            lines += [f"{indent}  {_one(item)}" for item in value]
        elif value is not None:
            lines.append(f"{indent}{name}: {value}")
    return lines


def _items(facts: object) -> Iterable[tuple[str, object]]:
    mapping: Mapping[str, object] = facts if isinstance(facts, dict) else {}
    return mapping.items()


def _one(item: object) -> str:
    if isinstance(item, (list, tuple)):
        return ": ".join(str(part) for part in item)
    return str(item)
