"""What compose.yaml starts beside the gateway: its routes, topics, keys and demo department."""

from __future__ import annotations

import os
import re
import runpy
import stat
import sys
from typing import TYPE_CHECKING, Any, Final

from gateway.kafka.dead_letter_form import SUFFIX
from gateway.routing.loader import load_routes
from tests.deploy.files import DEPLOY, read_yaml, run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SERVICES: Final[dict[str, Any]] = read_yaml(DEPLOY / "compose.yaml")["services"]
ROUTES_FILE: Final = DEPLOY / "compose" / "routes" / "routes.yaml"
ROUTES: Final = read_yaml(ROUTES_FILE)
KEYS: Final = DEPLOY / "compose" / "keys.py"


def topics() -> set[str]:
    """Return every topic that a service of the routes needs."""
    backends = [service["kafka"] for service in ROUTES["services"].values() if "kafka" in service]
    names = ("topic", "reply_topic", "status_topic")
    return {kafka[name] for kafka in backends for name in names if name in kafka}


def test_the_gateway_takes_the_routes() -> None:
    assert load_routes(ROUTES_FILE).problems == ()


def test_every_topic_of_the_routes_is_made() -> None:
    (script,) = SERVICES["topics"]["command"]
    made = re.search(r"for topic in (.*); do", script)
    assert made is not None
    assert set(made[1].split()) == topics()


def test_every_topic_has_a_topic_for_its_dead_letters() -> None:
    (script,) = SERVICES["topics"]["command"]
    assert f'for name in "$$topic" "$$topic{SUFFIX}"; do' in script


def test_the_demo_department_plays_every_service_of_the_routes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KAFKA", "kafka:9092")
    plan = runpy.run_path(str(DEPLOY / "compose" / "department.py"))["PLAN"]
    played = {
        door.service: {"endpoints": [f"http://department:{door.port}"], "path": door.path}
        for door in plan.doors
    } | {topic.service: (topic.topic, topic.replies) for topic in plan.topics}
    assert played == {
        name: service.get("http")
        or (service["kafka"]["topic"], service["kafka"]["mode"] == "reply")
        for name, service in ROUTES["services"].items()
    }


def test_every_key_that_is_read_is_made_for_the_user_that_reads_it() -> None:
    made = dict(key.split(":", 1) for key in SERVICES["keys"]["command"])
    references = [key for channel in ROUTES["channels"].values() for key in channel["keys"]]
    assert references == ["file:/run/keys/sufuban"]
    assert "USER 10001:10001" in (DEPLOY / "Dockerfile").read_text()
    assert made["sufuban"] == "10001:10001"
    password = SERVICES["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD__FILE"]
    assert password == "/run/keys/grafana"
    assert "grafana" in made


def test_a_key_is_random_and_its_owner_s_alone(tmp_path: Path) -> None:
    owner = f"{os.getuid()}:{os.getgid()}"
    run(sys.executable, KEYS, tmp_path, f"one:{owner}", f"two:{owner}")
    one, two = tmp_path / "one", tmp_path / "two"
    assert len(one.read_text()) == len(two.read_text()) == 43
    assert one.read_text() != two.read_text()
    assert stat.S_IMODE(one.stat().st_mode) == 0o400


def test_a_key_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("kept")
    run(sys.executable, KEYS, tmp_path, f"one:{os.getuid()}:{os.getgid()}")
    assert (tmp_path / "one").read_text() == "kept"
