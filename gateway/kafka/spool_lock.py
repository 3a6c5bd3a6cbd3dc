"""Who owns a spool file: a lock that ends with its process, whatever way that ends.

Room rule: blocking calls, for a thread. The lock is flock(2) on a file beside the spool, which
holds the owner's process number for people to read.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SpoolLock"]


class SpoolLock:
    """The lock of the spool file `path`, held from `take` to `release`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    @staticmethod
    def beside(spool: Path) -> Path:
        """Return where the lock of the file `spool` is."""
        return spool.with_suffix(".lock")

    @classmethod
    def take(cls, spool: Path) -> Self | None:
        """Take the lock of the file `spool`, None when another process has it. Raises `OSError`."""
        path = cls.beside(spool)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever removed an emptied spool took the lock's file away with it.
            gone = not path.exists() or not os.path.samestat(os.fstat(descriptor), path.stat())
        except BlockingIOError:
            gone = True
        if gone:
            os.close(descriptor)
            return None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, b"%d\n" % os.getpid())
        return cls(path, descriptor)

    def remove(self) -> None:
        """Take the lock's file away and release the lock."""
        self._path.unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        os.close(self._descriptor)
