"""`gateway check`: exit status, the three forms, and nothing but the result on stdout."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from tests.routing.files import GOOD, changed, write

if TYPE_CHECKING:
    from collections.abc import Mapping

BAD = changed("timeout: 3s", "timeout: 3 s").replace("title: 养老金", "titel: 养老金")


def check(*arguments: str, env: Mapping[str, str | None] | None = None) -> Result:
    return CliRunner().invoke(main, ["check", *arguments], env=env)


def test_a_good_file_exits_with_0_and_says_what_it_holds(tmp_path: Path) -> None:
    result = check(str(write(tmp_path, GOOD)))

    assert result.exit_code == 0
    assert "3 services, 2 departments, 2 channels" in result.stdout


def test_problems_exit_with_1_and_each_begins_with_its_place(tmp_path: Path) -> None:
    path = write(tmp_path, BAD)

    result = check(str(path))

    assert result.exit_code == 1
    starts = [line for line in result.stdout.splitlines() if line.startswith(str(path))]
    assert [line.split(" ")[0] for line in starts] == [f"{path}:13:14:", f"{path}:26:5:"]


def test_the_text_has_all_that_a_clerk_needs(tmp_path: Path) -> None:
    lines = check(str(write(tmp_path, BAD))).stdout.splitlines()

    assert lines[1] == "   13 |     timeout: 3 s"
    assert lines[2].index("^") == lines[1].index("3 s")
    text = "\n".join(lines[:9])
    for part in (
        'services["edu.payment"].timeout',
        "3 s",
        "ms, s, m, h, d",
        "did you mean",
        "Write `3s`.",
    ):
        assert part in text
    assert "`3 s` 不是时长。请改为 `3s`。" in text


def test_the_caret_stands_under_the_value_behind_wide_characters(tmp_path: Path) -> None:
    lines = check(str(write(tmp_path, changed('"320205"', "320205")))).stdout.splitlines()

    assert lines[2].index("^") == lines[1].index("320205") + len("教育局")


def test_json_has_the_verdict_and_the_problems(tmp_path: Path) -> None:
    path = write(tmp_path, BAD)

    result = check(str(path), "--format", "json")

    answer = json.loads(result.stdout)
    assert result.exit_code == 1
    assert answer["ok"] is False
    assert [problem["code"] for problem in answer["problems"]] == ["bad_duration", "unknown_key"]
    first = answer["problems"][0]
    assert (first["file"], first["line"], first["column"]) == (str(path), 13, 14)
    assert (first["found"], first["suggestion"]) == ("3 s", "3s")


def test_json_of_a_good_file(tmp_path: Path) -> None:
    result = check(str(write(tmp_path, GOOD)), "--format", "json")

    assert (result.exit_code, json.loads(result.stdout)) == (0, {"ok": True, "problems": []})


@pytest.mark.parametrize("form", ["text", "json", "github"])
def test_a_file_that_cannot_be_read_exits_with_2(form: str, tmp_path: Path) -> None:
    result = check(str(tmp_path / "none.yaml"), "--format", form)

    assert result.exit_code == 2
    assert "unreadable" in result.stdout
    assert "Traceback" not in result.output
    if form == "json":
        assert json.loads(result.stdout)["ok"] is False


@pytest.mark.parametrize("arguments", [["--format", "xml"], ["a", "b"], ["--frmat", "json"]])
def test_wrong_usage_exits_with_2_and_leaves_stdout_alone(arguments: list[str]) -> None:
    result = check(*arguments)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Usage:" in result.stderr


def test_annotations_are_escaped(tmp_path: Path) -> None:
    path = write(tmp_path, BAD, "a,b:c%.yaml")

    result = check(str(path), "--format", "github")

    line = result.stdout.splitlines()[0]
    assert line.startswith(
        f"::error file={tmp_path}/a%2Cb%3Ac%25.yaml,line=13,col=14,title=bad_duration "
    )
    assert line.count("::") == 2
    assert "%0A" in line
    assert len(result.stdout.splitlines()) == 2


def test_the_file_comes_from_the_environment_else_from_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, GOOD, "other.yaml")
    assert str(path) in check(env={"GATEWAY_ROUTES": str(path)}).stdout

    write(tmp_path, GOOD)
    monkeypatch.chdir(tmp_path)
    assert check(env={"GATEWAY_ROUTES": None}).stdout.startswith("routes.yaml: good")


def test_absent_secrets_are_no_problem_of_the_file(tmp_path: Path) -> None:
    assert check(str(write(tmp_path, GOOD)), env={"APP_KEY": None}).exit_code == 0


def run(path: Path, env: Mapping[str, str], stdout: int) -> int:
    command = [sys.executable, "-m", "gateway", "check", str(path)]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path.cwd()), **env}
    return subprocess.run(command, env=environment, stdout=stdout, check=False).returncode


def shown_on_a_terminal(path: Path, env: Mapping[str, str]) -> bytes:
    terminal, slave = pty.openpty()
    code = run(path, env, slave)
    os.close(slave)
    try:
        output = os.read(terminal, 65536)
    finally:
        os.close(terminal)
    assert code == 1
    return output


def test_colour_is_for_terminals_only(tmp_path: Path) -> None:
    path = write(tmp_path, BAD)

    assert b"\x1b[" in shown_on_a_terminal(path, {"TERM": "xterm"})
    assert b"\x1b[" not in shown_on_a_terminal(path, {"TERM": "xterm", "NO_COLOR": "1"})
    assert "\x1b[" not in check(str(path)).stdout


def test_a_locale_without_chinese_is_no_obstacle(tmp_path: Path) -> None:
    env = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}

    assert run(write(tmp_path, BAD), env, subprocess.DEVNULL) == 1


def test_values_cannot_act_on_the_terminal(tmp_path: Path) -> None:
    text = changed("timeout: 3s", 'timeout: "\\e[31m\\a"')

    output = check(str(write(tmp_path, text))).stdout

    assert "\x1b" not in output
    assert "\x07" not in output
