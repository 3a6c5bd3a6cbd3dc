"""Seconds as an option: a number from zero that ends."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.core import Context, Parameter

__all__ = ["Seconds"]


class Seconds(click.FloatRange):
    """Takes 0 and above; click's own range lets `nan` pass, which is neither in nor out."""

    name = "seconds"

    def __init__(self) -> None:
        super().__init__(min=0)

    def convert(self, value: Any, param: Parameter | None, ctx: Context | None) -> Any:
        seconds = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value} is no number of seconds; write for example 30.", param, ctx)
        return seconds
