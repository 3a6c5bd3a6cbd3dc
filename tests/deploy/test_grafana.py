"""The dashboard and its provisioning: what Grafana needs, and what its readers were promised."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest
import yaml

from gateway.errors import CAUSES, Side
from tests.deploy.files import DEPLOY, dashboard, promtool, queries, read_yaml

HAN: Final = re.compile(r"[\u4e00-\u9fff]")
KINDS: Final = {"row", "stat", "state-timeline", "table", "timeseries"}
WIDTH: Final = 24


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def title(panel: dict[str, Any]) -> str:
    return str(panel["title"])


def test_identifiers_are_unique_and_kinds_are_those_that_grafana_ships() -> None:
    everything = dashboard()["panels"]
    assert len({panel["id"] for panel in everything}) == len(everything)
    assert {panel["type"] for panel in everything} == KINDS


def test_panels_lie_in_the_grid_and_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        columns = range(place["x"], place["x"] + place["w"])
        assert columns.stop <= WIDTH
        cells = {(x, y) for x in columns for y in range(place["y"], place["y"] + place["h"])}
        assert not taken & cells
        taken |= cells


def test_the_rows_ask_whose_fault_it_is_in_order() -> None:
    rows = [panel["title"] for panel in dashboard()["panels"] if panel["type"] == "row"]
    words = (
        "Verdict",
        "Departments",
        "Broker",
        "Kafka departments",
        "Gateway itself",
        "Callers",
        "Routes",
    )
    assert [row.startswith(word) for row, word in zip(rows, words, strict=True)] == [True] * 7


@pytest.mark.parametrize("panel", panels(), ids=title)
def test_a_panel_explains_itself_in_both_languages(panel: dict[str, Any]) -> None:
    english, chinese = panel["description"].split("\n\n")
    assert not HAN.search(english)
    assert HAN.search(chinese)


@pytest.mark.parametrize("panel", panels(), ids=title)
def test_a_panel_reads_from_the_data_source_that_the_reader_chooses(panel: dict[str, Any]) -> None:
    sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
    assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)
    references = [target["refId"] for target in panel["targets"]]
    assert len(set(references)) == len(references)


def test_every_variable_that_a_query_uses_is_declared() -> None:
    board = dashboard()
    declared = {variable["name"] for variable in board["templating"]["list"]}
    assert {"datasource", "service", "department"} <= declared
    text = " ".join(target["expr"] for panel in panels() for target in panel["targets"])
    assert set(re.findall(r"\$(?!__)(\w+)", text)) == declared - {"datasource"}


def test_prometheus_can_read_every_query(tmp_path: Any) -> None:
    recorded = [{"record": f"panel:{n}", "expr": query} for n, query in enumerate(queries())]
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}))
    assert f"{len(recorded)} rules found" in promtool("check", "rules", path)


def test_causes_that_a_query_names_are_the_gateway_s_own() -> None:
    own = "|".join(cause.code for cause in CAUSES.values() if cause.side is Side.GATEWAY)
    lists = [found for query in queries() for found in re.findall(r'cause=~"([^"]*)"', query)]
    assert lists == [own]


def test_provisioning_points_to_the_data_source_and_the_folder_of_the_compose_file() -> None:
    provisioning = DEPLOY / "grafana" / "provisioning"
    (source,) = read_yaml(provisioning / "datasources" / "prometheus.yaml")["datasources"]
    (provider,) = read_yaml(provisioning / "dashboards" / "gateway.yaml")["providers"]
    services = read_yaml(DEPLOY / "compose.yaml")["services"]
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in services
    mounts = [mount.split(":")[:2] for mount in services["grafana"]["volumes"]]
    assert ["./grafana/dashboards", provider["options"]["path"]] in mounts
