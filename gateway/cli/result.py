"""Writing a command's result to stdout.

Room rule: UTF-8 whatever the locale, so that a Chinese text never ends in a traceback; a result
that cannot be written is said on stderr and exits with 2.
"""

from __future__ import annotations

import errno
import os
import sys

import click

__all__ = ["write_result"]


def write_result(text: str) -> None:
    """Write the whole text; a reader that went away ends the command as click does it (1)."""
    try:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise
        _discard_rest()
        click.echo(f"Error: the result cannot be written: {error.strerror}", err=True)
        sys.exit(2)


def _discard_rest() -> None:
    """Let the interpreter's last flush succeed; it would fail again and say so."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
