"""The table at the end: what was asked, what was told, what is there, what is wrong."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from tests.loss.judge import copies

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.loss.evidence import Attempt
    from tests.loss.run import Outcome

__all__ = ["breaches", "report", "table"]

EXAMPLES: Final = 5
HEAD: Final = ("service", "requests", "kafka", "local", "answers", "503", "504", "else", "broken")


def report(outcome: Outcome, judgement: Mapping[str, Sequence[str]]) -> str:
    """The run as Markdown."""
    options = outcome.options
    title = (
        f"{options.brokers} broker(s), {options.seconds:.0f} s, {options.rate:.0f} requests/s, "
        f"seed {options.seed}"
    )
    parts = (title, _services(outcome), _figures(outcome), _faults(outcome), breaches(judgement))
    return "\n\n".join(parts)


def _services(outcome: Outcome) -> str:
    attempts = outcome.evidence.attempts
    services = sorted({attempt.service for attempt in attempts})
    rows = [_row(name, [a for a in attempts if a.service == name]) for name in services]
    return table(HEAD, [*rows, _row("all", attempts)])


def _row(name: str, attempts: Sequence[Attempt]) -> list[str]:
    counted = Counter(map(_outcome, attempts))
    return [name, f"{len(attempts):,}", *(f"{counted[column]:,}" for column in HEAD[2:])]


def _outcome(attempt: Attempt) -> str:
    """The column in which an attempt is counted."""
    if attempt.status is None:
        return "broken"
    if attempt.receipt is not None:
        return attempt.receipt.durability or "else"
    if attempt.acknowledged:
        return "answers"
    return str(attempt.status) if attempt.status in {503, 504} else "else"


def _figures(outcome: Outcome) -> str:
    evidence = outcome.evidence
    found = copies(evidence)
    slowest = max((a.at.end - a.at.start for a in evidence.attempts if a.acknowledged), default=0)
    causes = Counter(attempt.cause for attempt in evidence.attempts if attempt.cause)
    duplicates = sum(len(records) - 1 for records in found.values())
    marked = sum(record.replayed for record in evidence.records)
    again = sum(case.possible_duplicate for case in (evidence.cases or {}).values())
    return "\n".join(
        (
            f"- records {len(evidence.records):,}, events {len(found):,}",
            f"- duplicates {duplicates:,} (records marked ce_replayed: {marked:,}, cases that say "
            f"possible_duplicate: {again:,})",
            f"- cases read {len(evidence.cases or {}):,}",
            f"- answers that the department wrote {outcome.answered:,}, at least one a request",
            f"- slowest acknowledgement {slowest:.2f} s",
            f"- refusals by cause: {dict(causes) or 'none'}",
            f"- spool empty {outcome.drained_in:.1f} s after the end",
        )
    )


def _faults(outcome: Outcome) -> str:
    rows = [(f"{done.at:.0f} s", done.what, f"{done.until:.0f} s") for done in outcome.faults]
    return table(("at", "fault", "well again"), rows)


def breaches(judgement: Mapping[str, Sequence[str]]) -> str:
    """How often each rule was broken, and the first examples."""
    counted = table(("rule", "breaches"), [(rule, str(len(b))) for rule, b in judgement.items()])
    examples = [f"- {rule}: {one}" for rule, b in judgement.items() for one in b[:EXAMPLES]]
    return "\n".join((counted, *([""] if examples else []), *examples))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
