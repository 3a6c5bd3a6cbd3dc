"""The compiled form of the package: made from a copy, and held to the same tests."""

from __future__ import annotations

import ast
import importlib.machinery
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.deploy.files import DEPLOY, REPOSITORY, run

if TYPE_CHECKING:
    from pathlib import Path

COMPILE: Final = DEPLOY / "compile.py"
SUFFIXES: Final = tuple(importlib.machinery.EXTENSION_SUFFIXES)

WHOLE: Final = (
    "policies/test_balancer.py",
    "policies/test_breaker.py",
    "policies/test_retry.py",
    "entry",
    "handling/test_admission.py",
    "handling/test_pipeline.py",
    "http/test_headers.py",
    "http/test_whole_messages.py",
    "telemetry/test_metrics.py",
)
"""Tests that the compiled form has to pass as well: decisions, values, and whole gateways on real
sockets. Two files cannot run on it, for their doubles inherit from `Connection`, and an
interpreted class must not inherit from a compiled one: `http/test_bodies.py` and
`http/test_connection.py`."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of package and tests, the package compiled: the quickest way, not the fastest code."""
    if shutil.which("cc") is None:
        pytest.skip("tool missing: a C compiler (Debian's packages gcc and libc6-dev)")
    copy = tmp_path_factory.mktemp("compiled")
    ignored = shutil.ignore_patterns("__pycache__", *(f"*{suffix}" for suffix in SUFFIXES))
    for folder in ("gateway", "tests"):
        shutil.copytree(REPOSITORY / folder, copy / folder, ignore=ignored)
    for file in ("pyproject.toml", "routes.yaml"):
        shutil.copy(REPOSITORY / file, copy)
    run(sys.executable, COMPILE, "--package", copy / "gateway", "--level", "0", limit=300)
    return copy


def extensions(folder: Path) -> set[str]:
    """Return the modules that are there as extensions, by path without suffix."""
    found = (path for path in folder.rglob("*") if path.name.endswith(SUFFIXES))
    return {str(path.relative_to(folder)).partition(".")[0] for path in found}


@pytest.mark.timeout(400)
def test_the_path_of_a_request_is_compiled_and_the_rest_is_not(checkout: Path) -> None:
    compiled = extensions(checkout / "gateway")
    assert {"handling/pipeline", "http/server", "entry/door", "policies/breaker"} <= compiled
    assert not {name for name in compiled if name.startswith(("cli/", "kafka/", "operations/"))}


@pytest.mark.timeout(400)
def test_no_constant_is_a_bare_tuple_of_floats(checkout: Path) -> None:
    """mypyc 2.4 takes one of up to ten for never set: write `Final[tuple[float, ...]]`."""
    for name in extensions(checkout / "gateway") - {"native__mypyc"}:
        source = (checkout / "gateway" / name).with_suffix(".py").read_text(encoding="utf-8")
        assert bare_tuples_of_floats(source) == [], name


def test_a_bare_tuple_of_floats_is_found() -> None:
    assert bare_tuples_of_floats("A: Final = (\n    0.1,\n    0.2,\n)") == ["A"]
    assert bare_tuples_of_floats("A: Final[tuple[float, ...]] = (0.1, 0.2)") == []


def bare_tuples_of_floats(source: str) -> list[str]:
    """Return the names of constants that are given as floats and annotated with `Final` alone."""
    return [
        ast.unparse(node.target)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.AnnAssign)
        and ast.unparse(node.annotation) == "Final"
        and isinstance(node.value, ast.Tuple)
        and 0 < len(node.value.elts) <= 10
        and all(isinstance(p, ast.Constant) and isinstance(p.value, float) for p in node.value.elts)
    ]


@pytest.mark.timeout(400)
def test_the_compiled_form_passes_the_same_tests(checkout: Path) -> None:
    said = run(
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--timeout=30",
        "-p",
        "no:cacheprovider",
        *(f"tests/{name}" for name in WHOLE),
        cwd=checkout,
        limit=200,
    )
    assert " passed" in said
    assert " skipped" not in said


def test_cleaned_it_is_the_package_as_it_was(checkout: Path, tmp_path: Path) -> None:
    copy = tmp_path / "gateway"
    shutil.copytree(checkout / "gateway", copy, ignore=shutil.ignore_patterns("__pycache__"))
    run(sys.executable, COMPILE, "--package", copy, "--clean")
    assert extensions(copy) == set()
    assert {p.relative_to(copy) for p in copy.rglob("*") if p.is_file()} == {
        path.relative_to(REPOSITORY / "gateway")
        for path in (REPOSITORY / "gateway").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.endswith(SUFFIXES)
    }


def test_without_a_compiler_it_says_what_to_install(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "gateway", tmp_path / "gateway")
    done = refused("--package", str(tmp_path / "gateway"), CC="no-such-compiler")
    assert "C compiler is missing (no-such-compiler)" in done
    assert extensions(tmp_path / "gateway") == set()


def test_a_folder_that_is_not_the_package_is_named(tmp_path: Path) -> None:
    assert f"{tmp_path} is not the folder" in refused("--package", str(tmp_path))


def refused(*arguments: str, **environment: str) -> str:
    """Run it where it cannot compile; return what it says, which is one line and no traceback."""
    done = subprocess.run(
        [sys.executable, str(COMPILE), *arguments],
        env=os.environ | environment, check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("compile: ")
    assert done.stderr.count("\n") == 1
    return done.stderr
