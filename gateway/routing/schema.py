"""The JSON Schema (2020-12) of routes.yaml, made from the definition that the loader reads with.

Room rule: generated, never written by hand. What JSON Schema cannot say is left to the loader and
named in the schema's description: references between names, duplicate keys, quoting, and limits
of values that are written with a unit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.routing.file_format import FILE, INCLUDED

if TYPE_CHECKING:
    from gateway.routing.kinds import JsonSchema

__all__ = ["file_schema"]

_DESCRIPTION: Final = (
    "Departments, channels and services of the gateway. This schema cannot say all: that"
    " departments, granted services, channels and files exist, that keys, definitions and topics"
    " are not doubled, which values need quotes, how long a duration or how large a size may be,"
    " and what is in a file. `gateway check` says all of it."
)


def file_schema(*, included: bool = False) -> JsonSchema:
    """The schema of the main file, or of an included one."""
    shape = INCLUDED if included else FILE
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "routes.yaml (included)" if included else "routes.yaml",
        "description": _DESCRIPTION,
        **shape.schema(),
    }
