"""Keeps aiokafka's log readable in an outage: of each message one, then one every ten seconds.

Room rule: nothing of aiokafka's log is lost in silence; the next one that passes says how many
were held back. aiokafka warns with every retry, four times a second for each broker and client
(aiokafka#1101).
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RepeatFilter", "quiet_aiokafka"]

INTERVAL: Final = 10.0
"""Seconds in which a message is logged once."""
MOST_TEMPLATES: Final = 1000


class _Seen(NamedTuple):
    at: float
    held_back: int


class RepeatFilter(logging.Filter):
    """Lets a message template of a logger pass once an interval (seconds); `now` is monotonic."""

    def __init__(
        self, interval: float = INTERVAL, now: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._interval = interval
        self._now = now
        self._seen: dict[tuple[str, str], _Seen] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether `record` passes, and let it say how many like it did not."""
        key, now = (record.name, str(record.msg)), self._now()
        seen = self._seen.get(key)
        if seen is not None and now - seen.at < self._interval:
            self._seen[key] = seen._replace(held_back=seen.held_back + 1)
            return False
        if len(self._seen) >= MOST_TEMPLATES:
            self._seen.clear()
        self._seen[key] = _Seen(now, 0)
        if seen is not None and seen.held_back:
            record.msg = f"{record.msg} [{seen.held_back} more like this were not logged]"
        return True


def quiet_aiokafka() -> None:
    """Put a `RepeatFilter` on every logger of aiokafka; called again it changes nothing.

    A filter of a logger does not apply to those below it, so each module's own gets it.
    """
    quiet = RepeatFilter()
    for name in ("aiokafka", *logging.root.manager.loggerDict):
        if name.partition(".")[0] != "aiokafka":
            continue
        logger = logging.getLogger(name)
        if not any(isinstance(present, RepeatFilter) for present in logger.filters):
            logger.addFilter(quiet)
