"""The Prometheus configuration and its rules, as Prometheus' own tool sees them."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest

from gateway.errors import CAUSES, Side
from tests.deploy.files import PROMETHEUS, alerts, promtool, read_yaml, rules

CAUSE_LIST: Final = re.compile(r'cause=~"([^"]*)"')
RUNBOOK: Final = ("Means: ", "Side: ", "Look 1: ", "Look 2: ", "Look 3: ", "Do: ")
RUNBOOK_ZH: Final = ("含义：", "责任方：", "先看 1：", "先看 2：", "先看 3：", "处理：")
TESTS: Final = sorted((PROMETHEUS / "tests").glob("*.yaml"))


def named(alert: dict[str, Any]) -> str:
    return str(alert["alert"])


def test_prometheus_accepts_the_configuration_and_finds_the_rules() -> None:
    said = promtool("check", "config", "prometheus.yml")
    assert f"{len(list((PROMETHEUS / 'rules').glob('*.yaml')))} rule files found" in said


@pytest.mark.timeout(180)
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_rules_do_what_their_cases_say(path: Any) -> None:
    promtool("test", "rules", path)


def test_each_list_of_causes_is_the_side_s_list_in_the_causes_table() -> None:
    mapped = {}
    for rule in read_yaml(PROMETHEUS / "rules" / "causes.yaml")["groups"][0]["rules"]:
        if rule.get("record") == "cause:gateway_requests_failed:rate5m":
            mapped[rule["labels"]["side"]] = CAUSE_LIST.findall(rule["expr"])
    assert mapped == {side.value: [causes_of(side)] for side in Side}


def test_the_objective_counts_the_causes_of_the_gateway_alone() -> None:
    lists = [
        cause_list
        for rule in read_yaml(PROMETHEUS / "rules" / "causes.yaml")["groups"][1]["rules"]
        for cause_list in CAUSE_LIST.findall(rule["expr"])
    ]
    assert lists == [causes_of(Side.GATEWAY)] * 4


def causes_of(side: Side) -> str:
    return "|".join(cause.code for cause in CAUSES.values() if cause.side is side)


def test_every_cause_that_any_rule_names_exists() -> None:
    named_causes = {
        cause
        for rule in rules()
        for causes in re.findall(r'cause(?:=|!=|=~|!~)"([^"]*)"', rule["expr"])
        for cause in causes.split("|")
    }
    assert named_causes <= {*CAUSES, "none"}


@pytest.mark.parametrize("alert", alerts(), ids=named)
def test_an_alert_says_how_bad_it_is_and_who_has_to_act(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert alert["labels"]["side"] in set(Side)


@pytest.mark.parametrize("alert", alerts(), ids=named)
def test_an_alert_carries_its_runbook_in_both_languages(alert: dict[str, Any]) -> None:
    annotations = alert["annotations"]
    assert set(annotations) == {"summary", "summary_zh", "runbook", "runbook_zh"}
    for parts, text in ((RUNBOOK, annotations["runbook"]), (RUNBOOK_ZH, annotations["runbook_zh"])):
        lines = text.splitlines()
        assert [line[: len(part)] for line, part in zip(lines, parts, strict=True)] == list(parts)
        assert all(len(line) > len(part) for line, part in zip(lines, parts, strict=True))


@pytest.mark.parametrize("alert", alerts(), ids=named)
def test_an_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(
    alert: dict[str, Any],
) -> None:
    asked = f'ALERTS{{alertname="{alert["alert"]}", alertstate="firing"}}'
    expected = [
        bool(check["exp_samples"])
        for path in TESTS
        for case in read_yaml(path)["tests"]
        for check in case["promql_expr_test"]
        if check["expr"] == asked
    ]
    assert sorted(expected) == [False, True]
