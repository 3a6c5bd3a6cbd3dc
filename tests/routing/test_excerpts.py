"""Lines that problems show: enough to find the place, and never a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.routing.files import GOOD, changed, load

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "hunter2"
"""Made up."""


def excerpts(folder: Path, text: str) -> list[str | None]:
    return [problem.excerpt for problem in load(folder, text).problems]


def test_the_line_is_shown_without_its_comment(tmp_path: Path) -> None:
    text = changed("    timeout: 3s", "    timeout: 3  # s is meant")

    assert excerpts(tmp_path, text) == ["    timeout: 3"]


def test_a_line_that_is_too_long_is_not_shown(tmp_path: Path) -> None:
    assert excerpts(tmp_path, changed("timeout: 3s", f"timeout: {'3' * 200}")) == [None]


def test_of_a_file_that_breaks_off_only_what_precedes_is_shown(tmp_path: Path) -> None:
    text = changed("timeout: 3s", 'timeout: "3s')

    assert excerpts(tmp_path, text) == ['    timeout: "']


def test_of_a_channel_that_breaks_off_nothing_is_shown(tmp_path: Path) -> None:
    assert excerpts(tmp_path, changed("[env:APP_KEY]", "[env:APP_KEY")) == [None]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("env:APP_KEY", SECRET),
        ("env:APP_KEY", f"env:{SECRET}-x"),
        ("env:APP_KEY", f"env: {SECRET}"),
        ("env:APP_KEY", f"!{SECRET} x"),
        ("env:APP_KEY", f"*{SECRET}"),
        ("env:APP_KEY", f"&{SECRET} x"),
        ("env:APP_KEY", f"&{SECRET} env:APP_KEY"),
        ("env:APP_KEY", f"&{SECRET}"),
        ("env:APP_KEY", f"@{SECRET}"),
        ("env:APP_KEY", f'"{SECRET}'),
        ("env:APP_KEY", f"[{SECRET}]"),
        ("env:APP_KEY", f"{{{SECRET}: x}}"),
        ("env:APP_KEY", f"env:A, env:B, {SECRET}"),
        ("env:APP_KEY", f"env:A, {SECRET}\x01"),
        ("[env:APP_KEY]", SECRET),
        ("[env:APP_KEY]", f"{{a: {SECRET}}}"),
        ("[env:APP_KEY]", f"{{{SECRET}: }}"),
        ("[env:APP_KEY]", f"[{SECRET}"),
        ("[env:APP_KEY]", f"&{SECRET} [env:APP_KEY]"),
        ("keys: [env:APP_KEY]", f"keys: [env:A], keys:{SECRET}"),
        ("[env:APP_KEY]", f"{SECRET}: x"),
        ("[env:APP_KEY]", f"|\n    {SECRET}"),
        ("keys: [env:APP_KEY]", f"key: {SECRET}"),
        ("keys: [env:APP_KEY]", f"Keys: [{SECRET}]"),
        ("keys: [env:APP_KEY]", f"keys: [env:A], {SECRET}: x"),
        ("keys: [env:APP_KEY]", f"keys: [env:A], token: {SECRET}"),
        ("keys: [env:APP_KEY]", f"keys: [env:A], keys: [{SECRET}]"),
        ("keys: [env:APP_KEY]", f"keys: [env:A], burst: [{SECRET}]"),
        ("rate: 20/s}", f"rate: 20}}  # {SECRET}"),
        ("{name: 人社局}", f"{{name: 人社局, keys: [{SECRET}]}}"),
        ("{name: 人社局}", f"{{name: 人社局, password: {SECRET}}}"),
        ("    timeout: 3s", f"    keys: [{SECRET}]"),
        ("    timeout: 3s", f"    api_key: {SECRET}"),
        ("http://127.0.0.1:9101", f"http://user:{SECRET}@127.0.0.1:9101"),
        ("http://127.0.0.1:9101", f"user:{SECRET}@127.0.0.1:9101"),
        ("http://127.0.0.1:9101", f"http://127.0.0.1:9101/?key={SECRET}"),
        ("http://127.0.0.1:9101", f"http://127.0.0.1:9101#{SECRET}"),
        ("http://127.0.0.1:9101", f"http://127.0.0.1:9101;key={SECRET}"),
        ("http://127.0.0.1:9101", f"http://user:{SECRET}@127.0.0.1:9101 x: y"),
        ("http://127.0.0.1:9101,", f"http://user:{SECRET}@127.0.0.1:9101 {{,"),
        ("version: 1", f"keys: [{SECRET}]"),
        ("version: 1", f"*{SECRET}"),
        ("version: 1", f"? {SECRET}"),
        ("channels:\n", f"channels:\n  keys {SECRET}: x\n"),
        ("  app: {name: App, keys: [env:APP_KEY]", f"  *x app: {{name: App, keys: [{SECRET}]"),
        ("keys: [env:APP_KEY]", f"key, [{SECRET}]"),
        ("  hrss: {name: 人社局}\n", f"  hrss: {{name: 人社局\n  app: {{keys: [{SECRET}]}}\n"),
    ],
)
def test_a_secret_is_shown_nowhere(old: str, new: str, tmp_path: Path) -> None:
    loaded = load(tmp_path, changed(old, new))

    assert loaded.problems
    assert SECRET not in repr(loaded.problems)


def test_a_secret_on_the_line_of_another_mistake_is_masked(tmp_path: Path) -> None:
    text = changed("[env:APP_KEY]", f"[{SECRET}]").replace("rate: 20/s", "rate: 20")

    shown = excerpts(tmp_path, text)

    assert shown == ['  app: {name: App, keys: *********, services: ["*"], rate: 20}'] * 2


def test_a_secret_over_several_lines_is_masked_on_each(tmp_path: Path) -> None:
    text = "version: 1\nchannels:\n  app:\n    services: [\n    ]\n"
    text += f"    keys: {{a:\n      {SECRET}, b: &x 1}}\n"

    loaded = load(tmp_path, text + GOOD[GOOD.index("services:\n") :])

    assert {problem.code for problem in loaded.problems} >= {"wrong_type", "alias", "empty_list"}
    assert SECRET not in repr(loaded.problems)
