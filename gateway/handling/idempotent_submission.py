"""A submission with an `Idempotency-Key`: the first one counts, a repeated one gets what it got.

Room rule: as `gateway.handling`. The key is reserved in the case store, together with the channel
and the service, before anything is sent; so it holds across instances and restarts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.cases.case import State
from gateway.cases.store import Key
from gateway.cases.transitions import is_over
from gateway.errors import Fault
from gateway.handling.idempotency_key import KEPT, fingerprint, idempotency_key
from gateway.handling.receipts import answer_reply, receipt
from gateway.routing.model import Idempotency, KafkaMode, Repeat

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.cases.case import Case
    from gateway.handling.kafka_delivery import KafkaDelivery
    from gateway.handling.kafka_link import KafkaLink
    from gateway.handling.submission import Submission
    from gateway.message import ServiceReply, ServiceRequest
    from gateway.routing.model import Service

__all__ = ["REPLAYED", "IdempotentSubmission", "required_key"]

REPLAYED: Final = b"Idempotency-Replayed: true\r\n"


def required_key(service: Service, request: ServiceRequest) -> str | None:
    """Return the request's key when the service looks at it; raises `Fault` where it has to."""
    if service.idempotency is Idempotency.OFF:
        return None
    key = idempotency_key(request.headers)
    if key is None and service.idempotency is Idempotency.REQUIRED:
        raise Fault(errors.IDEMPOTENCY_KEY_MISSING)
    return key


class IdempotentSubmission:
    """One request that carries a key; `of` returns None for one that does not."""

    __slots__ = ("_key", "_repeat")

    def __init__(self, key: str, repeat: Repeat) -> None:
        self._key = key
        self._repeat = repeat

    @classmethod
    def of(cls, service: Service, request: ServiceRequest) -> IdempotentSubmission | None:
        key = required_key(service, request)
        return None if key is None else cls(key, service.repeat)

    async def deliver(
        self, delivery: KafkaDelivery, link: KafkaLink, submission: Submission, now: datetime
    ) -> ServiceReply:
        """Submit if it is the first with its key, else return what the first one got or gets."""
        key = Key(submission.record.channel, submission.service.id, self._key)
        mark = fingerprint(submission.request, submission.body)
        case = submission.begin(link.cases.ids.new(), now)
        reservation = await link.cases.store.reserve(key, mark, case, now + KEPT)
        if reservation.fingerprint != mark:
            link.repeated(submission.service.id, "reused")
            raise Fault(errors.IDEMPOTENCY_KEY_REUSED)
        submission.reserved = True
        if not reservation.first:
            return await self._again(delivery, link, submission, reservation.case_id, now)
        link.repeated(submission.service.id, "first")
        try:
            return await delivery.submit(link, submission, case)
        except Fault as fault:
            if not fault.may_have_been_sent:
                await link.cases.store.release(key)
            raise

    async def _again(
        self,
        delivery: KafkaDelivery,
        link: KafkaLink,
        submission: Submission,
        case_id: str,
        now: datetime,
    ) -> ServiceReply:
        """Answer a repeated request from the case of the first one."""
        case = await link.cases.store.find(case_id)
        if case is None:
            raise Fault(errors.CASES_UNREACHABLE, may_have_been_sent=True)
        if case.state is State.RECEIVED and self._left_alone(submission, case, now):
            submission.case_id, submission.at, submission.again = case.id, now, True
            return await delivery.submit(link, submission, case)
        if not _settled(case):
            if self._repeat is Repeat.CONFLICT:
                link.repeated(submission.service.id, "conflict")
                raise Fault(errors.IDEMPOTENCY_IN_FLIGHT, retry_after=1.0)
            link.repeated(submission.service.id, "joined")
            case = await link.cases.wait(case.id, _settled, delivery.until(submission)) or case
            if case.state is State.RECEIVED:
                # Nobody knows yet where the request is, so there is nothing to give a receipt for.
                raise Fault(errors.OUTCOME_UNKNOWN, may_have_been_sent=True, retry_after=1.0)
        else:
            link.repeated(submission.service.id, "replayed")
        return _reply(case)

    def _left_alone(self, submission: Submission, case: Case, now: datetime) -> bool:
        """Tell whether whoever took the first request can no longer be at work on it."""
        age = (now - case.updated_at).total_seconds()
        return age > submission.service.service.timeout + submission.service.grace


def _settled(case: Case) -> bool:
    """An answer is there, or a receipt is all that there will be for now."""
    if case.mode is KafkaMode.REPLY:
        return is_over(case)
    return case.state is not State.RECEIVED


def _reply(case: Case) -> ServiceReply:
    if case.answer is not None:
        return answer_reply(case.answer, REPLAYED)
    return receipt(case, REPLAYED)
