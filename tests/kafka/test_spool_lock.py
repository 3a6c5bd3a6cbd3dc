from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from gateway.kafka.spool_lock import SpoolLock

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import sys
from pathlib import Path
from gateway.kafka.spool_lock import SpoolLock
lock = SpoolLock.take(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_one_owner_at_a_time_and_its_number_can_be_read(tmp_path: Path) -> None:
    spool = tmp_path / "spool.db"
    lock = SpoolLock.take(spool)
    assert lock is not None
    assert SpoolLock.take(spool) is None
    assert SpoolLock.beside(spool).read_text() == f"{os.getpid()}\n"
    lock.release()
    again = SpoolLock.take(spool)
    assert again is not None
    again.release()


def test_the_lock_of_a_process_that_is_killed_is_free(tmp_path: Path) -> None:
    spool = tmp_path / "spool.db"
    command = [sys.executable, "-c", HOLDER, str(spool)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert SpoolLock.take(spool) is None
        holder.kill()
        holder.wait()
    lock = SpoolLock.take(spool)
    assert lock is not None
    lock.release()


def test_a_lock_that_was_removed_leaves_no_file(tmp_path: Path) -> None:
    spool = tmp_path / "spool.db"
    lock = SpoolLock.take(spool)
    assert lock is not None
    lock.remove()
    assert list(tmp_path.iterdir()) == []
