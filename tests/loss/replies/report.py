"""The table at the end: what callers were told, what cases say, what the waits cost."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from tests.loss.replies.judge import is_open
from tests.loss.replies.manners import Manner
from tests.loss.report import breaches, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.loss.replies.evidence import Evidence
    from tests.loss.replies.run import Options

__all__ = ["report"]

TOLD: Final = ("200", "202", "502", "503", "else", "cut off")
CASES: Final = ("answered", "failed", "open", "unknown")


def report(options: Options, evidence: Evidence, judgement: Mapping[str, Sequence[str]]) -> str:
    """The run as Markdown."""
    title = f"{options.waits:,} waits at once, timeout {options.timeout} s, seed {options.seed}"
    return "\n\n".join((title, _manners(evidence), _figures(evidence), breaches(judgement)))


def _manners(evidence: Evidence) -> str:
    counted = Counter(_marks(evidence))
    head = ("answers", "requests", *TOLD, *(f"case {word}" for word in CASES))
    rows = [
        [name, *(f"{counted[name, column]:,}" for column in ("requests", *TOLD, *CASES))]
        for name in (*Manner, "not in the topic", "all")
    ]
    return table(head, rows)


def _marks(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Each row and column in which a call or a case is counted."""
    manners = {asked.number: asked.manner for asked in evidence.asked}
    for call in evidence.calls:
        told = "cut off" if call.status is None else str(call.status)
        for row in (manners.get(call.number, "not in the topic"), "all"):
            yield row, "requests"
            yield row, told if told in TOLD else "else"
    for event_id, how in {asked.event_id: asked.manner for asked in evidence.asked}.items():
        case = evidence.cases.get(event_id)
        word = "unknown" if case is None else "open" if is_open(case) else case.state
        for row in (how, "all"):
            yield row, word if word in CASES else "unknown"


def _figures(evidence: Evidence) -> str:
    waves = (
        f"- wave {number}: {wave.waiting:,} wait {wave.seconds:.1f} s after the first; the "
        f"gateway's memory {wave.before / 1e6:.1f} MB without and {wave.full / 1e6:.1f} MB with "
        f"them: {(wave.full - wave.before) / 1e6:.1f} MB"
        for number, wave in enumerate(evidence.waves, 1)
    )
    away = sum(span.end - span.start for span in evidence.away)
    again = sum(asked.replayed for asked in evidence.asked)
    return "\n".join(
        (
            *waves,
            f"- the gateway was away for {away:.1f} s",
            f"- records with ce_replayed {again:,}, cases that say possible_duplicate "
            f"{sum(case.possible_duplicate for case in evidence.cases.values()):,}",
            f"- refusals by cause {dict(Counter(c.cause for c in evidence.calls if c.cause))}",
        )
    )
