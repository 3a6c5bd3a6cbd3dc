"""One request to a Kafka department on its way: what is known of it before it becomes a record.

Room rule: as `gateway.handling`; a value, and the two things that are made of it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from gateway.cases.case import Case, State, Step
from gateway.kafka.profiles import request_record
from gateway.routing.model import KafkaMode

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.handling.preference import Preference
    from gateway.handling.request_record import RequestRecord
    from gateway.handling.route_runtime import KafkaRuntime, ServiceRuntime
    from gateway.kafka.record import OutgoingRecord
    from gateway.message import ServiceRequest

__all__ = ["PATIENCE", "Submission"]

PATIENCE: Final = timedelta(days=1)
"""How long a department may take for a late answer before its case expires."""

REPLAYED: Final = ("ce_replayed", b"true")


class Submission:
    """`case_id` is the case's, the record's and the correlation's; `at` is its time, in UTC.

    `again` is true when an earlier try with this very ID may have been taken: the record says so.
    """

    __slots__ = ("again", "at", "body", "case_id", "key", "record", "request", "reserved",
                 "runtime", "service", "wish")  # fmt: skip

    def __init__(
        self,
        service: ServiceRuntime,
        runtime: KafkaRuntime,
        request: ServiceRequest,
        record: RequestRecord,
        key: bytes | None,
        body: bytes,
        wish: Preference,
    ) -> None:
        self.service: Final = service
        self.runtime: Final = runtime
        self.request: Final = request
        self.record: Final = record
        self.key: Final = key
        self.body: Final = body
        self.wish: Final = wish
        self.case_id = ""
        self.at: datetime | None = None
        self.reserved = False
        self.again = False

    def begin(self, case_id: str, at: datetime) -> Case:
        """Take an ID and a time; return the case in its first state."""
        self.case_id, self.at = case_id, at
        mode = self.runtime.backend.mode
        return Case(
            id=case_id,
            service=self.service.id,
            department=self.service.department.department.id,
            channel=self.record.channel,
            topic=self.runtime.backend.topic,
            mode=mode,
            state=State.RECEIVED,
            accepted_at=at,
            updated_at=at,
            expires_at=at + PATIENCE if mode is KafkaMode.REPLY else None,
            history=(Step(State.RECEIVED, at),),
        )

    def about(self) -> bytes:
        """Return what lies with the record in the spool, so that its case can be made anew."""
        at = "" if self.at is None else self.at.isoformat()
        return f"{self.record.channel} {self.runtime.backend.mode} {at}".encode()

    def outgoing(self, now: datetime, until: float | None) -> OutgoingRecord:
        """Return the record; `until` is for how many more seconds somebody waits for an answer."""
        deadline = None if until is None else now + timedelta(seconds=until)
        outgoing = request_record(
            self.runtime.backend,
            self.request,
            self.body,
            key=self.key,
            event_id=self.case_id,
            now=now,
            deadline=deadline,
        )
        if self.again:
            return outgoing._replace(headers=(*outgoing.headers, REPLAYED))
        return outgoing
