"""The loss test in its short form: one real broker, each fault about once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.loss.judge import judge
from tests.loss.report import report
from tests.loss.run import SHORT, run
from tests.loss.schedule import Kind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.timeout(300)
async def test_nothing_acknowledged_is_lost_whatever_fails(
    jars: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_property("kafka_broker", "apache")
    said: list[str] = []
    outcome = await run(SHORT, jars, tmp_path, said.append)
    judgement = judge(outcome.evidence)
    told = "\n".join((*said, report(outcome, judgement)))
    assert not any(judgement.values()), told
    assert {fault.kind for fault in outcome.faults} == set(Kind), told
    assert outcome.answered > 0, told
