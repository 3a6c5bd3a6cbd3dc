"""Make the keys that are not there yet: `keys.py FOLDER NAME:UID:GID…`.

Each key is a file of its own, readable by its owner alone; a key that is there is left as it is,
so that starting again changes nothing. To change a key, remove its file and start again.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path


def make_key(path: Path, owner: int, group: int) -> None:
    """Write a new key of 256 random bits for `owner`, unless `path` is there."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    except FileExistsError:
        return
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32))
        os.fchown(file.fileno(), owner, group)


def main(folder: str, *keys: str) -> None:
    """Make each key of `keys` in `folder`."""
    for key in keys:
        name, owner, group = key.split(":")
        make_key(Path(folder) / name, int(owner), int(group))


if __name__ == "__main__":
    main(*sys.argv[1:])
