"""The loss test in its short form: one real broker, each fault about once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.kafka.broker.apache_kafka import fetch
from tests.loss.judge import judge
from tests.loss.report import report
from tests.loss.run import SHORT, run
from tests.loss.schedule import Kind

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def jars(tmp_path: Path) -> Path:
    """The jars of Apache Kafka: those of KAFKA_JARS, else fetched now."""
    known = os.environ.get("KAFKA_JARS")
    for tool in ("java",) if known else ("java", "mvn"):
        if shutil.which(tool) is None:
            pytest.skip(f"tool missing: {tool}")
    folder = Path(known) if known else tmp_path / "jars"
    fetch(folder)
    return folder


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
