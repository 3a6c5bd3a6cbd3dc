"""What a run needs from outside."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.kafka.broker.apache_kafka import fetch


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
