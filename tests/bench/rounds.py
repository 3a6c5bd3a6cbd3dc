"""A comparison: contenders in turn, round after round, each started anew."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import click

from tests.bench import accounting
from tests.bench.contenders import PATH, start
from tests.bench.load import PAUSE, Counted, Load, drive
from tests.bench.processes import NotStartedError
from tests.bench.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.bench.contenders import Contender
    from tests.bench.machine import Cores
    from tests.bench.processes import Running

__all__ = [
    "Comparison",
    "Cost",
    "Measured",
    "Plan",
    "Result",
    "compare",
    "measure",
    "ratio_range",
    "turn",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """How to measure: seconds of each phase, number of rounds, connections of the generator."""

    seconds: int
    rounds: int
    connections: int
    cores: Cores
    folder: Path

    @property
    def warm_up(self) -> int:
        """Seconds of the same load before anything is counted."""
        return min(2, self.seconds)


class Measured(NamedTuple):
    """One load on one running gateway.

    `cpu` is seconds of the gateway's own time a request. `others` is the share of the gateway's
    core that somebody else used: above a few hundredths the machine was not quiet.
    """

    counted: Counted
    cpu: float
    resident: int
    others: float

    @property
    def used(self) -> float:
        """Share of its core that the gateway took: near 1 it was the bottleneck."""
        return self.cpu * self.counted.rate


class Cost(NamedTuple):
    """Seconds of CPU a request in one round."""

    round: int
    cpu: float


@dataclass(frozen=True, slots=True)
class Result:
    """One contender in one round: at full load and below the knee, or why there is nothing."""

    contender: str
    round: int
    full: Measured | None = None
    light: Measured | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """All rounds, the versions of who took part, and the origin asked without any gateway."""

    versions: dict[str, str]
    results: Sequence[Result]
    direct: Counted

    def full_costs(self, contender: str) -> list[Cost]:
        """What a request costs at full load, round by round."""
        return [Cost(r.round, r.full.cpu) for r in self.of(contender) if r.full]

    def light_costs(self, contender: str) -> list[Cost]:
        """What a request costs below the knee, round by round."""
        return [Cost(r.round, r.light.cpu) for r in self.of(contender) if r.light]

    def of(self, contender: str) -> list[Result]:
        """The contender's results that count."""
        return [r for r in self.results if r.contender == contender and not r.fault]


def compare(
    contenders: Sequence[Contender], plan: Plan, origin: int, tell: Callable[[str], None]
) -> Comparison:
    """Measure every contender in every round; `tell` hears of each result."""
    direct = drive(_light(plan), port=origin, seconds=plan.seconds, folder=plan.folder)
    if direct.fault:
        raise click.ClickException(f"the origin itself fails: {direct.fault}")
    found = {c.name: program for c in contenders if (program := c.find()) is not None}
    versions = {c.name: c.version(found[c.name]) for c in contenders if c.name in found}
    results = []
    for number in range(plan.rounds):
        for contender in turn(contenders, number):
            if contender.name not in found:
                continue
            result = _one(contender, found[contender.name], number, plan, origin)
            results.append(result)
            tell(_line(result))
    return Comparison(versions, results, direct)


def measure(running: Running, load: Load, port: int, plan: Plan) -> Measured:
    """Warm up, then count requests and the kernel's accounting beside them."""
    drive(load, port=port, seconds=plan.warm_up, folder=plan.folder)
    meter = accounting.Meter(running.pid, plan.cores.gateway)
    counted = drive(load, port=port, seconds=plan.seconds, folder=plan.folder)
    used = meter.read()
    cpu, others = used.cpu / max(1, counted.requests), used.others / counted.seconds
    return Measured(counted, cpu, accounting.resident_of(running.pid), others)


def turn(contenders: Sequence[T], number: int) -> list[T]:
    """Begin each round with another one, so that no place in the order is anybody's for good."""
    first = number % len(contenders)
    return [*contenders[first:], *contenders[:first]]


def ratio_range(ours: Sequence[Cost], others: Sequence[Cost]) -> tuple[float, float, float]:
    """Lowest, median and highest ratio of CPU a request, each within one round.

    Raises `LookupError` when no round has both.
    """
    reference = {cost.round: cost.cpu for cost in others}
    ratios = [cost.cpu / reference[cost.round] for cost in ours if cost.round in reference]
    if not ratios:
        raise LookupError("no round has both")
    return min(ratios), statistics.median(ratios), max(ratios)


def _one(contender: Contender, program: Path, number: int, plan: Plan, origin: int) -> Result:
    site = Site.make(plan.folder / f"{contender.name}-{number}", origin)
    result = Result(contender.name, number)
    try:
        with start(contender, program, site, plan.cores.gateway) as running:
            full = measure(running, _full(plan), site.port, plan)
            light = measure(running, _light(plan), site.port, plan)
    except NotStartedError as problem:
        return replace(result, fault=problem.message)
    return replace(result, full=full, light=light, fault=_fault(full, light))


def _fault(*measured: Measured) -> str:
    return next((m.counted.fault for m in measured if m.counted.fault), "")


def _full(plan: Plan) -> Load:
    return Load([PATH], connections=plan.connections)


def _light(plan: Plan) -> Load:
    return Load([PATH], connections=plan.connections, pause=PAUSE)


def _line(result: Result) -> str:
    if result.fault or not result.full:
        return f"round {result.round + 1} {result.contender}: does not count: {result.fault}"
    full = result.full
    return (
        f"round {result.round + 1} {result.contender}: {full.cpu * 1e6:.1f} us a request, "
        f"{full.counted.rate:.0f} requests/s, others on its core {full.others:.0%}"
    )
