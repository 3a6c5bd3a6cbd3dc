"""The process log: what the process itself says, on stderr, as JSON lines or as text for people.

Room rule: everything that would print to stderr goes through here, also warnings, libraries'
loggers, exceptions that nobody caught in the main thread, in others or while an object is
deleted. Lines are few and written at once, so that the last one before a crash is there too;
requests have their own log. A record may carry values of its own for machines to read:
`logger.info("listening", extra={"fields": {"entry_port": 8080}})`.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, TextIO

import orjson

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["LogFormat", "install", "stderr_handler"]

LogFormat = Literal["json", "text"]

REPEAT_SECONDS: Final = 10.0
REPEATING_LOGGERS: Final = "aiokafka"
MAX_REMEMBERED: Final = 256

_logger = logging.getLogger("gateway.process")


def install(form: LogFormat) -> None:
    """Take over logging, warnings and the interpreter's hooks, until the process ends.

    Call it first of all, before other modules are imported where possible: a module can warn
    while it is imported. There is no way back on purpose: an exception that ends the process is
    printed by the hook after everything else has been left.
    """
    root = logging.getLogger()
    root.handlers[:] = [stderr_handler(form, sys.stderr)]
    root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread
    sys.unraisablehook = _log_unraisable


def stderr_handler(form: LogFormat, stream: TextIO) -> logging.Handler:
    """Return the handler that `install` gives to the root logger."""
    handler = _LineHandler(stream)
    handler.setFormatter(_Json() if form == "json" else _Text())
    handler.addFilter(_Repeats())
    return handler


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    _logger.critical("uncaught exception", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is None or isinstance(args.exc_value, SystemExit):
        return
    name = args.thread.name if args.thread is not None else "unknown"
    error = (args.exc_type, args.exc_value, args.exc_traceback)
    _logger.error("uncaught exception in thread %s", name, exc_info=error)


def _log_unraisable(args: sys.UnraisableHookArgs) -> None:
    message = args.err_msg or "exception ignored in"
    # the object is only named: its repr may hold what a request carried
    origin = getattr(args.object, "__qualname__", type(args.object).__qualname__)
    if args.exc_value is None:
        _logger.error("%s %s", message, origin)
        return
    error = (args.exc_type, args.exc_value, args.exc_traceback)
    _logger.error("%s %s", message, origin, exc_info=error)


class _LineHandler(logging.StreamHandler[TextIO]):
    """Writes whole lines. The default handler prints a bare traceback when it cannot."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception as error:  # noqa: BLE001  # whatever a library's arguments do in `%`
            record.msg, record.args = f"unformattable log record ({error!r}): {record.msg!r}", ()
            line = self.format(record)
        try:
            self.stream.write(line + self.terminator)
            self.stream.flush()
        except (OSError, ValueError):  # the stream is broken or closed: nobody is left to tell
            return


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _utf8(record.getMessage()),
            **_fields(record),
        }
        if (trace := _traceback(record)) is not None:
            line["traceback"] = _utf8(trace)
        return orjson.dumps(line).decode()


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        head = f"{_time(record)} {record.levelname.lower()} {record.name}:"
        pairs = (f"{name}={value}" for name, value in _fields(record).items())
        line = " ".join([head, record.getMessage(), *pairs])
        trace = _traceback(record)
        return line if trace is None else f"{line}\n{trace.rstrip()}"


class _Repeats(logging.Filter):
    """Lets the same message of a repeating logger through once in `REPEAT_SECONDS`.

    A client that cannot reach its broker says so several times a second. Messages are the same
    when their unformatted texts are.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] != REPEATING_LOGGERS:
            return True
        key = (record.name, str(record.msg))
        shown_at, suppressed = self._seen.get(key, (float("-inf"), 0))
        if record.created - shown_at < REPEAT_SECONDS:
            self._seen[key] = (shown_at, suppressed + 1)
            return False
        if len(self._seen) >= MAX_REMEMBERED:
            self._seen.clear()
        self._seen[key] = (record.created, 0)
        if suppressed:
            record.fields = {**_fields(record), "suppressed": suppressed}
        return True


def _utf8(text: str) -> str:
    """Escape what is no character, such as the bytes of a file name that is not UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return getattr(record, "fields", {})


def _traceback(record: logging.LogRecord) -> str | None:
    if record.exc_info and record.exc_info[0] is not None:
        return "".join(traceback.format_exception(*record.exc_info))
    return record.stack_info
