"""Secrets that the file refers to, looked up when the gateway starts.

Room rule: a value never reaches a problem, a log or an exception. `gateway check` does not come
here: whether a secret is present says nothing about the file.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

from gateway.errors import Text
from gateway.routing.model import SecretKind, SecretRef
from gateway.routing.problem import Problem, make_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from gateway.routing.loader import SecretPlace

__all__ = ["LONGEST_KEY", "MAX_SECRET", "PREFIX", "SHORTEST_KEY", "Resolved", "resolve_secrets"]

MAX_SECRET: Final = 512
"""Characters of one secret."""

PREFIX: Final = "whsec_"
SHORTEST_KEY: Final = 24
LONGEST_KEY: Final = 64
"""Bytes of a key that signs callbacks (Standard Webhooks, symmetric signatures)."""


class Resolved(NamedTuple):
    """The values of the references that could be resolved, and what is wrong with the others."""

    values: dict[SecretRef, str]
    problems: tuple[Problem, ...]


def resolve_secrets(
    references: Mapping[SecretRef, SecretPlace],
    environ: Mapping[str, str],
    read_file: Callable[[Path, int], bytes],
    folder: Path,
) -> Resolved:
    """Look up every reference; a file's path is relative to `folder`, that of the main file.

    `read_file` reads at most one byte more than it is told, as `sources.read_bounded` does.
    One line end behind the value of a file is no part of it.
    """
    values: dict[SecretRef, str] = {}
    problems: list[Problem] = []
    known: dict[bytes, SecretPlace] = {}
    for reference, place in references.items():
        value = _value(reference, environ, read_file, folder)
        if value is None:
            problems.append(_problem("secret_absent", reference, place))
        elif "callback" in place.path and not _signs(value):
            problems.append(_problem("callback_secret_unusable", reference, place))
        elif not _usable(value):
            problems.append(_problem("secret_unusable", reference, place))
        else:
            first = known.setdefault(hashlib.sha256(value.encode()).digest(), place)
            if first is not place:
                problems.append(_problem("secret_not_unique", reference, place, first))
            values[reference] = value
    return Resolved(values, tuple(problems))


def _value(
    reference: SecretRef,
    environ: Mapping[str, str],
    read_file: Callable[[Path, int], bytes],
    folder: Path,
) -> str | None:
    if reference.kind is SecretKind.ENV:
        return environ.get(reference.name)
    try:
        data = read_file(folder / reference.name, MAX_SECRET + 2)
    except (OSError, ValueError):
        return None
    return data.decode("latin-1").removesuffix("\n").removesuffix("\r")


def _usable(value: str) -> bool:
    return 1 <= len(value) <= MAX_SECRET and all("!" <= char <= "~" for char in value)


def _signs(value: str) -> bool:
    """Whether the value can sign callbacks.

    Behind `whsec_` is Base64, as Standard Webhooks has it; any other is taken as it is.
    """
    if not value.startswith(PREFIX):
        return _usable(value) and len(value) >= SHORTEST_KEY
    try:
        key = base64.b64decode(value.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return SHORTEST_KEY <= len(key) <= LONGEST_KEY


def _problem(
    code: str, reference: SecretRef, place: SecretPlace, first: SecretPlace | None = None
) -> Problem:
    return make_problem(
        code,
        (place.file, place.line, place.column),
        place.path,
        found=str(reference),
        allowed=Text("1 to 512 visible ASCII characters", "1 至 512 个可见 ASCII 字符"),
        first=f"{first.file}:{first.line}:{first.column}" if first else "",
    )
