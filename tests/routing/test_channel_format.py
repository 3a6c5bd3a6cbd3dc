"""A channel as written: where it is told of its cases, and who else may read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.routing.channel_format import CHANNEL_KEYS
from gateway.routing.model import Callback, Channel, SecretKind, SecretRef
from tests.routing.files import changed, load

if TYPE_CHECKING:
    from pathlib import Path

SECRET = SecretRef(SecretKind.ENV, "APP_SIGNS")


def app(folder: Path, written: str) -> Channel:
    loaded = load(folder, changed("rate: 20/s", f"rate: 20/s, {written}"))
    assert loaded.problems == ()
    assert loaded.routes is not None
    return loaded.routes.channels["app"]


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example/cases",
        "https://app.example:8443/a/b%20c/",
        "https://app.example",
        '"https://[2606:4700::1111]/x"',
        "https://8.8.8.8/x",
    ],
)
def test_a_public_address_over_https_is_taken(url: str, tmp_path: Path) -> None:
    channel = app(tmp_path, f"callback: {{url: {url}, secret: env:APP_SIGNS}}")

    assert channel.callback == Callback(url.strip('"'), SECRET)


@pytest.mark.parametrize("url", ["http://10.1.2.3:8080/x", "https://localhost/x", "http://app/x"])
def test_an_internal_address_is_taken_when_it_is_meant(url: str, tmp_path: Path) -> None:
    channel = app(tmp_path, f"callback: {{url: {url}, secret: env:APP_SIGNS, internal: true}}")

    assert channel.callback == Callback(url, SECRET, internal=True)


def test_the_place_of_the_secret_is_kept(tmp_path: Path) -> None:
    written = "rate: 20/s, callback: {url: https://app.example/x, secret: env:APP_SIGNS}"
    loaded = load(tmp_path, changed("rate: 20/s", written))

    assert loaded.secrets[SECRET].path == ("channels", "app", "callback", "secret")


def test_credentials_in_an_address_are_shown_nowhere(tmp_path: Path) -> None:
    for url in ("https://u:made-up@app.example/x", "https://app.example/x?key=made-up"):
        written = f"rate: 20/s, callback: {{url: {url}, secret: env:APP_SIGNS}}"
        loaded = load(tmp_path, changed("rate: 20/s", written))

        assert [problem.code for problem in loaded.problems] == ["callback_credentials"]
        assert "made-up" not in repr(loaded.problems)


def test_a_secret_of_another_channel_is_refused(tmp_path: Path) -> None:
    written = "rate: 20/s, callback: {url: https://app.example/x, secret: file:/run/media}"
    loaded = load(tmp_path, changed("rate: 20/s", written))

    assert [problem.code for problem in loaded.problems] == ["secret_shared"]


def test_other_channels_may_be_let_read(tmp_path: Path) -> None:
    assert app(tmp_path, "case_readers: [media]").case_readers == ("media",)


def test_a_channel_that_is_defined_in_another_file_may_read(tmp_path: Path) -> None:
    more = 'channels: {far: {keys: [env:FAR], services: ["*"]}}\n'
    (tmp_path / "more.yaml").write_text(more)
    text = changed("rate: 20/s", "rate: 20/s, case_readers: [far]") + "include: [more.yaml]\n"

    assert load(tmp_path, text).problems == ()


def test_the_keys_that_may_be_shown_are_those_of_the_format() -> None:
    assert {"keys", "callback", "url", "secret", "case_readers"} <= CHANNEL_KEYS
