"""The machine of a run: which core does what, and what to print beside the numbers."""

from __future__ import annotations

import os
import platform
import signal
import sys
from pathlib import Path
from typing import NamedTuple

__all__ = ["Cores", "describe", "split_cores"]


class Cores(NamedTuple):
    """`gateway` is used by the gateway alone, `load` by the generator, the origin and this code."""

    gateway: int
    load: int


def split_cores() -> Cores:
    """Take the first two cores that this process may use, and stay off the gateway's own.

    Programs that are started from now on inherit the load's core. SIGTERM becomes an ordinary end,
    so that they are ended as well. Raises `SystemExit` when there is one core only.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise SystemExit("core missing: one is for the gateway alone, another for the load")
    cores = Cores(usable[0], usable[1])
    os.sched_setaffinity(0, {cores.load})
    return cores


def describe() -> str:
    """One line: processor, cores, memory, kernel, Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB; "
        f"{platform.system()} {platform.release()}; "
        f"{platform.python_implementation()} {sys.version.split()[0]}"
    )


def _processor() -> str:
    first = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    pairs = (line.partition(":") for line in first)
    known = {name.strip(): value.strip() for name, _, value in pairs}
    name = known.get("model name", platform.machine())
    family, model = known.get("cpu family"), known.get("model")
    return f"{name} (family {family}, model {model})" if family else name
