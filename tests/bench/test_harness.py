"""The harness runs, and its arithmetic is what the table says. No test here judges a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.bench.contenders import CONTENDERS, find_nginx
from tests.bench.load import Counted
from tests.bench.machine import Cores
from tests.bench.processes import find_program
from tests.bench.rounds import Comparison, Cost, Measured, Plan, Result, ratio_range
from tests.bench.table import comparison_table

if TYPE_CHECKING:
    from collections.abc import Sequence

CHECKOUT = Path(__file__).parents[2]
DIRECT = Counted(requests=100, seconds=1.0, p50=0.001, p99=0.002, refused=0, broken=0)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(seconds=1, rounds=1, connections=32, cores=Cores(0, 1), folder=tmp_path)


@pytest.fixture
def tools() -> None:
    if find_program("wrk") is None:
        pytest.skip("tool missing: wrk")
    if find_nginx() is None:
        pytest.skip("tool missing: nginx")
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one core only: the load needs another")


@pytest.mark.usefixtures("tools")
@pytest.mark.timeout(120)
def test_one_quick_round_of_ours_and_nginx_counts_no_errors(tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.json"
    options = ["--quick", "--only", "gateway,nginx", "--json", str(numbers)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", *options],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(numbers.read_text())["results"]
    assert {result["contender"] for result in results} == {"gateway", "nginx"}
    assert [result["fault"] for result in results] == ["", ""]
    assert all(result["full"]["requests"] > 0 for result in results)


def test_a_run_with_refused_answers_or_broken_connections_does_not_count() -> None:
    assert DIRECT.fault == ""
    assert Counted(100, 1.0, 0.001, 0.002, refused=1, broken=0).fault
    assert Counted(100, 1.0, 0.001, 0.002, refused=0, broken=1).fault
    assert Counted(0, 1.0, 0.0, 0.0, refused=0, broken=0).fault


def test_a_ratio_is_taken_within_a_round_only() -> None:
    ours = [Cost(0, 10.0), Cost(1, 30.0), Cost(2, 99.0)]
    others = [Cost(0, 20.0), Cost(1, 20.0)]
    assert ratio_range(ours, others) == (0.5, 1.0, 1.5)


def test_without_a_common_round_there_is_no_ratio() -> None:
    with pytest.raises(LookupError):
        ratio_range([Cost(0, 1.0)], [Cost(1, 1.0)])


def test_a_contender_that_is_not_installed_is_named_as_missing(plan: Plan) -> None:
    row = _row_of("caddy", {}, [], plan)
    assert "missing: not installed" in row


def test_a_contender_without_a_run_that_counts_has_no_numbers_and_its_fault_is_told(
    plan: Plan,
) -> None:
    failed = Result("envoy", 0, fault="no answer in 30 s")
    table = _table({"envoy": "1.40.0"}, [failed], plan)
    assert "no run counts" in _row_in(table, "envoy")
    assert "- envoy, round 1: no answer in 30 s" in table


def test_a_core_that_others_used_is_marked(plan: Plan) -> None:
    disturbed = Result("envoy", 0, full=_measured(others=0.3), light=_measured(others=0.0))
    row = _row_of("envoy", {"envoy": "1.40.0"}, [disturbed], plan)
    assert "30% (not quiet)" in row


def _measured(*, others: float) -> Measured:
    return Measured(DIRECT, cpu=0.00005, resident=1 << 20, others=others)


def _row_of(name: str, versions: dict[str, str], results: Sequence[Result], plan: Plan) -> str:
    return _row_in(_table(versions, results, plan), name)


def _table(versions: dict[str, str], results: Sequence[Result], plan: Plan) -> str:
    return comparison_table(Comparison(versions, results, DIRECT), CONTENDERS, plan, "a machine")


def _row_in(table: str, name: str) -> str:
    return next(line for line in table.splitlines() if line.startswith(f"| {name}"))
