"""How results are written down: Markdown, and a copy among the results that git ignores."""

from __future__ import annotations

import statistics
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bench.rounds import ratio_range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tests.bench.rounds import Cost

__all__ = ["OTHERS", "keep", "latency", "markdown", "micro", "others", "proportion", "spread"]

OTHERS: Final = "others on its core"
QUIET: Final = 0.05

RESULTS: Final = Path(__file__).parent / "results"


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """One Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def micro(seconds: float) -> str:
    """Seconds as microseconds."""
    return f"{seconds * 1e6:.1f} us"


def latency(p50: float, p99: float) -> list[str]:
    """Two cells in milliseconds."""
    return [f"{p50 * 1e3:.2f} ms", f"{p99 * 1e3:.2f} ms"]


def spread(values: Sequence[float], form: Callable[[float], str]) -> str:
    """The median, and from the lowest to the highest when there are several."""
    middle = form(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({form(min(values))}-{form(max(values))})"


def proportion(ours: Sequence[Cost], others: Sequence[Cost]) -> str:
    """The median ratio and its range, each within one round; `-` when no round has both."""
    try:
        low, middle, high = ratio_range(ours, others)
    except LookupError:
        return "-"
    return f"**{middle:.2f}** ({low:.2f}-{high:.2f})"


def others(share: float) -> str:
    """The share of the gateway's core that somebody else used, marked when it spoils a figure."""
    return f"{share:.0%}" + (" (not quiet)" if share > QUIET else "")


def keep(name: str, table: str) -> None:
    """Write a table to a file of its own, named for the subject and the time."""
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    (RESULTS / f"{name}-{now:%Y%m%dT%H%M%SZ}.md").write_text(table, encoding="utf-8")
