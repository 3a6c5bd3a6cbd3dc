"""A number of bytes as an option, written as in routes.yaml: `512MiB`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from click.core import Context, Parameter

__all__ = ["Size"]

_FORM: Final = re.compile(r"([1-9][0-9]{0,8})(KiB|MiB|GiB)")
_UNITS: Final = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


class Size(click.ParamType[int]):
    """Takes a number above zero and a unit without a blank; gives bytes."""

    name = "size"

    def convert(self, value: Any, param: Parameter | None, ctx: Context | None) -> Any:
        if isinstance(value, int):
            return value
        match = _FORM.fullmatch(str(value).strip())
        if match is None:
            self.fail(f"{value} is no size; write a number and KiB, MiB or GiB.", param, ctx)
        return int(match[1]) * _UNITS[match[2]]
