"""What the gateway's log says of itself is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.loss.gateway import Gateway

if TYPE_CHECKING:
    from pathlib import Path

HONEST = (
    '{"status":503,"service":"cards","cause":"broker_unreachable"}',
    '{"level":"warning","logger":"gateway.kafka.producer","message":"Kafka is away"}',
    '{"level":"error","logger":"aiokafka","message":"Unable connect to node with id 1"}',
    '{"level":"error","logger":"gateway.routes","message":"routes refused"}',
)


@pytest.mark.parametrize(
    "line",
    [
        "Traceback (most recent call last):",
        '{"level":"ERROR","message":"request","cause":"internal_error"}',
        "Task exception was never retrieved",
        '{"level":"error","logger":"gateway.handling","message":"a case is not up to date"}',
    ],
)
def test_a_line_that_tells_of_a_fault_in_the_gateway_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "gateway.txt").write_text("\n".join((*HONEST, line, *HONEST)), "utf-8")
    assert Gateway(tmp_path, "localhost:1").faults_in_its_log() == [line]
