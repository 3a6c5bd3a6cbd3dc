"""Header profiles: how a request becomes a record, and a record an answer, for each framework.

Room rule: pure functions on values, byte-exact, with golden fixtures; every name and encoding has
its source. Services answer unmodified: a profile speaks its framework's headers as the framework
itself would. In every profile the record has `ce_id`, the event id, which is the receipt's `id`; a
reply may name its status in `ce_httpstatus`; and nothing of the caller's headers is passed on but
what describes the data and the answer.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from gateway.kafka.profiles.cloudevents import CloudEvents
from gateway.kafka.profiles.nestjs import NESTJS
from gateway.kafka.profiles.plain import PLAIN
from gateway.kafka.profiles.smallrye import SMALLRYE
from gateway.kafka.profiles.spring import SPRING
from gateway.kafka.profiles.zilla import ZILLA
from gateway.kafka.record import OutgoingRecord

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from gateway.kafka.record import IncomingRecord
    from gateway.message import ServiceReply, ServiceRequest
    from gateway.routing.model import KafkaBackend

__all__ = ["PROFILES", "Profile", "request_record"]


class Profile(Protocol):
    """One framework's headers."""

    @property
    def name(self) -> str:
        """The profile's name in `routes.yaml`."""

    def request_headers(
        self,
        backend: KafkaBackend,
        request: ServiceRequest,
        *,
        event_id: str,
        now: datetime,
        deadline: datetime | None,
    ) -> list[tuple[str, bytes]]:
        """Return the headers of the record that carries `request`."""

    def correlation_id(self, record: IncomingRecord) -> str | None:
        """Return the id of the request that `record` answers; None when there is not just one."""

    def is_request(self, record: IncomingRecord) -> bool:
        """Tell a request from a reply, for topics that carry both: only requests ask for one."""

    def reply_of(self, record: IncomingRecord) -> ServiceReply:
        """Return the answer that `record` is.

        Raises `Fault` (`reply_malformed`) when its status is not one number of 200-599, or a
        header that goes to the caller is there twice or is no field value of RFC 9110 (5.5).
        """


PROFILES: Final[Mapping[str, Profile]] = MappingProxyType(
    {p.name: p for p in (CloudEvents(), SPRING, NESTJS, SMALLRYE, ZILLA, PLAIN)}
)
"""Every profile by its name in `routes.yaml`."""


def request_record(
    backend: KafkaBackend,
    request: ServiceRequest,
    body: bytes,
    *,
    key: bytes | None,
    event_id: str,
    now: datetime,
    deadline: datetime | None = None,
) -> OutgoingRecord:
    """Return the record that carries `request` with its whole `body` to its department.

    `key` is what `record_key` said; an empty body is an empty value, not a null one. `deadline` is
    used in mode `reply` only: an accepted request does not expire. Both times have a zone.
    `backend.reply_topic` is the topic's real name, without a placeholder.
    """
    headers = PROFILES[backend.profile].request_headers(
        backend, request, event_id=event_id, now=now, deadline=deadline
    )
    return OutgoingRecord(event_id, request.service_id, backend.topic, key, body, tuple(headers))
