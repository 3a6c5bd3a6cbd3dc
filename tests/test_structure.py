"""The laws of the house that no linter knows: names, sizes, mirrors and owners.

Every exception stands here with its reason, and a test fails when one is not needed any more, so
the lists only shrink.
"""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parent.parent
GATEWAY: Final = sorted((ROOT / "gateway").rglob("*.py"))
TESTS: Final = sorted((ROOT / "tests").rglob("*.py"))

FILE_LINES: Final = 400
FUNCTION_LINES: Final = 60
MEDIAN_LINES: Final = 10

DRAWERS: Final = frozenset(
    {
        *("base", "common", "const", "constants", "core", "helper", "helpers", "lib", "manager"),
        *("misc", "shared", "tools", "types", "util", "utils"),
    }
)

WITHOUT_TEST: Final = {
    "gateway/routing/model.py": "frozen values and defaults: the loader's tests read each of them",
    "gateway/kafka/events.py": "a protocol: there is nothing to run",
    "gateway/kafka/record.py": "named tuples: there is nothing to run",
    "gateway/kafka/spool_events.py": "a protocol: there is nothing to run",
    "gateway/cases/events.py": "a protocol: there is nothing to run",
    "gateway/handling/caller.py": "a protocol: there is nothing to run",
    "gateway/handling/kafka_link.py": "a value: there is nothing to run",
    "gateway/__main__.py": "one line; every test of the command line runs it",
}

TESTED_BY: Final = (
    {
        f"gateway/routing/problem_codes/{module}.py": "tests/routing/test_problem_codes.py"
        for module in ("code", "of_keys", "of_references", "of_schemas", "of_syntax", "of_values")
    }
    | {
        f"gateway/handling/{module}.py": "tests/whole/test_cases.py"
        for module in (
            *("case_answers", "case_desk", "case_path"),
            *("idempotent_submission", "submission", "whole_bodies"),
        )
    }
    | {
        f"gateway/cases/{kind}_{module}.py": f"tests/cases/{test}.py"
        for kind in ("sqlite", "postgres")
        for module, test in (
            ("callbacks", "test_store_callbacks"),
            ("cases", "test_store"),
            ("keys", "test_store_keys"),
        )
    }
    | {"gateway/cases/sqlite_marks.py": "tests/cases/test_store.py"}
    | {"gateway/kafka/outbox_sending.py": "tests/kafka/test_outbox.py"}
    | {
        "gateway/handling/books.py": "tests/handling/test_pipeline.py",
        "gateway/serve/case_side.py": "tests/whole/test_case_callbacks.py",
        "gateway/serve/gauges.py": "tests/whole/test_kafka.py",
        "gateway/serve/kafka_side.py": "tests/whole/test_case_callbacks.py",
    }
    | {
        f"gateway/errors/{module}.py": "tests/test_errors.py"
        for module in ("cause", "of_broker", "of_caller", "of_department", "of_gateway")
    }
)
"""Modules that only make sense together and are tested together."""

LONG_FILES: Final[dict[str, str]] = {}

TASK_OWNERS: Final = {
    "gateway/http/client.py": "one task sends the body of a request; its exchange ends it",
    "gateway/http/server.py": "one task a request; its connection keeps and ends it",
    "gateway/kafka/broker_probe.py": "one question a broker; who asks waits for it or cancels it",
    "gateway/kafka/producer.py": "its supervisor and what it abandons; close() waits",
    "gateway/kafka/reply_reader.py": "the reader; close() waits",
    "gateway/cases/postgres_batches.py": "the batch that is being written; close() waits",
    "gateway/cases/postgres_database.py": "connecting and listening; close() waits",
    "gateway/cases/watches.py": "one reading of a case that is watched; close() waits",
    "gateway/handling/case_desk.py": "answers that are being noted; close() waits",
    "gateway/handling/http_once.py": "keys that are being freed; close() waits",
    "gateway/kafka/outbox.py": "drain, fates and orphans; close() waits",
    "gateway/kafka/topic_limits.py": "the asking for limits of topics; close() waits",
    "gateway/serve/gateway.py": "what runs beside the requests; drain_and_close() waits",
}

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), name(path))


def functions(path: Path) -> Iterator[FunctionNode]:
    return (node for node in ast.walk(parsed(path)) if isinstance(node, FunctionNode))


def lines(function: FunctionNode) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def mirror(path: Path) -> Path:
    """Where a module's test stands: the same folder under `tests/`, `test_` before the name."""
    inside = path.relative_to(ROOT / "gateway")
    return ROOT / "tests" / inside.with_name(f"test_{inside.name.lstrip('_')}")


@pytest.mark.parametrize("path", GATEWAY, ids=name)
def test_a_module_opens_with_what_it_is(path: Path) -> None:
    assert ast.get_docstring(parsed(path))


@pytest.mark.parametrize("path", [p for p in GATEWAY if p.name != "__init__.py"], ids=name)
def test_a_module_has_its_test(path: Path) -> None:
    excepted = name(path) in WITHOUT_TEST or name(path) in TESTED_BY
    assert mirror(path).is_file() != excepted


@pytest.mark.parametrize("path", GATEWAY + TESTS, ids=name)
def test_a_file_is_short(path: Path) -> None:
    is_long = len(path.read_text("utf-8").splitlines()) > FILE_LINES
    assert is_long == (name(path) in LONG_FILES)


@pytest.mark.parametrize("path", GATEWAY, ids=name)
def test_the_functions_of_a_file_are_short(path: Path) -> None:
    assert [f.name for f in functions(path) if lines(f) > FUNCTION_LINES] == []


def test_the_median_function_is_short() -> None:
    assert median(lines(f) for path in GATEWAY for f in functions(path)) < MEDIAN_LINES


@pytest.mark.parametrize("path", GATEWAY + TESTS, ids=name)
def test_no_name_is_a_drawer(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    assert not DRAWERS & {part.strip("_").removeprefix("test_") for part in parts}


@pytest.mark.parametrize("path", GATEWAY, ids=name)
def test_no_function_writes_a_global(path: Path) -> None:
    assert not any(isinstance(node, ast.Global) for node in ast.walk(parsed(path)))


@pytest.mark.parametrize("path", GATEWAY, ids=name)
def test_a_task_outside_a_group_has_a_named_owner(path: Path) -> None:
    assert _starts_loose_tasks(path) == (name(path) in TASK_OWNERS)


@pytest.mark.parametrize("path", TESTS, ids=name)
def test_a_test_replaces_nothing_of_ours(path: Path) -> None:
    source = path.read_text("utf-8")
    assert "monkeypatch" + ".setattr" not in source
    assert "unittest" + ".mock" not in source


@pytest.mark.parametrize(
    "exception", [*WITHOUT_TEST, *TESTED_BY, *TESTED_BY.values(), *LONG_FILES, *TASK_OWNERS]
)
def test_an_exception_names_a_file_that_exists(exception: str) -> None:
    assert (ROOT / exception).is_file()


def _starts_loose_tasks(path: Path) -> bool:
    """True when a task is started by the loop itself and not by a `TaskGroup`."""
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"create_task", "ensure_future"}
        and "group" not in ast.unparse(node.func.value)
        for node in ast.walk(parsed(path))
    )
