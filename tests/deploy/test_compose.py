"""compose.yaml without an engine: its form, and that all it refers to is there and safe."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

from tests.deploy.files import DEPLOY, REPOSITORY, read_yaml, run

COMPOSE: Final = DEPLOY / "compose.yaml"
CHECKER: Final = Path(__file__).parent / "compose"
SERVICES: Final[dict[str, dict[str, Any]]] = read_yaml(COMPOSE)["services"]
ONCE: Final = {name for name, service in SERVICES.items() if service["restart"] == "no"}


every_service: Final = pytest.mark.parametrize("name", SERVICES)


def mounts(service: dict[str, Any]) -> list[tuple[str, str]]:
    return [tuple(mount.split(":")[:2]) for mount in service.get("volumes", ())]


@pytest.mark.timeout(300)
def test_the_library_of_docker_compose_accepts_the_file(tmp_path: Path) -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go: compose.yaml is checked by the other tests of this module only")
    if subprocess.run([go, "mod", "download"], cwd=CHECKER, check=False).returncode:
        pytest.skip("compose-go cannot be fetched: checked by the other tests of this module only")
    checker = tmp_path / "composecheck"
    run(go, "build", "-o", checker, ".", cwd=CHECKER, limit=240)
    run(checker, COMPOSE)


def test_it_has_all_that_an_operator_looks_at() -> None:
    assert {"gateway", "kafka", "prometheus", "grafana", "department"} <= set(SERVICES)


@every_service
def test_an_image_has_a_version(name: str) -> None:
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", SERVICES[name]["image"])


def test_the_gateway_s_image_has_the_version_of_the_project() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    images = {SERVICES[name]["image"] for name in ("gateway", "keys", "department")}
    assert images == {f"gateway:{project['version']}"}


@every_service
def test_what_runs_on_is_watched_and_what_runs_once_is_waited_for(name: str) -> None:
    service = SERVICES[name]
    if name in ONCE:
        waits = [
            other["depends_on"].get(name) for other in SERVICES.values() if "depends_on" in other
        ]
        assert {"condition": "service_completed_successfully"} in waits
    elif name == "gateway":  # its image brings the check
        assert "HEALTHCHECK" in (DEPLOY / "Dockerfile").read_text()
    else:
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["restart"] == "unless-stopped"


@every_service
def test_a_container_has_no_right_that_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"] > 0
    assert service.get("cap_add", []) == (["CHOWN"] if name == "keys" else [])
    assert "privileged" not in service
    assert "user" not in service or name == "keys"


@every_service
def test_a_port_is_published_on_this_machine_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@every_service
def test_no_secret_stands_in_the_file(name: str) -> None:
    for variable in SERVICES[name].get("environment", {}):
        words = ("PASSWORD", "SECRET", "TOKEN", "KEY")
        assert variable.endswith("__FILE") or not any(word in variable for word in words)


@every_service
def test_all_that_a_service_refers_to_is_there(name: str) -> None:
    document, service = read_yaml(COMPOSE), SERVICES[name]
    assert set(service.get("depends_on", ())) <= set(SERVICES)
    assert set(service.get("networks", ())) <= set(document["networks"])
    for source, _ in mounts(service):
        assert (
            (DEPLOY / source).exists() if source.startswith(".") else source in document["volumes"]
        )


def test_the_gateway_s_data_outlives_its_container_and_is_no_one_else_s() -> None:
    assert ("data", "/var/lib/gateway") in mounts(SERVICES["gateway"])
    users = [name for name, service in SERVICES.items() if "data" in dict(mounts(service))]
    assert users == ["gateway"]
    assert SERVICES["gateway"]["environment"]["GATEWAY_INSTANCE"] == "gateway"


def test_every_volume_and_network_is_used() -> None:
    document = read_yaml(COMPOSE)
    sources = {source for service in SERVICES.values() for source, _ in mounts(service)}
    networks = {network for service in SERVICES.values() for network in service.get("networks", ())}
    assert set(document["volumes"]) <= sources
    assert set(document["networks"]) == networks


def test_departments_and_broker_have_no_way_out() -> None:
    assert read_yaml(COMPOSE)["networks"]["departments"] == {"internal": True}
    assert SERVICES["kafka"]["networks"] == SERVICES["department"]["networks"] == ["departments"]


def test_the_gateway_s_targets_of_prometheus_are_its_name_and_port_here() -> None:
    targets = (DEPLOY / "prometheus" / "targets" / "gateway.yaml").read_text()
    assert "[gateway:9464]" in targets
    assert {"gateway", "prometheus"} <= {
        name for name, service in SERVICES.items() if "monitoring" in service.get("networks", ())
    }
