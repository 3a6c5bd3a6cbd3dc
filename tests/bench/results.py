"""How results are written down: Markdown, and a copy among the results that git ignores."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["OTHERS", "keep", "latency", "markdown", "micro", "others"]

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


def others(share: float) -> str:
    """The share of the gateway's core that somebody else used, marked when it spoils a figure."""
    return f"{share:.0%}" + (" (not quiet)" if share > QUIET else "")


def keep(name: str, table: str) -> None:
    """Write a table to a file of its own, named for the subject and the time."""
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    (RESULTS / f"{name}-{now:%Y%m%dT%H%M%SZ}.md").write_text(table, encoding="utf-8")
