"""The commands: one file each. `check`, `explain` and `schema` touch no network.

Room rule: a command reads its options, asks the rooms below, prints and exits. Results go to
stdout, complaints to stderr; exit 2 is wrong usage or a file that cannot be read. A command's
module is imported when it is called, so that `check` does not wait for the server's libraries.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

__all__ = ["main"]

COMMANDS: Final = ("serve", "demo", "check", "explain", "schema", "dead-letters")
"""Each is the module and, in it, the command of that name, with `_` for `-`."""


class _Commands(click.Group):
    """Finds a command in the module of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(import_module(f"gateway.cli.{name}"), name)
        return command if isinstance(command, click.Command) else None


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="gateway")
def main() -> None:
    """One door for every public service: an HTTP and Kafka gateway."""
