"""The operators' page names what is there, and what it names is there."""

from __future__ import annotations

import re
import shlex
import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Final

from click import Command, Context, Group

from gateway.cli import main
from tests.deploy.files import DEPLOY, alerts, run

if TYPE_CHECKING:
    from pathlib import Path

PAGE: Final = (DEPLOY / "README.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[str]:
    """Return the first cells of the table that follows the text."""
    table = PAGE[PAGE.index(heading) :].partition("\n\n")[0] if heading else PAGE
    return re.findall(r"^\| (`[^|]*`) \|", table, flags=re.MULTILINE)


def files(cells: list[str]) -> set[str]:
    return {name.rstrip("/") for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_every_file_of_the_folder_is_explained_and_every_one_explained_is_there() -> None:
    there = {path.name for path in DEPLOY.iterdir()} - {"README.md", "gateway.env"}
    assert files(rows("| file | what it is for |")) == there


def test_every_file_has_its_check_named() -> None:
    checked = files(rows("| file | check |"))
    there = {path.name for path in DEPLOY.iterdir()}
    without = {"README.md", "Dockerfile.dockerignore", "gateway.env", "gateway.env.example"}
    assert checked == there - without


def test_every_alert_that_is_named_exists() -> None:
    named = set(re.findall(r"\b(?:Gateway|Department|Broker|Caller)(?:[A-Z][a-z]+)+\b", PAGE))
    assert named <= {alert["alert"] for alert in alerts()}
    assert named


def test_the_backup_has_what_the_running_store_has_not_put_into_its_file_yet(
    tmp_path: Path,
) -> None:
    (command,) = re.findall(r"^/opt/gateway/bin/python -c .*$", PAGE, flags=re.MULTILINE)
    code = shlex.split(command.removesuffix("\\"))[2]
    store, copy = tmp_path / "cases.db", tmp_path / "copy.db"
    with closing(sqlite3.connect(store)) as running:
        running.execute("PRAGMA journal_mode=WAL")
        running.executescript("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
        run(sys.executable, "-c", code, store, copy)
    with closing(sqlite3.connect(copy)) as restored:
        assert restored.execute("SELECT a FROM t").fetchall() == [(1,)]


def command_of(words: list[str]) -> Command:
    """Take the names of the command from the front of the words; return the command."""
    command: Command = main
    while isinstance(command, Group):
        found = command.get_command(Context(command), words.pop(0))
        assert found is not None
        command = found
    return command


def test_the_commands_of_the_gateway_have_the_options_that_the_page_gives_them() -> None:
    commands = re.findall(r"^ *(?:/\S*/)?gateway ((?:.*\\\n)*.*)$", PAGE, flags=re.MULTILINE)
    assert {"serve", "check", "dead-letters"} <= {line.split()[0] for line in commands}
    for line in commands:
        words = shlex.split(line, comments=True)
        known = {option for parameter in command_of(words).params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known
