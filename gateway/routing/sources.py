"""The files behind one routes.yaml: reading them, finding included ones, and their digest.

Room rule: the only I/O of this room, bounded: regular files only, at most `MAX_FILE` bytes each.
Files are found by content of the resolved path, because ConfigMaps swap symbolic links and bind
mounts keep their time stamps. Call from a thread where an event loop runs.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from fnmatch import translate
from pathlib import Path, PurePosixPath
from re import compile as compile_pattern
from typing import TYPE_CHECKING, Final, NamedTuple

from gateway.errors import StartError, Text
from gateway.routing.problem import Problem, make_problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "MAX_FILE",
    "MAX_TOTAL",
    "Found",
    "Included",
    "UnreadableFileError",
    "digest_of",
    "find_included",
    "included_files",
    "names_in",
    "read_bounded",
    "read_main",
    "shown",
]

MAX_FILE: Final = 16 << 20
"""Bytes of one file."""

MAX_TOTAL: Final = 64 << 20
"""Bytes of all included files together."""

MAX_FILES: Final = 10_000
_GLOB: Final = "*?["

_REASONS: Final = {
    errno.ENOENT: Text("there is no such file", "文件不存在"),
    errno.ENOTDIR: Text("a part of the path is not a folder", "路径的一部分不是目录"),
    errno.EACCES: Text("permission denied", "没有读取权限"),
    errno.EPERM: Text("permission denied", "没有读取权限"),
    errno.EISDIR: Text("it is a folder", "这是一个目录"),
    errno.ELOOP: Text("its symbolic links go round in a circle", "符号链接形成循环"),
    errno.ENAMETOOLONG: Text("the name is too long", "名称过长"),
    errno.EINVAL: Text("it is not a regular file", "不是普通文件"),
}
_UNKNOWN: Final = Text("the system cannot read it", "系统无法读取")


class UnreadableFileError(StartError):
    """The main file cannot be read at all; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.file}: {problem.message} {problem.fix}")
        self.problem = problem


class Included(NamedTuple):
    """One file of the `include` item number `item`, or what is wrong with that item.

    `name` is relative to the main file; `data` is None when there is nothing to read, and `code`
    says why; `names` are those that exist where a missing one was sought.
    """

    item: int
    name: str
    data: bytes | None = None
    code: str | None = None
    names: tuple[str, ...] = ()


class Found(NamedTuple):
    """What one `include` item leads to: files, or the code of what is wrong with it.

    `folder` is the one that is not there.
    """

    paths: tuple[Path, ...] = ()
    code: str | None = None
    names: tuple[str, ...] = ()
    folder: str | None = None


def read_main(path: Path) -> bytes:
    """Read the main file (one byte more than `MAX_FILE` of it, at most).

    Raises `UnreadableFileError`, whose problem names the reason, when that is not possible.
    """
    try:
        return read_bounded(path)
    except (OSError, ValueError) as error:
        code = error.errno if isinstance(error, OSError) else errno.EINVAL
        reason = _REASONS.get(code or 0, _UNKNOWN)
        allowed = Text("a file that can be read", "可读取的文件")
        place = (shown(path), 1, 1)
        problem = make_problem("unreadable", place, found=reason, allowed=allowed)
        raise UnreadableFileError(problem) from error


def read_bounded(path: Path, limit: int = MAX_FILE) -> bytes:
    """Read a regular file up to one byte more than `limit`.

    Raises OSError; never waits for the other end of a pipe.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(handle, "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return file.read(limit + 1)


def shown(path: Path) -> str:
    """The path as text, whatever its bytes."""
    return os.fsencode(path).decode("utf-8", "replace")


def find_included(main: Path, item: str) -> Found:
    """Find the files of one `include` item, in the order of their names.

    A pattern may match nothing in a folder that exists; a plain name must exist. Names that begin
    with a dot match only a pattern that does as well.
    """
    relative = PurePosixPath(item)
    if relative.is_absolute() or ".." in relative.parts or "\\" in item or item[1:2] == ":":
        return Found(code="include_outside")
    parts = [part for part in relative.parts if part != "."]
    if not parts:
        return Found(code="bad_include")
    fixed = next((i for i, part in enumerate(parts) if any(c in part for c in _GLOB)), None)
    try:
        if fixed is None:
            return _plain(main, main.parent.joinpath(*parts))
        folder = main.parent.joinpath(*parts[:fixed])
        if not folder.is_dir():
            missing, names = "/".join(parts[:fixed]), names_in(folder.parent)
            return Found(code="include_folder_missing", names=names, folder=missing)
        return Found(tuple(_matching(folder, parts[fixed:])))
    except (OSError, ValueError):
        return Found(code="include_unreadable")


def _plain(main: Path, path: Path) -> Found:
    if not path.exists():
        return Found(code="include_missing", names=names_in(path.parent))
    if not path.is_file():
        return Found(code="include_unreadable")
    if path.samefile(main):
        return Found(code="include_itself")
    return Found((path,))


def names_in(folder: Path) -> tuple[str, ...]:
    """What is in a folder, at most `MAX_FILES` names; nothing where none is."""
    if not folder.is_dir():
        return ()
    with os.scandir(folder) as entries:
        return tuple(entry.name for entry, _ in zip(entries, range(MAX_FILES), strict=False))


def _matching(folder: Path, parts: list[str]) -> Iterator[Path]:
    """What matches below `folder`, folder by folder; links are followed.

    A link that leads nowhere counts as a file, so that reading it tells: left out silently, its
    services would vanish while a ConfigMap is swapped.
    """
    pattern = compile_pattern(translate(parts[0]))
    dotted = parts[0].startswith(".")
    for name in sorted(names_in(folder)):
        if not pattern.match(name) or (name.startswith(".") and not dotted):
            continue
        path = folder / name
        if len(parts) > 1:
            if path.is_dir():
                yield from _matching(path, parts[1:])
        elif not path.is_dir():
            yield path


def included_files(main: Path, items: Iterable[str]) -> Iterator[Included]:
    """Read all that the items name, one file after the other, each file once.

    A file over the limits has the code `file_too_large`. Beside `MAX_FILE` for each there is
    `MAX_TOTAL` for all of them.
    """
    seen = {_identity(main)}
    left = MAX_TOTAL
    for number, item in enumerate(items):
        found = find_included(main, item)
        if found.code is not None:
            yield Included(number, found.folder or item, code=found.code, names=found.names)
        for path in found.paths:
            name = os.path.relpath(path, main.parent)
            try:
                identity = _identity(path)
                if identity in seen:
                    continue
                seen.add(identity)
                limit = min(MAX_FILE, left)
                data = read_bounded(path, limit)
            except OSError:
                yield Included(number, name, code="include_unreadable")
                continue
            left -= min(len(data), left)
            yield Included(number, name, data, "file_too_large" if len(data) > limit else None)


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def digest_of(files: Iterable[tuple[str, bytes | None]]) -> str:
    """SHA-256 over names (relative to the main file) and contents, in order, as hex digits."""
    digest = hashlib.sha256()
    for name, data in files:
        encoded = name.encode("utf-8", "surrogateescape")
        size = -1 if data is None else len(data)
        digest.update(f"{len(encoded)} {size}\n".encode())
        digest.update(encoded)
        digest.update(data or b"")
    return digest.hexdigest()
