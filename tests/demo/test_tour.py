from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from gateway.demo.callers import Callers
from gateway.demo.tour import Scene, tour
from tests.demo.scenes import APP_KEY, HERE, routes

if TYPE_CHECKING:
    from gateway.routing.model import SecretRef


def a_scene(found: dict[SecretRef, str], **changes: object) -> Scene:
    callers = Callers.of(routes(), found, HERE)
    scene = Scene(
        callers,
        entry="127.0.0.1:8080",
        ops="127.0.0.1:9464",
        broker="127.0.0.1:5000",
        broker_pid=11,
        departments_pid=12,
        log=None,
    )
    return scene._replace(**changes)  # type: ignore[arg-type]  # the caller names fields of Scene


def commands(text: str) -> list[list[str]]:
    return [shlex.split(line) for line in text.splitlines() if line.startswith("  curl")]


def test_it_names_both_doors_and_the_broker_in_memory() -> None:
    text = tour(a_scene({}))
    assert "http://127.0.0.1:8080" in text
    assert "http://127.0.0.1:9464" in text
    assert "in memory" in text
    assert "kill -KILL 11" in text


def test_the_lines_of_traffic_are_in_a_file_that_is_named() -> None:
    assert "requests.log" not in tour(a_scene({}))
    assert "made-up/requests.log" in tour(a_scene({}, log="made-up/requests.log"))


def test_every_service_has_a_command_with_a_key_that_works() -> None:
    scene = a_scene({})
    lines = commands(tour(scene))
    for service in scene.callers.routes.services:
        words = next(w for w in lines if any(f"/s/{service}" in word for word in w))
        assert f"X-Api-Key: {scene.callers.keys['app']}" in words


def test_the_keys_of_records_are_in_the_commands() -> None:
    text = tour(a_scene({}))
    assert "-H 'X-Subject: DEMO-0001'" in text
    assert "?subject=DEMO-0001" in text


def test_a_key_of_the_environment_is_never_printed() -> None:
    text = tour(a_scene({APP_KEY: "do-not-show"}))
    assert "do-not-show" not in text
    assert '-H "X-Api-Key: $APP_KEY"' in text


def test_without_a_broker_nothing_is_said_about_one() -> None:
    text = tour(a_scene({}, broker=None, broker_pid=None, departments_pid=None))
    assert "broker" not in text
    assert "kill" not in text
