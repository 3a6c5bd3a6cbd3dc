"""What a cause and a fault are, and the exceptions that rooms raise on purpose.

Room rule: as `gateway.errors`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

__all__ = ["Cause", "Fault", "GatewayError", "Side", "StartError", "Text", "Violation"]


class Side(StrEnum):
    """Who has to act for the fault to go away."""

    CALLER = "caller"
    GATEWAY = "gateway"
    DEPARTMENT = "department"
    BROKER = "broker"


class Text(NamedTuple):
    """One sentence in the two languages that callers ask for."""

    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Cause:
    """One way to fail: `code` is stable, `title` says what happened, `advice` what to do next."""

    code: str
    side: Side
    title: Text
    advice: Text


class Violation(NamedTuple):
    """One place where a body breaks its schema; never what stands there.

    `pointer` is a JSON Pointer (RFC 6901), `rule` the keyword of JSON Schema that is broken.
    """

    pointer: str
    rule: str
    message: Text


class GatewayError(Exception):
    """The root of every exception that a room of this project raises on purpose."""


class StartError(GatewayError):
    """The process cannot start or a command cannot run; the text says why and what to do."""


class Fault(GatewayError):  # noqa: N818  # a fault is the word of the field and of the causes table
    """A request failed for `cause`.

    `may_have_been_sent` is true when the department (or the broker) may have seen the request:
    only a fault without it may be repeated for an unsafe method. `detail` replaces the cause's
    advice where more is known and safe to show; it never carries text of a department.
    `retry_after` is in seconds. `allow` lists methods; `nearest` lists service IDs that the
    caller's channel may call; `quota` is limit, window in seconds and what is left of a rate;
    `violations` are the places that break a schema.
    """

    def __init__(
        self,
        cause: Cause,
        *,
        may_have_been_sent: bool = False,
        detail: Text | None = None,
        retry_after: float | None = None,
        allow: tuple[str, ...] = (),
        nearest: tuple[str, ...] = (),
        quota: tuple[int, int, int] | None = None,
        violations: tuple[Violation, ...] = (),
    ) -> None:
        super().__init__(cause.code)
        self.cause = cause
        self.may_have_been_sent = may_have_been_sent
        self.detail = detail
        self.retry_after = retry_after
        self.allow = allow
        self.nearest = nearest
        self.quota = quota
        self.violations = violations
