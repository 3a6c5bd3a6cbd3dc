"""The waits in their short form: one real broker, hundreds of callers, one kill."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.loss.replies.judge import judge
from tests.loss.replies.report import report
from tests.loss.replies.run import SHORT, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.timeout(300)
async def test_nobody_gets_a_wrong_answer_and_late_ones_complete_their_cases(
    jars: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_property("kafka_broker", "apache")
    said: list[str] = []
    evidence = await run(SHORT, jars, tmp_path, said.append)
    judgement = judge(evidence)
    told = "\n".join((*said, report(SHORT, evidence, judgement)))
    assert not any(judgement.values()), told
