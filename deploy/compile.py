"""Compiles the path of a request to C, for a third less CPU: `python deploy/compile.py`.

mypyc (a part of mypy) turns modules with strict types into extension modules. They are put beside
the .py files of the package, where Python takes them first; `--clean` removes them again. Nothing
else changes: both forms do the same, and the package needs neither of them to be there.

Needs a C compiler, Python's headers, mypy and setuptools, for the build only. A module that is
edited after it was compiled has to be compiled again (or cleaned): Python would run the old one.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.machinery
import importlib.util
import io
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Group(NamedTuple):
    """Modules to compile, as patterns within the package, and why these."""

    why: str
    patterns: tuple[str, ...]


GROUPS: Final = (
    Group(
        "what a request, its faults and its deadlines are made of: every other module reads them",
        ("errors/*.py", "message.py", "sweep.py", "routing/model.py"),
    ),
    Group("decisions: several a request, each a few comparisons", ("policies/*.py",)),
    Group(
        "the wire: every byte of a request and its answer passes here; the listener only opens it",
        tuple(f"http/{name}.py" for name in
              ("answers", "bodies", "client", "connection", "exchange", "headers", "parsing",
               "pool", "server", "whole_messages")),
    ),
    Group("the door: target, headers, identity and problems of each request", ("entry/*.py",)),
    Group("the path itself, from admission to the last byte", ("handling/*.py",)),
    Group(
        "what is counted and written for each request; the scrape stays as it is",
        tuple(f"telemetry/{name}.py" for name in
              ("case_meter", "cells", "department_families", "families", "family", "kafka_meter",
               "metrics", "reading", "request_log", "spool_meter", "trace")),
    ),
)  # fmt: skip
"""The one list. Loader, commands, Kafka and operations are not here: none is in the way of every
request, and aiokafka has no types that a compiler could use."""

NATIVE: Final = "native"
"""The shared library of all compiled modules is `gateway/native__mypyc` and the platform's suffix;
the extension modules are doors to it."""

ENOUGH: Final = (2, 4)
"""The first version of mypy whose compiler was tried; classes here inherit from asyncio's."""


_ASK_SUFFIX: Final = "import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))"


class CannotCompileError(Exception):
    """The text says what is missing or wrong, and what to do."""


def main(arguments: list[str] | None = None) -> int:
    """Compile or clean; 0 when done, 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument(
        "--python", type=Path, default=Path(sys.executable), help="whose gateway it is; this one's"
    )
    parser.add_argument("--package", type=Path, help="folder of the package, if it is elsewhere")
    parser.add_argument(
        "--level",
        choices=tuple("0123"),
        default="3",
        help="of optimisation; 3, the slowest to make",
    )
    parser.add_argument("--clean", action="store_true", help="remove what was compiled")
    options = parser.parse_args(arguments)
    try:
        package = _package(options.package, options.python)
        removed = clean(package)
        if options.clean:
            print(f"removed {removed} extension modules from {package}")  # noqa: T201  # a command
        else:
            count = compile_package(package, options.python, options.level)
            print(f"compiled {count} modules into {package}")  # noqa: T201
    except CannotCompileError as error:
        print(f"compile: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def clean(package: Path) -> int:
    """Remove every extension module from the package; return how many there were."""
    suffixes = importlib.machinery.EXTENSION_SUFFIXES
    built = [path for path in package.rglob("*") if path.name.endswith(tuple(suffixes))]
    for path in built:
        path.unlink()
    return len(built)


def compile_package(package: Path, python: Path, level: str) -> int:
    """Compile a copy, try it, and only then put the extensions into the package; return how many.

    Raises `CannotCompileError`; the package is then without extensions.
    """
    _require_tools()
    with tempfile.TemporaryDirectory(prefix="gateway-compile-") as name:
        folder = Path(name)
        copy = folder / "gateway"
        shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
        modules = list(_modules(copy))
        _build(folder, [str(module.relative_to(folder)) for module in modules], python, level)
        names = [".".join(module.relative_to(folder).with_suffix("").parts) for module in modules]
        _try(folder, names, python)
        for built in copy.rglob("*" + _suffix()):
            shutil.copy(built, package / built.relative_to(copy))
    return len(modules)


def _package(named: Path | None, python: Path) -> Path:
    """The folder that is named, or else the package that `python` imports."""
    if named is None:
        origin = _asked(python, "import gateway; print(gateway.__file__)")
        if not origin:
            raise CannotCompileError(f"{python} has no package gateway: install it, or --package")
        named = Path(origin).parent
    if _asked(python, _ASK_SUFFIX) != _suffix():
        raise CannotCompileError(f"{python} is another Python than {sys.executable}, which runs me")
    if not (named / "handling" / "pipeline.py").is_file():
        raise CannotCompileError(f"{named} is not the folder of the package gateway")
    return named.resolve()


def _modules(package: Path) -> Iterator[Path]:
    for group in GROUPS:
        for pattern in group.patterns:
            found = sorted(set(package.glob(pattern)) - set(package.glob("**/__init__.py")))
            if not found:
                raise CannotCompileError(f"{package} has no {pattern}: it is of another release")
            yield from found


def _require_tools() -> None:
    for tool in ("mypyc", "setuptools"):
        if importlib.util.find_spec(tool) is None:
            raise CannotCompileError(
                f"{tool} is missing: pip install 'mypy>={ENOUGH[0]}.{ENOUGH[1]}' setuptools"
            )
    from mypy.version import __version__ as version

    if tuple(map(int, version.split(".")[:2])) < ENOUGH:
        raise CannotCompileError(
            f"mypy {version} is too old: pip install 'mypy>={ENOUGH[0]}.{ENOUGH[1]}'"
        )
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    if shutil.which(compiler) is None:
        raise CannotCompileError(
            f"a C compiler is missing ({compiler}): install gcc and the C library's headers, "
            "or name yours in the variable CC"
        )
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.is_file():
        raise CannotCompileError(f"{header} is missing: install the headers of this Python")


def _asked(python: Path, code: str) -> str:
    """What `python` prints, run apart from this folder and environment; "" when it fails."""
    done = subprocess.run(  # noqa: S603  # the Python that the gateway runs with
        [python, "-I", "-c", code], check=False, capture_output=True, text=True
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def _build(folder: Path, modules: list[str], python: Path, level: str) -> None:
    """Run mypyc and the C compiler in `folder`; what they say is shown if they fail."""
    from mypyc.build import mypycify
    from setuptools import setup

    said = io.StringIO()
    try:
        with contextlib.chdir(folder), contextlib.redirect_stdout(said):
            extensions = mypycify(
                ["--ignore-missing-imports", f"--python-executable={python}", *modules],
                opt_level=level,
                debug_level="0",
                group_name=f"gateway.{NATIVE}",
            )
            setup(name="gateway", ext_modules=extensions,
                  script_args=["--quiet", "build_ext", "--inplace"])  # fmt: skip
    except SystemExit as error:
        reason = error.code if isinstance(error.code, str) else ""
        raise CannotCompileError(f"it does not compile:\n{said.getvalue()}{reason}") from None


def _try(folder: Path, names: list[str], python: Path) -> None:
    """Import all that was compiled, as it will be imported."""
    check = (
        "import importlib, sys\n"
        "files = [importlib.import_module(name).__file__ for name in sys.argv[2:]]\n"
        "sys.exit(', '.join(file for file in files if not file.endswith(sys.argv[1])) or None)"
    )
    done = subprocess.run(  # noqa: S603  # the Python that the gateway runs with
        [python, "-c", check, _suffix(), *names],
        cwd=folder, check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise CannotCompileError(f"what was compiled cannot be imported:\n{done.stderr}")


def _suffix() -> str:
    return str(sysconfig.get_config_var("EXT_SUFFIX"))


if __name__ == "__main__":
    sys.exit(main())
