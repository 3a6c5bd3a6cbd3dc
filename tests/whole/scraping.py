"""What the ops door of a running gateway tells, read as Prometheus and a probe would."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

from prometheus_client.parser import text_string_to_metric_families

from tests.doubles.caller import Caller

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.doubles.caller import Response

__all__ = [
    "Samples",
    "ask",
    "routes_report",
    "scrape",
    "until_ready",
    "until_reported",
    "until_scraped",
]

PATIENCE: Final = 10.0
"""Seconds after which a condition that is waited for has failed."""

LOOK: Final = 0.02
"""Seconds between two looks at what cannot tell that it has changed."""


Seen = TypeVar("Seen")


class Samples:
    """One scrape. Labels that are not asked for may have any value."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def total(self, name: str, **labels: str) -> float:
        """The sum over all series of that name and those labels; 0 when there is none."""
        return sum(self._values(name, labels))

    def only(self, name: str, **labels: str) -> float | None:
        """The value of the one series there is, None when there is none."""
        found = self._values(name, labels)
        assert len(found) <= 1, f"{name}{labels} has {len(found)} series"
        return found[0] if found else None

    def values_of(self, name: str, label: str) -> set[str]:
        """The values that a label has over all series of a name."""
        return {sample.labels[label] for sample in self._samples if sample.name == name}

    def counters(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Every sample that may only grow, by its name and labels."""
        ends = ("_total", "_count", "_sum", "_bucket")
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for sample in self._samples
            if sample.name.startswith("gateway_") and sample.name.endswith(ends)
        }

    def causes(self, **labels: str) -> dict[str, float]:
        """How many requests ended with each cause (`none` for a success)."""
        counted: dict[str, float] = {}
        for sample in self._samples:
            if sample.name == "gateway_requests_total" and labels.items() <= sample.labels.items():
                cause = sample.labels["cause"]
                counted[cause] = counted.get(cause, 0) + sample.value
        return counted

    def _values(self, name: str, labels: dict[str, str]) -> list[float]:
        return [
            sample.value
            for sample in self._samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]


async def ask(port: int, path: str) -> Response:
    """Ask the ops door on `port`."""
    async with Caller(port) as caller:
        return await caller.ask("GET", path)


async def scrape(port: int) -> Samples:
    """Scrape the ops door on `port`."""
    answer = await ask(port, "/metrics")
    assert answer.status == 200
    return Samples(answer.body.decode())


async def until_scraped(
    port: int, condition: Callable[[Samples], bool], *, patience: float = PATIENCE
) -> Samples:
    """Scrape until the condition holds, for at most `patience` s; return that scrape."""
    return await _until(lambda: scrape(port), condition, patience)


async def until_ready(port: int, *, ready: bool = True) -> Response:
    """Wait until `/readyz` says so; return its answer."""
    return await _until(
        lambda: ask(port, "/readyz"), lambda answer: (answer.status == 200) is ready
    )


async def until_reported(port: int, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until the condition holds for what `/routes` shows; return that."""
    return await _until(lambda: routes_report(port), condition)


async def routes_report(port: int) -> dict[str, Any]:
    """What `/routes` shows."""
    answer = await ask(port, "/routes")
    assert answer.status == 200
    report: dict[str, Any] = answer.json()
    return report


async def _until(
    look: Callable[[], Awaitable[Seen]], good: Callable[[Seen], bool], patience: float = PATIENCE
) -> Seen:
    async with asyncio.timeout(patience):
        while True:
            seen = await look()
            if good(seen):
                return seen
            await asyncio.sleep(LOOK)
