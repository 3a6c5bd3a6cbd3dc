"""Case ids: nobody guesses one and nobody forges one.

Room rule: as `gateway.cases`. An id is 128 random bits and the first 64 bits of their
HMAC-SHA256 (RFC 2104) under a key that lives in the case store: a reply or a status URL with an
id that no gateway of this store has made is told apart without asking the store.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Final

__all__ = ["ID_LENGTH", "KEY_BYTES", "CaseIds"]

KEY_BYTES: Final = 32
ID_LENGTH: Final = 48
"""Lower-case hexadecimal digits: 32 random ones, then 16 of the tag."""

_RANDOM_DIGITS: Final = 32
_TAG_DIGITS: Final = 16
_BLOCK: Final = 64
_INNER_PAD: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD: Final = bytes(byte ^ 0x5C for byte in range(256))


class CaseIds:
    """Makes and checks ids with one key of 32 bytes."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError("the key of case ids has 32 bytes")
        # The two halves of RFC 2104 with the key taken in already: a third of what hmac.new costs.
        block = key.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(block.translate(_INNER_PAD))
        self._outer = hashlib.sha256(block.translate(_OUTER_PAD))

    def new(self) -> str:
        """Return an id that was never given before."""
        random = os.urandom(_RANDOM_DIGITS // 2).hex()
        return random + self._tag(random.encode())

    def genuine(self, case_id: str) -> bool:
        """True when `case_id` was made with this key; constant time."""
        if len(case_id) != ID_LENGTH or not case_id.isascii():
            return False
        tag = self._tag(case_id[:_RANDOM_DIGITS].encode())
        return hmac.compare_digest(tag, case_id[_RANDOM_DIGITS:])

    def _tag(self, random: bytes) -> str:
        inner = self._inner.copy()
        inner.update(random)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()[:_TAG_DIGITS]
