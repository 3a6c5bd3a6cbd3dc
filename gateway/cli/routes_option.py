"""The option `--routes`, the same for every command that has it.

Room rule: as `gateway.cli`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

__all__ = ["routes_option"]

routes_option: Final = click.option(
    "--routes",
    envvar="GATEWAY_ROUTES",
    default="routes.yaml",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The routes file.",
)
