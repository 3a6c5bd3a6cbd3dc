"""The operators' page names what is there, and what it names is there."""

from __future__ import annotations

import re
from typing import Final

from tests.deploy.files import DEPLOY, alerts

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
