"""`gateway schema`: the schema on stdout, as JSON."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.routing.schema import file_schema


@pytest.mark.parametrize("included", [False, True])
def test_the_schema_is_printed(included: bool) -> None:  # noqa: FBT001  # a table's column
    result = CliRunner().invoke(main, ["schema", *(["--included"] if included else [])])

    assert result.exit_code == 0
    assert json.loads(result.stdout_bytes) == file_schema(included=included)


def test_the_keys_of_kafka_departments_are_explained() -> None:
    shown = json.loads(CliRunner().invoke(main, ["schema"]).stdout_bytes)
    service = shown["properties"]["services"]["additionalProperties"]["properties"]
    channel = shown["properties"]["channels"]["additionalProperties"]["properties"]

    assert {"idempotency", "repeat", "schema"} <= service.keys()
    assert {"callback", "case_readers"} <= channel.keys()
    for name in ("durability", "spill_after", "max_waits", "status_topic", "state_map"):
        assert service["kafka"]["properties"][name]["description"]
