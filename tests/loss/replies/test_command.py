"""The command says what stands in its way, and does not show less than it was asked to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[3]


def test_too_few_open_files_are_no_smaller_run() -> None:
    limited = ["sh", "-c", 'ulimit -n 2000 && exec "$@"', "sh"]
    done = subprocess.run(
        [*limited, sys.executable, "-m", "tests.loss.replies", "--waits", "501"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "2,001 open files are needed and RLIMIT_NOFILE allows 2,000" in done.stderr
