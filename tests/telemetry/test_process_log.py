from __future__ import annotations

import io
import logging
import subprocess
import sys
from typing import Any, NamedTuple

import orjson
import pytest

from gateway.telemetry.process_log import LogFormat, stderr_handler

INSTALL = "from gateway.telemetry import process_log; process_log.install({form!r})\n"


class Ended(NamedTuple):
    status: int
    stdout: bytes
    stderr: bytes


def run(code: str, form: LogFormat = "json") -> Ended:
    """Run `code` in a process of its own, whose interpreter the log takes over."""
    command = [sys.executable, "-W", "default", "-c", INSTALL.format(form=form) + code]
    done = subprocess.run(command, capture_output=True, check=False, timeout=30)
    return Ended(done.returncode, done.stdout, done.stderr)


def lines(ended: Ended) -> list[dict[str, Any]]:
    """Every line on stderr is a JSON object, and nothing is on stdout."""
    assert ended.stdout == b""
    return [orjson.loads(line) for line in ended.stderr.splitlines()]


class Log:
    """A logger of its own whose lines are kept."""

    def __init__(self, name: str, form: LogFormat = "json") -> None:
        self.stream = io.StringIO()
        self.logger = logging.Logger(name)  # noqa: LOG001  # one that ends with the test
        self.logger.addHandler(stderr_handler(form, self.stream))

    def lines(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.stream.getvalue().splitlines()]

    def at(self, created: float, message: str, *args: object) -> None:
        """Log as if it were `created` seconds after 1970."""
        record = self.logger.makeRecord(
            self.logger.name, logging.WARNING, __file__, 1, message, args, None
        )
        record.created = created
        self.logger.handle(record)


def test_a_record_is_one_line_with_time_level_logger_and_message() -> None:
    log = Log("gateway.serve")
    log.at(1_764_000_000.125, "listening on %s", "127.0.0.1:8080")
    assert log.lines() == [
        {
            "time": "2025-11-24T16:00:00.125Z",
            "level": "warning",
            "logger": "gateway.serve",
            "message": "listening on 127.0.0.1:8080",
        }
    ]


def test_a_record_may_carry_values_for_machines() -> None:
    log = Log("gateway.serve")
    log.logger.info("listening", extra={"fields": {"entry_port": 8080}})
    assert log.lines()[0]["entry_port"] == 8080


def test_people_get_text_with_the_same_values_and_the_traceback_below() -> None:
    log = Log("gateway.serve", "text")
    log.at(1_764_000_000.125, "started")
    log.logger.info("listening", extra={"fields": {"entry_port": 8080}})
    try:
        raise ValueError("made up")
    except ValueError:
        log.logger.exception("failed")
    first, second, third, *rest = log.stream.getvalue().splitlines()
    assert first == "2025-11-24T16:00:00.125Z warning gateway.serve: started"
    assert second.endswith(" info gateway.serve: listening entry_port=8080")
    assert third.endswith(" error gateway.serve: failed")
    assert (rest[0], rest[-1]) == ("Traceback (most recent call last):", "ValueError: made up")


def test_a_message_of_several_lines_stays_one_line() -> None:
    log = Log("library")
    log.logger.warning("first\nsecond \x00 \x1b[31m")
    assert log.lines()[0]["message"] == "first\nsecond \x00 \x1b[31m"


def test_a_message_that_is_not_unicode_is_escaped() -> None:
    log = Log("library")
    log.logger.warning("file %s", "a\udcff")
    assert log.lines()[0]["message"] == r"file a\udcff"


def test_a_record_that_cannot_be_formatted_is_still_a_line() -> None:
    log = Log("library")
    log.logger.warning("%d files", "no number")
    assert "unformattable log record" in log.lines()[0]["message"]
    assert "%d files" in log.lines()[0]["message"]


def test_a_stream_that_is_closed_is_no_fault() -> None:
    log = Log("library")
    log.stream.close()
    log.logger.warning("nobody reads this")


def test_a_kafka_client_says_the_same_only_once_in_ten_seconds_and_how_often_it_wanted_to() -> None:
    log = Log("aiokafka.conn")
    for second in (0.0, 1.0, 9.9, 10.0, 11.0, 30.0):
        log.at(second, "Unable to connect to node with id %s", second)
    assert [(line["time"][17:19], line.get("suppressed")) for line in log.lines()] == [
        ("00", None),
        ("10", 2),
        ("30", 1),
    ]


def test_different_messages_of_a_kafka_client_do_not_hide_each_other() -> None:
    log = Log("aiokafka.conn")
    log.at(0.0, "one")
    log.at(0.0, "two")
    assert len(log.lines()) == 2


def test_memory_for_repeated_messages_is_bounded() -> None:
    log = Log("aiokafka.conn")
    for number in range(1000):
        log.at(0.0, f"message {number}")
    repeats = log.logger.handlers[0].filters[0]
    assert len(vars(repeats)["_seen"]) <= 256


def test_other_loggers_may_repeat_themselves() -> None:
    log = Log("gateway.serve")
    log.at(0.0, "one")
    log.at(0.0, "one")
    assert len(log.lines()) == 2


def test_a_warning_of_a_library_is_a_line() -> None:
    (line,) = lines(run("import warnings; warnings.warn('made up', DeprecationWarning)"))
    assert (line["level"], line["logger"]) == ("warning", "py.warnings")
    assert "DeprecationWarning: made up" in line["message"]


def test_an_exception_that_ends_the_process_is_a_line_with_its_traceback() -> None:
    ended = run("raise ValueError('made up')")
    (line,) = lines(ended)
    assert ended.status == 1
    assert (line["level"], line["message"]) == ("critical", "uncaught exception")
    assert line["traceback"].endswith("ValueError: made up\n")


def test_an_exception_in_a_thread_is_a_line() -> None:
    code = "import threading\nthreading.Thread(target=lambda: 1 / 0, name='made-up').start()"
    (line,) = lines(run(code))
    assert line["message"] == "uncaught exception in thread made-up"
    assert "ZeroDivisionError" in line["traceback"]


def test_an_exception_while_an_object_is_deleted_is_a_line_without_the_object() -> None:
    code = """
class Holder:
    def __repr__(self): return 'personal data'
    def __del__(self): raise ValueError('made up')
Holder()
"""
    (line,) = lines(run(code))
    assert "Holder.__del__" in line["message"]
    assert "ValueError: made up" in line["traceback"]
    assert "personal data" not in str(line)


def test_an_exception_that_no_task_waits_for_is_a_line() -> None:
    code = """
import asyncio, gc
async def fail(): raise ValueError('made up')
async def main():
    asyncio.ensure_future(fail())
    await asyncio.sleep(0)
    gc.collect()
asyncio.run(main())
"""
    (line,) = lines(run(code))
    assert (line["level"], line["logger"]) == ("error", "asyncio")
    assert line["message"].startswith("Task exception was never retrieved")
    assert "ValueError: made up" in line["traceback"]


def test_a_callback_of_the_loop_that_fails_is_a_line() -> None:
    code = """
import asyncio
async def main():
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    await asyncio.sleep(0)
asyncio.run(main())
"""
    (line,) = lines(run(code))
    assert line["message"].startswith("Exception in callback")
    assert "ZeroDivisionError" in line["traceback"]


@pytest.mark.parametrize("level", ["info", "warning", "error"])
def test_lines_of_libraries_come_from_info_upwards(level: str) -> None:
    code = f"import logging; logging.getLogger('aiohttp.server').{level}('made up')"
    (line,) = lines(run(code))
    assert line["level"] == level
    assert lines(run("import logging; logging.getLogger('aiohttp').debug('made up')")) == []


def test_text_for_people_is_no_json() -> None:
    ended = run("import logging; logging.getLogger('gateway').warning('made up')", "text")
    assert ended.stderr.endswith(b"Z warning gateway: made up\n")
