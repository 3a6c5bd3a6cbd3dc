"""Which keys have unsettled records, so that none is overtaken by a later one of its key.

Room rule: decides, and neither waits nor sends. Its size follows the number of keys that have
unsettled records, not the number of records.

A row of the spool holds its key back until a life of the producer has taken it, not until it is
acknowledged: from then on later records follow it through the same life, as they follow a direct
one. Otherwise a key whose records keep coming would never leave the disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.kafka.producer_life import ProducerLife

__all__ = ["KeyOrder"]


class _OnTheWay:
    """The records of one key that a life has, or is being given.

    `life` took the last one; `handing` are on their way there, or to the journal first.
    """

    __slots__ = ("count", "handing", "life")

    def __init__(self) -> None:
        self.count = 0
        self.handing = 0
        self.life: ProducerLife | None = None


class KeyOrder:
    """Counts per key what is on its way to the brokers and what waits in the spool.

    Records without a key have no order, and are not counted.
    """

    def __init__(self) -> None:
        self._on_the_way: dict[tuple[str, bytes], _OnTheWay] = {}
        self._rows: dict[int, int] = {}

    @property
    def waiting(self) -> bool:
        """True while rows of any key wait in the spool."""
        return bool(self._rows)

    def restore(self, rows: dict[int, int]) -> None:
        """The spool holds that many rows of each key."""
        self._rows = rows

    def row_waits(self, key_hash: int | None) -> bool:
        """True when rows of the key wait in the spool."""
        return key_hash in self._rows

    def may_follow(
        self, topic: str, key: bytes | None, life: ProducerLife | None, *, begun: int = 0
    ) -> bool:
        """True when a record of the key, given to `life` now, comes after those on the way.

        Within one life they stay in order; a record that another one holds, or none yet, might be
        overtaken. `begun` is 1 for a record that `begin` has noted already.
        """
        if key is None:
            return True
        entry = self._on_the_way.get((topic, key))
        return entry is None or (
            entry.handing == begun and (entry.life is None or entry.life is life)
        )

    def begin(self, topic: str, key: bytes | None) -> None:
        """A record sets out for the brokers."""
        if key is not None:
            entry = self._on_the_way.get((topic, key))
            if entry is None:
                self._on_the_way[(topic, key)] = entry = _OnTheWay()
            entry.count += 1
            entry.handing += 1

    def handed_over(self, topic: str, key: bytes | None, life: ProducerLife) -> None:
        """`life` has the record."""
        if key is not None:
            entry = self._on_the_way[(topic, key)]
            entry.handing -= 1
            entry.life = life

    def end(self, topic: str, key: bytes | None, *, handed_over: bool) -> None:
        """The record is settled, or is a row in the spool from now on."""
        if key is not None:
            entry = self._on_the_way[(topic, key)]
            entry.count -= 1
            if not handed_over:
                entry.handing -= 1
            if entry.count == 0:
                del self._on_the_way[(topic, key)]

    def row_added(self, key_hash: int | None) -> None:
        """One more row of the key waits in the spool."""
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

    def row_handed_over(
        self, topic: str, key: bytes | None, key_hash: int | None, life: ProducerLife
    ) -> None:
        """`life` has the record of a row; `end` tells when it is settled, `row_back` when not."""
        self.begin(topic, key)
        self.handed_over(topic, key, life)
        self.row_settled(key_hash)

    def row_back(self, topic: str, key: bytes | None, key_hash: int | None) -> None:
        """The life has not settled the row: it waits again, before all that came after it."""
        self.row_added(key_hash)
        self.end(topic, key, handed_over=True)
