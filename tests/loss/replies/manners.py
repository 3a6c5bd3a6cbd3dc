"""How the department treats which request: a pure function of the seed and the request's number."""

from __future__ import annotations

from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ANSWERING", "IN_TIME", "SHARES", "Manner", "chance", "manner"]


class Manner(StrEnum):
    """`nameless` answers name no request, or none that there is; `late` ones come after the time
    in which the caller waits.
    """

    PROMPT = "prompt"
    SLOW = "slow"
    OUT_OF_ORDER = "out of order"
    DUPLICATE = "duplicate"
    MALFORMED = "malformed"
    NAMELESS = "nameless"
    SILENT = "silent"
    LATE = "late"


SHARES: Final[Mapping[Manner, float]] = {
    Manner.PROMPT: 0.40,
    Manner.SLOW: 0.14,
    Manner.OUT_OF_ORDER: 0.14,
    Manner.DUPLICATE: 0.12,
    Manner.MALFORMED: 0.06,
    Manner.NAMELESS: 0.03,
    Manner.SILENT: 0.04,
    Manner.LATE: 0.07,
}

IN_TIME: Final = frozenset({Manner.PROMPT, Manner.SLOW, Manner.OUT_OF_ORDER, Manner.DUPLICATE})
ANSWERING: Final = IN_TIME | {Manner.LATE}


def chance(seed: int, number: int) -> Random:
    """The chance of one request: the same in every run with `seed`, whoever asks and when."""
    return Random(f"{seed}/{number}")  # noqa: S311  # repeatable, not secret


def manner(seed: int, number: int) -> Manner:
    """How request `number` is treated."""
    return chance(seed, number).choices(tuple(SHARES), tuple(SHARES.values()))[0]
