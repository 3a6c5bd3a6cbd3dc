"""Which keys have unsettled records, so that none is overtaken by a later one of its key.

Room rule: decides, and neither waits nor sends. Its size follows the number of keys that have
unsettled records, not the number of records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.kafka.producer_life import ProducerLife

__all__ = ["KeyOrder"]


class _OnTheWay:
    """The records of one key that are on their direct way.

    `life` took the last one; `handing` are on their way there, or to the journal first.
    """

    __slots__ = ("count", "handing", "life")

    def __init__(self) -> None:
        self.count = 0
        self.handing = 0
        self.life: ProducerLife | None = None


class KeyOrder:
    """Counts per key what is on its direct way and what lies in the spool.

    Records without a key have no order, and are not counted.
    """

    def __init__(self) -> None:
        self._direct: dict[tuple[str, bytes], _OnTheWay] = {}
        self._rows: dict[int, int] = {}

    @property
    def waiting(self) -> bool:
        """True while any key has rows in the spool."""
        return bool(self._rows)

    def restore(self, rows: dict[int, int]) -> None:
        """The spool holds that many rows of each key."""
        self._rows = rows

    def row_waits(self, key_hash: int | None) -> bool:
        """True when the spool holds rows of the key."""
        return key_hash in self._rows

    def on_the_way(self, topic: str, key: bytes | None) -> bool:
        """True when a record of the key is on its direct way."""
        return key is not None and (topic, key) in self._direct

    def may_follow(self, topic: str, key: bytes | None, life: ProducerLife | None) -> bool:
        """True when a new record of the key, given to `life` now, comes after those on the way.

        Within one life they stay in order; a record that another one holds, or none yet, might be
        overtaken.
        """
        if key is None:
            return True
        entry = self._direct.get((topic, key))
        return entry is None or (entry.handing == 0 and entry.life is life)

    def begin(self, topic: str, key: bytes | None) -> None:
        """A record sets out on its direct way."""
        if key is not None:
            entry = self._direct.get((topic, key))
            if entry is None:
                self._direct[(topic, key)] = entry = _OnTheWay()
            entry.count += 1
            entry.handing += 1

    def follows(self, topic: str, key: bytes | None, life: ProducerLife | None) -> bool:
        """True when the one record that `begin` noted last may still be given to `life`."""
        if key is None:
            return True
        entry = self._direct[(topic, key)]
        return entry.life is None or entry.life is life

    def handed_over(self, topic: str, key: bytes | None, life: ProducerLife) -> None:
        """`life` has the record."""
        if key is not None:
            entry = self._direct[(topic, key)]
            entry.handing -= 1
            entry.life = life

    def end(self, topic: str, key: bytes | None, *, handed_over: bool) -> None:
        """The record is settled, or is a row in the spool from now on."""
        if key is not None:
            entry = self._direct[(topic, key)]
            entry.count -= 1
            if not handed_over:
                entry.handing -= 1
            if entry.count == 0:
                del self._direct[(topic, key)]

    def row_added(self, key_hash: int | None) -> None:
        """The spool holds one more row of the key."""
        if key_hash is not None:
            self._rows[key_hash] = self._rows.get(key_hash, 0) + 1

    def row_settled(self, key_hash: int | None) -> None:
        """One row of the key less."""
        if key_hash is not None:
            count = self._rows[key_hash] - 1
            if count:
                self._rows[key_hash] = count
            else:
                del self._rows[key_hash]
