"""What the kernel has counted: CPU, memory and the share that somebody else took of a core.

Rule: numbers of procfs, turned into seconds and bytes; read before and after, never in between.
Source: Linux `Documentation/filesystems/proc.rst`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["Meter", "Used", "core_busy", "cpu_of", "forget_peak", "peak_of", "resident_of"]

PROC: Final = Path("/proc")
TICKS: Final = os.sysconf("SC_CLK_TCK")
UTIME, STIME, PARENT = 11, 12, 1
"""Places in `stat` after the command's name, which is the second field and may hold blanks."""

IDLE: Final = (3, 4)
"""Columns `idle` and `iowait` of a core's line in `/proc/stat`."""


class Used(NamedTuple):
    """Seconds of a core: `cpu` of the process that it was kept for, `others` of anybody else."""

    cpu: float
    others: float


class Meter:
    """What a process and its living descendants use from now on, and others of their core."""

    def __init__(self, pid: int, core: int) -> None:
        self._pid = pid
        self._core = core
        self._cpu, self._busy = cpu_of(pid), core_busy(core)

    def read(self) -> Used:
        """Tell what was used since the meter was made."""
        cpu, busy = cpu_of(self._pid) - self._cpu, core_busy(self._core) - self._busy
        return Used(cpu, max(0.0, busy - cpu))


def cpu_of(pid: int) -> float:
    """User and system time of the process and its living descendants, in seconds."""
    stats = _stats()
    ticks = (int(stats[p][UTIME]) + int(stats[p][STIME]) for p in _tree(pid, stats))
    return sum(ticks) / TICKS


def resident_of(pid: int) -> int:
    """Resident memory of the process and its living descendants, in bytes."""
    return sum(_status(p, "VmRSS") for p in _tree(pid, _stats()))


def peak_of(pid: int) -> int:
    """Highest resident memory of one process since its start or `forget_peak`, in bytes."""
    return _status(pid, "VmHWM")


def forget_peak(pid: int) -> None:
    """Begin to measure the peak anew."""
    (PROC / str(pid) / "clear_refs").write_text("5")


def core_busy(core: int) -> float:
    """Seconds in which the core was not idle, whoever used it."""
    for line in (PROC / "stat").read_text().splitlines():
        name, *columns = line.split()
        if name == f"cpu{core}":
            ticks = [int(column) for column in columns]
            return (sum(ticks[:8]) - sum(ticks[i] for i in IDLE)) / TICKS
    raise LookupError(f"core {core} is not in /proc/stat")


def _tree(root: int, stats: dict[int, list[str]]) -> list[int]:
    found = [root]
    for pid in found:
        found.extend(child for child, stat in stats.items() if int(stat[PARENT]) == pid)
    return found


def _stats() -> dict[int, list[str]]:
    return {
        int(folder.name): stat.rpartition(")")[2].split()
        for folder in PROC.iterdir()
        if folder.name.isdigit() and (stat := _stat(folder))
    }


def _stat(folder: Path) -> str:
    try:
        return (folder / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""  # it has ended between the listing and the look


def _status(pid: int, key: str) -> int:
    for line in (PROC / str(pid) / "status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == key:
            return int(value.split()[0]) * 1024
    raise LookupError(f"process {pid} has no {key}")
