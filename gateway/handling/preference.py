"""The header `Prefer`: whether the caller waits for an answer, and for how long (RFC 7240).

Room rule: as `gateway.handling`; a pure function. A preference is a wish: what cannot be read is
passed over, as section 2 of the RFC asks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from gateway.message import RawHeaders

__all__ = ["NO_PREFERENCE", "Preference", "preference"]


class Preference(NamedTuple):
    """`at_once`: `respond-async`, the receipt instead of the answer. `wait`: seconds, or None."""

    at_once: bool
    wait: float | None

    @property
    def applied(self) -> bytes:
        """The header line that says what was followed (RFC 7240, section 3)."""
        if self.at_once:
            return b"Preference-Applied: respond-async\r\n"
        return b"" if self.wait is None else b"Preference-Applied: wait=%d\r\n" % self.wait


NO_PREFERENCE: Final = Preference(at_once=False, wait=None)

_WAIT: Final = re.compile(rb'wait\s*=\s*"?([0-9]{1,6})"?')


def preference(headers: RawHeaders) -> Preference:
    """Read all lines of `Prefer`; of a repeated preference the first one counts."""
    at_once, wait = False, None
    for name, value in headers:
        if len(name) != 6 or name.lower() != b"prefer":
            continue
        for part in value.lower().split(b","):
            word = part.partition(b";")[0].strip()
            found = _WAIT.fullmatch(word)
            if word == b"respond-async":
                at_once = True
            elif found is not None and wait is None:
                wait = float(found[1])
    return Preference(at_once, wait) if at_once or wait is not None else NO_PREFERENCE
