"""The way to the Kafka departments: outbox, inbox and cases, joined for all services.

Room rule: as `gateway.handling`; a value that `gateway.serve` builds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.cases.book import CaseBook
    from gateway.handling.case_desk import CaseDesk
    from gateway.kafka.dead_letters import DeadLetters
    from gateway.kafka.outbox import Outbox
    from gateway.kafka.replies import ReplyInbox

__all__ = ["KafkaLink"]


class KafkaLink:
    """`waited` is told for how many seconds a request of a service waited for its reply, and
    `repeated` what the `Idempotency-Key` of one meant.
    """

    __slots__ = ("cases", "desk", "inbox", "letters", "outbox", "repeated", "waited")

    def __init__(
        self,
        outbox: Outbox,
        inbox: ReplyInbox,
        cases: CaseBook,
        desk: CaseDesk,
        letters: DeadLetters,
        waited: Callable[[str, float], None],
        repeated: Callable[[str, str], None],
    ) -> None:
        self.outbox: Final = outbox
        self.inbox: Final = inbox
        self.cases: Final = cases
        self.desk: Final = desk
        self.letters: Final = letters
        self.waited: Final = waited
        self.repeated: Final = repeated
