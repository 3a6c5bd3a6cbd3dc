"""Every series and label that rules and dashboard use is one that the gateway exposes."""

from __future__ import annotations

from typing import Final

import pytest

from gateway.telemetry.families import describe
from tests.deploy.files import PROMETHEUS, dashboard, queries, read_yaml, rules
from tests.deploy.promql import Selector, grouped_labels, selectors

TARGET: Final = frozenset({"instance", "job"})
"""Labels that Prometheus adds to all it scrapes."""

PROCESS: Final = (
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_max_fds",
    "process_start_time_seconds",
)
"""The series of prometheus_client's process collector."""

ALERT: Final = frozenset({"alertname", "alertstate", "severity", "side", "service"})


def exposed() -> dict[str, frozenset[str]]:
    """Return the labels of every series that a scrape can bring, by its name."""
    series = dict.fromkeys((*PROCESS, "up"), TARGET) | {"ALERTS": ALERT | TARGET}
    for family in describe():
        labels = frozenset(family.labels) | TARGET
        if family.kind == "histogram":
            series[f"{family.name}_bucket"] = labels | {"le"}
            series[f"{family.name}_count"] = series[f"{family.name}_sum"] = labels
        else:
            series[family.name] = labels
    return series


def recorded() -> dict[str, frozenset[str]]:
    """Return the labels that each recording rule can leave on its series."""
    return {
        rule["record"]: grouped_labels(rule["expr"]) | {"side"}
        for rule in rules()
        if "record" in rule
    }


KNOWN: Final = exposed() | recorded()
EXPRESSIONS: Final = sorted({rule["expr"] for rule in rules()} | set(queries()))


def inputs() -> list[Selector]:
    """Return the series that the rules' own cases feed in."""
    return [
        selector
        for path in sorted((PROMETHEUS / "tests").glob("*.yaml"))
        for case in read_yaml(path)["tests"]
        for series in case["input_series"]
        for selector in selectors(series["series"])
    ]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_reads_series_and_labels_that_exist(expression: str) -> None:
    found = selectors(expression)
    for selector in found:
        assert selector.name in KNOWN
        assert selector.labels <= KNOWN[selector.name]
    available = frozenset().union(*(KNOWN[selector.name] for selector in found))
    assert grouped_labels(expression) <= available


def test_the_rules_cases_feed_in_series_that_the_gateway_exposes() -> None:
    foreign = {"instance", "job"}
    for selector in inputs():
        assert selector.labels <= exposed()[selector.name] | foreign


def test_every_family_of_the_gateway_is_on_the_dashboard_or_in_a_rule() -> None:
    used = {selector.name for expression in EXPRESSIONS for selector in selectors(expression)}
    bare = {name.removesuffix("_bucket").removesuffix("_count") for name in used}
    assert {family.name for family in describe()} <= bare


def test_the_variables_of_the_dashboard_list_labels_that_exist() -> None:
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            series, label = variable["definition"].removeprefix("label_values(")[:-1].split(", ")
            (selector,) = selectors(series)
            assert label in KNOWN[selector.name]
