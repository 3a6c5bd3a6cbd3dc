"""The result as Markdown for people and as JSON for programs."""

from __future__ import annotations

import dataclasses
import statistics
from typing import TYPE_CHECKING, Any

from tests.bench.contenders import REFERENCE
from tests.bench.results import OTHERS, latency, markdown, micro, others, proportion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tests.bench.contenders import Contender
    from tests.bench.rounds import Comparison, Measured, Plan, Result

__all__ = ["as_json", "comparison_table"]

HEAD = (
    "gateway",
    "CPU/request",
    f"of {REFERENCE}'s (range)",
    "requests/s",
    "its core used",
    "RSS",
    "CPU/request, light load",
    f"of {REFERENCE}'s (range)",
    "p50",
    "p99",
    OTHERS,
    "setting",
)


def comparison_table(
    comparison: Comparison, contenders: Sequence[Contender], plan: Plan, machine: str
) -> str:
    """The whole report of `python -m tests.bench`."""
    rows = [_row(comparison, contender) for contender in contenders]
    direct = comparison.direct
    rows.append(["origin, asked directly", *["-"] * 7, *latency(direct.p50, direct.p99), "-", ""])
    return "\n\n".join((machine, _method(plan), markdown(HEAD, rows), *_faults(comparison), ""))


def as_json(comparison: Comparison, plan: Plan, machine: str) -> dict[str, Any]:
    """Everything that was measured, in seconds and bytes."""
    return {
        "machine": machine,
        "seconds": plan.seconds,
        "rounds": plan.rounds,
        "connections": plan.connections,
        "versions": comparison.versions,
        "direct": dataclasses.asdict(comparison.direct),
        "results": [_plain(result) for result in comparison.results],
    }


def _row(comparison: Comparison, contender: Contender) -> list[str]:
    version = comparison.versions.get(contender.name)
    if version is None:
        return [contender.name, "missing: not installed", *[""] * (len(HEAD) - 2)]
    name = f"{contender.name} {version}"
    if not comparison.of(contender.name):
        return [name, "no run counts", *[""] * (len(HEAD) - 2)]
    return [name, *_numbers(comparison, contender.name), contender.setting]


def _numbers(comparison: Comparison, name: str) -> list[str]:
    full = [r.full for r in comparison.of(name) if r.full]
    light = [r.light for r in comparison.of(name) if r.light]
    p50, p99 = (_median(light, lambda m: m.counted.p50), _median(light, lambda m: m.counted.p99))
    return [
        micro(_median(full, lambda m: m.cpu)),
        proportion(comparison.full_costs(name), comparison.full_costs(REFERENCE)),
        f"{_median(full, lambda m: m.counted.rate):,.0f}",
        f"{_median(full, lambda m: m.used):.0%}",
        f"{_median(full, lambda m: m.resident) / (1 << 20):.0f} MiB",
        micro(_median(light, lambda m: m.cpu)),
        proportion(comparison.light_costs(name), comparison.light_costs(REFERENCE)),
        *latency(p50, p99),
        others(max(m.others for m in full)),
    ]


def _median(measured: list[Measured], of: Callable[[Measured], float]) -> float:
    return statistics.median(of(m) for m in measured)


def _method(plan: Plan) -> str:
    return (
        f"{plan.rounds} rounds, contenders in turn, each started anew; {plan.seconds} s a phase, "
        f"{plan.connections} connections; GET with nine header fields, answer of 1 KiB of JSON. "
        "CPU: user and system time by the kernel's accounting at full load, median of the rounds; "
        "ratio: median of the ratios within each round. Light load: a pause before each request, "
        "about 6,000 requests/s, from which p50 and p99 are taken. "
        "The gateway alone on one core, load generator and origin on another."
    )


def _faults(comparison: Comparison) -> Iterable[str]:
    faulty = [r for r in comparison.results if r.fault]
    lines = [f"- {r.contender}, round {r.round + 1}: {r.fault}" for r in faulty]
    return ["Runs that do not count:\n\n" + "\n".join(lines)] if lines else []


def _plain(result: Result) -> dict[str, Any]:
    return {
        "contender": result.contender,
        "round": result.round,
        "fault": result.fault,
        "full": _numbers_of(result.full),
        "light": _numbers_of(result.light),
    }


def _numbers_of(measured: Measured | None) -> dict[str, Any] | None:
    if measured is None:
        return None
    return {
        "cpu_per_request": measured.cpu,
        "resident": measured.resident,
        "others": measured.others,
        **dataclasses.asdict(measured.counted),
    }
