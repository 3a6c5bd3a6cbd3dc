"""The one definition of routes.yaml: every key, its kind, its limits, its default, what it is for.

Room rule: declarations. The loader reads files with `FILE` and `gateway schema` prints it; a key
that is not here (or in `channel_format`, `service_format`, `kafka_format`) does not exist. Defaults
stand in `gateway.routing.model`; what is written here as `default` is the same value in the
notation of the file, and a test holds the two together.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gateway.errors import Text
from gateway.routing.channel_format import CHANNEL, channel
from gateway.routing.kinds import JsonSchema, Version, WholeNumber
from gateway.routing.lists import ListOf
from gateway.routing.model import UNLIMITED, Department
from gateway.routing.reading import INVALID, Place, Section
from gateway.routing.service_format import SERVICE, service
from gateway.routing.shapes import Definitions, Key, Shape
from gateway.routing.value_kinds import AREA, ID, INCLUDE, TEXT

if TYPE_CHECKING:
    from gateway.routing.yaml_nodes import Node

__all__ = ["FILE", "INCLUDED"]

_DEPARTMENT: Final = Shape(
    {
        "name": Key(TEXT, "The authority's name, as citizens read it in an error.", required=True),
        "phone": Key(TEXT, "The number that citizens may call."),
        "area": Key(
            AREA, "Administrative division code (GB/T 2260 and its extensions): 6, 9 or 12 digits."
        ),
        "max_in_flight": Key(
            WholeNumber(1, 1_000_000, "unlimited", UNLIMITED),
            "Requests that may be with the department's systems at once.",
            default=Department("", "").max_in_flight,
        ),
    },
)


FILE: Final = Shape(
    {
        "version": Key(
            Version(), "The version of this format: 1.", required=True, example="version: 1"
        ),
        "departments": Key(
            Definitions(Section.DEPARTMENTS, ID, _DEPARTMENT, Department),
            "The authorities whose systems stand behind the gateway.",
        ),
        "channels": Key(
            Definitions(Section.CHANNELS, ID, CHANNEL, channel),
            "Who may call, what, and how fast; nothing is reachable until it is granted here.",
        ),
        "services": Key(
            Definitions(Section.SERVICES, ID, SERVICE, service),
            "The public services, by service ID.",
        ),
        "include": Key(
            ListOf(INCLUDE, Text("a list of paths", "路径的列表"), maximum=10_000, minimum=0),
            "Further files of the same shape, in this one's folder or below; * and ? match.",
        ),
    },
    private=True,
)
"""The main file; in an included one `version` may be left out and `include` may not stand."""


class _NestedInclude:
    """Stands for `include` in an included file, where it may not be."""

    allowed = Text("no include in an included file", "被引入的文件中不得使用 include")

    def read(self, node: Node, place: Place) -> Any:
        del node
        place.problem("include_nested", found="include", allowed=self.allowed)
        return INVALID

    def schema(self) -> JsonSchema:
        return {"not": {}}


INCLUDED: Final = Shape(
    {
        **FILE.keys,
        "version": replace(FILE.keys["version"], required=False),
        "include": Key(_NestedInclude(), "Only the main file includes others."),
    },
    private=True,
)
"""An included file."""
