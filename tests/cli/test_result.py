"""Results on stdout: UTF-8 always, and a clear word when they cannot be written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "gateway", "schema"]


def test_a_result_is_utf8_whatever_the_locale() -> None:
    env = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONPATH": "."}
    script = "from gateway.cli.result import write_result; write_result(chr(0x7f34))"
    output = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, check=True
    )

    assert output.stdout == "缴".encode()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_a_full_disk_is_said_and_exits_with_2() -> None:
    with open("/dev/full", "wb") as full:
        result = subprocess.run(COMMAND, stdout=full, stderr=subprocess.PIPE, check=False)

    assert result.returncode == 2
    assert result.stderr.decode().startswith("Error: the result cannot be written")
    assert result.stderr.count(b"\n") == 1


def test_a_reader_that_goes_away_leaves_no_traceback() -> None:
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()

    assert said == b""
    assert process.returncode in (0, 1)
