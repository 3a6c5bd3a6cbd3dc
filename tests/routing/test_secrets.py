"""Secrets at start: found by reference, fit for a header, one to a channel, never shown."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from gateway.routing.loader import SecretPlace
from gateway.routing.model import SecretKind, SecretRef
from gateway.routing.secrets import Resolved, resolve_secrets
from gateway.routing.sources import read_bounded

if TYPE_CHECKING:
    from pathlib import Path

APP = SecretRef(SecretKind.ENV, "APP_KEY")
MEDIA = SecretRef(SecretKind.FILE, "media.key")
PLACES = {
    APP: SecretPlace("routes.yaml", 6, 27, ("channels", "app", "keys", 0)),
    MEDIA: SecretPlace("routes.yaml", 7, 18, ("channels", "media", "keys", 0)),
}


def resolve(folder: Path, app: str | None, media: bytes | None) -> Resolved:
    if media is not None:
        (folder / "media.key").write_bytes(media)
    environ = {} if app is None else {"APP_KEY": app}
    return resolve_secrets(PLACES, environ, read_bounded, folder)


def codes(resolved: Resolved) -> list[tuple[str, int, str]]:
    return [(problem.code, problem.line, problem.path) for problem in resolved.problems]


def test_values_come_from_the_environment_and_from_files(tmp_path: Path) -> None:
    resolved = resolve(tmp_path, "made-up-1", b"made-up-2\n")

    assert resolved == ({APP: "made-up-1", MEDIA: "made-up-2"}, ())


def test_one_line_end_behind_a_file_is_no_part_of_the_value(tmp_path: Path) -> None:
    assert resolve(tmp_path, "a", b"b\r\n").values[MEDIA] == "b"
    assert codes(resolve(tmp_path, "a", b"b\n\n"))[0][0] == "secret_unusable"


def test_an_absent_secret_is_a_problem_at_its_reference(tmp_path: Path) -> None:
    assert codes(resolve(tmp_path, None, None)) == [
        ("secret_absent", 6, "channels.app.keys[0]"),
        ("secret_absent", 7, "channels.media.keys[0]"),
    ]


def test_a_value_that_no_header_can_carry_is_refused_and_not_shown(tmp_path: Path) -> None:
    for value in (b"", b"made up", "密".encode(), b"x" * 513, b"x" * 100_000, b"a\x00b"):
        resolved = resolve(tmp_path, "a", value)

        assert codes(resolved) == [("secret_unusable", 7, "channels.media.keys[0]")]
        assert MEDIA not in resolved.values
        assert "made up" not in repr(resolved.problems)


def test_two_references_with_one_value_cannot_tell_channels_apart(tmp_path: Path) -> None:
    resolved = resolve(tmp_path, "made-up-1", b"made-up-1")

    assert codes(resolved) == [("secret_not_unique", 7, "channels.media.keys[0]")]
    assert "routes.yaml:6:27" in resolved.problems[0].message
    assert "made-up-1" not in repr(resolved.problems)


SIGNS = SecretRef(SecretKind.ENV, "APP_SIGNS")
PLACE = SecretPlace("routes.yaml", 6, 90, ("channels", "app", "callback", "secret"))


def resolve_signing(folder: Path, value: str) -> Resolved:
    return resolve_secrets({SIGNS: PLACE}, {"APP_SIGNS": value}, read_bounded, folder)


def test_what_signs_callbacks_is_resolved_as_keys_are(tmp_path: Path) -> None:
    for length in (24, 32, 64):
        value = "whsec_" + b64encode(b"x" * length).decode()
        assert resolve_signing(tmp_path, value) == ({SIGNS: value}, ())
    assert resolve_signing(tmp_path, "x" * 24).problems == ()


def test_what_cannot_sign_callbacks_is_refused_and_not_shown(tmp_path: Path) -> None:
    short, long = (b64encode(b"x" * length).decode() for length in (23, 65))
    for value in ("made-up", f"whsec_{short}", f"whsec_{long}", "whsec_not-base64-at-all-made-up"):
        resolved = resolve_signing(tmp_path, value)

        assert [problem.code for problem in resolved.problems] == ["callback_secret_unusable"]
        assert resolved.values == {}
        assert value not in repr(resolved.problems)
