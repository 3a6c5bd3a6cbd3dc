"""Where the deployment's files are, and how tests read them and call the tools that check them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY: Final = Path(__file__).parents[2]
DEPLOY: Final = REPOSITORY / "deploy"
PROMETHEUS: Final = DEPLOY / "prometheus"
DASHBOARD: Final = DEPLOY / "grafana" / "dashboards" / "gateway.json"

Document = dict[str, Any]


def read_yaml(path: Path) -> Document:
    """Read one of our own YAML files."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def rules() -> Iterator[Document]:
    """Yield every recording and alert rule."""
    for path in sorted((PROMETHEUS / "rules").glob("*.yaml")):
        for group in read_yaml(path)["groups"]:
            yield from group["rules"]


def alerts() -> list[Document]:
    return [rule for rule in rules() if "alert" in rule]


def dashboard() -> Document:
    """Read the dashboard."""
    document = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def queries() -> Iterator[str]:
    """Yield every PromQL expression of the dashboard, its variables set to something."""
    board = dashboard()
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield with_variables(target["expr"])
    for annotation in board["annotations"]["list"]:
        if "expr" in annotation:
            yield with_variables(annotation["expr"])


def with_variables(expression: str) -> str:
    """Do what Grafana does before it asks Prometheus."""
    for variable in ("service", "department", "channel", "instance"):
        expression = expression.replace(f"${variable}", ".*")
    return expression.replace("$__range", "3h")


def tool(name: str, package: str) -> str:
    """Return the path of a program, or skip the test: CI fails on a skip for this reason."""
    path = shutil.which(name) or shutil.which(name, path=Path(sys.executable).parent)
    if path is None:
        pytest.skip(f"tool missing: {name} ({package})")
    return path


def run(*command: str | Path, cwd: Path | None = None, limit: float = 120) -> str:
    """Run a program to its end and return what it says; it has to end with 0 within `limit` s."""
    done = subprocess.run(
        command, check=False, cwd=cwd, capture_output=True, text=True, timeout=limit
    )
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def promtool(*arguments: str | Path, cwd: Path = PROMETHEUS) -> str:
    return run(tool("promtool", "Debian's package prometheus"), *arguments, cwd=cwd)
