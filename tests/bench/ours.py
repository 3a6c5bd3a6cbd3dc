"""Our gateway under measurement: this checkout, everything on, its log lines into a file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bench.load import KEY
from tests.bench.processes import Launch, Running, is_ready

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.site import Site

__all__ = [
    "CHECKOUT",
    "compile_ours",
    "find_ours",
    "launch_ours",
    "many_services",
    "our_version",
    "start_ours",
]

CHECKOUT: Final = Path(__file__).parents[2]

SERVICE: Final = """\
  {id}:
    title: {id}
    department: xishan-edu
    timeout: 3s
    retry: {{attempts: 2}}
    http: {{endpoints: [http://127.0.0.1:{origin}]}}
"""


def find_ours() -> Path | None:
    """The Python that runs it, when the checkout is there as it always is."""
    return Path(sys.executable)


def compile_ours(folder: Path) -> Path | None:
    """Make a compiled copy of the package in `folder`; None, the reason told, when that fails."""
    package = folder / "gateway"
    shutil.copytree(CHECKOUT / "gateway", package, ignore=shutil.ignore_patterns("__pycache__"))
    script = CHECKOUT / "deploy" / "compile.py"
    done = subprocess.run([sys.executable, script, "--package", package], check=False)
    return folder if done.returncode == 0 else None


def our_version(_: Path) -> str:
    """The installed distribution's version."""
    try:
        return version("gateway")
    except PackageNotFoundError:
        return "of this checkout"


def launch_ours(
    routes: Path,
    site: Site,
    kafka: str = "",
    code: Path = CHECKOUT,
    options: Sequence[str] = (),
) -> Launch:
    """How to start `gateway serve` on the site's ports; `kafka` names the brokers.

    `code` is the folder in which the package is, `options` are further ones of the command.
    """
    command = [sys.executable, "-m", "gateway", "serve", "--routes", str(routes)]
    doors = ["--listen", f"127.0.0.1:{site.port}", "--ops", f"127.0.0.1:{site.ops}"]
    broker = ["--kafka", kafka] if kafka else []
    data = ["--data", str(site.folder / "data")]
    environment = {"BENCH_KEY": KEY, "PYTHONPATH": str(code)}
    said = [*doors, *data, *broker, "--log-format", "json", *options]
    return Launch([*command, *said], environment)


def start_ours(
    routes: Path,
    site: Site,
    core: int,
    kafka: str = "",
    code: Path = CHECKOUT,
    options: Sequence[str] = (),
) -> Running:
    """Start it as `launch_ours` says and wait until the ops door says that it is ready."""
    launch = launch_ours(routes, site, kafka, code, options)
    running = Running(launch, folder=site.folder, core=core, name="gateway")
    return running.wait_until(lambda: is_ready(site.ops, "/readyz"))


def many_services(count: int, site: Site) -> tuple[Path, list[str]]:
    """Write routes with `count` services beside the usual one; return them and a path to each."""
    names = [f"bench.service-{number:05}" for number in range(count)]
    usual = site.configure("routes.yaml").read_text(encoding="utf-8")
    services = "".join(SERVICE.format(id=name, origin=site.origin) for name in names)
    routes = site.write("routes.yaml", usual + services)
    return routes, [f"/s/{name}/orders?id=1024" for name in names]
