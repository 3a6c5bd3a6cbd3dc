"""When which fault happens: a pure function of the seed.

Two tracks run beside each other. On one the way to the brokers fails (a broker is killed, the
network goes silent), on the other the gateway does (it is killed, its routes are replaced). Within
a track the next fault waits until the last one is healed, so that never all copies of a record are
gone at once; across the tracks they meet as they like, and the first kill of the gateway always
falls into an outage of the brokers.
"""

from __future__ import annotations

from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = ["EVERY", "Fault", "Kind", "Plan", "plan"]


class Kind(StrEnum):
    """The faults, by their names on the command line."""

    KILL_BROKER = "kill-broker"
    BLACKHOLE = "blackhole"
    KILL_GATEWAY = "kill-gateway"
    RELOAD = "reload"


EVERY: Final = 0
"""As a target: every broker at once; the brokers themselves are counted from 1."""


class Fault(NamedTuple):
    """A fault of `kind` that begins `at` and lasts that long, in seconds; `target` is a broker."""

    at: float
    kind: Kind
    lasts: float
    target: int = EVERY


class Plan(NamedTuple):
    """The faults of both tracks, each by time."""

    brokers: tuple[Fault, ...]
    gateway: tuple[Fault, ...]


LASTS: Final[Mapping[Kind, tuple[float, float]]] = {
    Kind.KILL_BROKER: (0.5, 6.0),
    Kind.BLACKHOLE: (2.0, 16.0),
    Kind.KILL_GATEWAY: (0.0, 3.0),
    Kind.RELOAD: (0.0, 0.0),
}
HEALING: Final[Mapping[Kind, float]] = {
    Kind.KILL_BROKER: 8.0,
    Kind.BLACKHOLE: 3.0,
    Kind.KILL_GATEWAY: 3.0,
    Kind.RELOAD: 1.0,
}
"""About how many seconds it takes until all is well again."""

FIRST: Final = (2.0, 4.0)
GAP: Final = (1.0, 8.0)
SHARE: Final = 6
"""No fault lasts longer than this part of the whole run."""


def plan(seed: int, seconds: float, kinds: Collection[Kind], brokers: int) -> Plan:
    """Plan faults for a run of `seconds` with `brokers`: each of `kinds` at least once."""
    random = Random(seed)  # noqa: S311  # repeatable, not secret
    towards = [kind for kind in (Kind.KILL_BROKER, Kind.BLACKHOLE) if kind in kinds]
    random.shuffle(towards)
    own = [kind for kind in (Kind.KILL_GATEWAY, Kind.RELOAD) if kind in kinds]
    first = _track(random, seconds, towards, brokers, random.uniform(*FIRST))
    start = first[0].at + 0.25 * first[0].lasts if first else random.uniform(*FIRST)
    return Plan(first, _track(random, seconds, own, brokers, start))


def _track(
    random: Random, seconds: float, kinds: Sequence[Kind], brokers: int, start: float
) -> tuple[Fault, ...]:
    faults: list[Fault] = []
    at = start
    while kinds and (len(faults) < len(kinds) or at < seconds - HEALING[Kind.KILL_BROKER]):
        kind = kinds[len(faults)] if len(faults) < len(kinds) else random.choice(kinds)
        lasts = min(random.uniform(*LASTS[kind]), seconds / SHARE)
        faults.append(Fault(at, kind, lasts, _target(random, kind, brokers)))
        at += lasts + HEALING[kind] + min(random.uniform(*GAP), seconds / SHARE)
    return tuple(faults)


def _target(random: Random, kind: Kind, brokers: int) -> int:
    if kind is Kind.KILL_BROKER:
        return random.randint(1, brokers)
    if kind is Kind.BLACKHOLE:
        return random.randint(EVERY, brokers)
    return EVERY
