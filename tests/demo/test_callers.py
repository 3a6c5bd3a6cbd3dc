from __future__ import annotations

from gateway.demo.callers import Callers
from tests.demo.scenes import APP_KEY, HERE, MEDIA_KEY, routes


def test_keys_that_are_missing_are_made_up() -> None:
    callers = Callers.of(routes(), {}, HERE)
    assert set(callers.made_up) == {APP_KEY, MEDIA_KEY}
    assert callers.keys == {"app": callers.made_up[APP_KEY], "media": callers.made_up[MEDIA_KEY]}
    assert len(set(callers.keys.values())) == 2


def test_two_runs_have_different_keys() -> None:
    first, second = (Callers.of(routes(), {}, HERE) for _ in range(2))
    assert first.keys["app"] != second.keys["app"]


def test_a_key_that_was_found_is_used_and_never_shown() -> None:
    callers = Callers.of(routes(), {APP_KEY: "of-the-app", MEDIA_KEY: "of-the-media"}, HERE)
    assert callers.keys == {"app": "of-the-app", "media": "of-the-media"}
    assert callers.made_up == {}
    assert callers.spoken == {"app": "$APP_KEY", "media": "$(cat /etc/gateway/secrets/media)"}


def test_grants_are_by_pattern() -> None:
    granted = [(channel.id, service.id) for channel, service in a_demo().granted()]
    assert [service for channel, service in granted if channel == "media"] == ["edu.payment"]
    assert len([service for channel, service in granted if channel == "app"]) == 4


def a_demo() -> Callers:
    return Callers.of(routes(), {}, HERE)
