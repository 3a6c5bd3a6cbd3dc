"""A dry run decides as the data path decides, and asks no network."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from gateway.cli.dry_run import Asked, dry_run
from gateway.routing.loader import load_routes

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.cli.dry_run import Explanation

ROUTES = """\
version: 1
departments: {edu: {name: 教育局, phone: "0510-88880000"}}
channels: {app: {keys: [env:KEY], services: ["*"], rate: 1/s, burst: 1}}
services:
  edu.a: {title: A, department: edu, http: {endpoints: ["http://department.invalid:80"]}}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "routes.yaml"
    path.write_text(ROUTES, encoding="utf-8")
    return path


def asked(
    path: Path, target: str, channel: str | None = "app", key: str | None = None
) -> Explanation:
    headers = [(b"Host", b"gateway.example")]
    if key is not None:
        headers.append((b"X-Api-Key", key.encode()))
    request = Asked("GET", target, tuple(headers))
    loaded = load_routes(path)
    return asyncio.run(dry_run(loaded, path.parent, request, channel, {"KEY": "key-of-a-test"}))


def test_a_department_whose_name_does_not_resolve_is_explained(path: Path) -> None:
    explanation = asked(path, "/s/edu.a/x?y=1")
    assert explanation.fault is None
    assert explanation.sent is not None
    assert explanation.sent["urls"] == ["http://department.invalid:80/x?y=1"]


def test_the_key_names_the_channel_when_none_is_given(path: Path) -> None:
    explanation = asked(path, "/s/edu.a", channel=None, key="key-of-a-test")
    assert explanation.channel is not None
    assert explanation.channel.id == "app"


def test_a_wrong_key_is_refused_and_the_service_is_shown_all_the_same(path: Path) -> None:
    explanation = asked(path, "/s/edu.a", channel=None, key="a-wrong-key-of-a-test")
    assert explanation.status == 401
    assert explanation.service is not None
    assert explanation.steps


def test_explaining_twice_spends_nobodys_rate(path: Path) -> None:
    for _ in range(3):
        assert asked(path, "/s/edu.a").fault is None


def test_a_record_of_a_kafka_service_is_shown_without_a_broker(path: Path) -> None:
    kafka = "kafka: {topic: a, mode: reply, reply_topic: b, profile: spring}"
    http = 'http: {endpoints: ["http://department.invalid:80"]}'
    path.write_text(ROUTES.replace(http, kafka), encoding="utf-8")

    explanation = asked(path, "/s/edu.a")

    assert explanation.sent is not None
    assert (explanation.sent["topic"], explanation.sent["profile"]) == ("a", "spring")


def test_routes_with_problems_are_no_question_for_a_dry_run(path: Path) -> None:
    path.write_text(ROUTES.replace("version: 1", "version: 2"), encoding="utf-8")
    with pytest.raises(ValueError, match="problems"):
        asked(path, "/s/edu.a")
