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
