"""Times in SQLite: whole microseconds since 1970, which sort and compare as numbers.

Room rule: as `gateway.cases`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["from_number", "to_number"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_number(at: datetime) -> int:
    """Return the microseconds since 1970; exact."""
    return (at - _EPOCH) // _MICROSECOND


def from_number(number: int) -> datetime:
    """Return the same time in UTC."""
    return _EPOCH + number * _MICROSECOND
