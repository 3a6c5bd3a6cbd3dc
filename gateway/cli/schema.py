"""`gateway schema`: the JSON Schema of routes.yaml, for editors.

Room rule: prints what `gateway.routing.schema` makes; nothing is read and nothing is connected.
"""

from __future__ import annotations

import json

import click

from gateway.cli.result import write_result
from gateway.routing.schema import file_schema

__all__ = ["schema"]


@click.command(short_help="Print the JSON Schema of routes.yaml.")
@click.option("--included", is_flag=True, help="The schema of a file that the main one includes.")
def schema(*, included: bool) -> None:
    """Print the JSON Schema (2020-12) of routes.yaml, so that editors complete and check.

    \b
    Save it and name it on the first line of routes.yaml:
      # yaml-language-server: $schema=routes.schema.json
    """
    text = json.dumps(file_schema(included=included), ensure_ascii=False, indent=2)
    write_result(f"{text}\n")
