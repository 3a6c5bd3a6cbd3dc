"""Delivery over Kafka: a receipt for what is durable, or the department's reply in time.

Room rule: as `gateway.handling`. A receipt is given for a record that the brokers have
acknowledged or this node's disk holds, and whose case is stored; for nothing else. A reply is
expected before its request goes out.
"""

from __future__ import annotations

from asyncio import CancelledError
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.cases.case import Place, State
from gateway.cases.store import StoreError
from gateway.cases.transitions import CaseEvent
from gateway.errors import Fault
from gateway.handling.case_answers import check_reply
from gateway.handling.case_desk import Opened
from gateway.handling.idempotent_submission import IdempotentSubmission
from gateway.handling.preference import preference
from gateway.handling.receipts import CASES, receipt
from gateway.handling.submission import Submission
from gateway.handling.whole_bodies import whole
from gateway.kafka.dead_letters import DeadLetter, Reason
from gateway.kafka.outbox import Spooled
from gateway.kafka.profiles import PROFILES
from gateway.kafka.record import OutgoingRecord
from gateway.kafka.record_key import record_key
from gateway.message import ServiceReply
from gateway.routing.model import Durability, KafkaMode
from gateway.sweep import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from gateway.cases.case import Case
    from gateway.handling.kafka_link import KafkaLink
    from gateway.handling.request_record import RequestRecord
    from gateway.handling.route_runtime import ServiceRuntime
    from gateway.kafka.record import Acknowledged
    from gateway.kafka.replies import Expected
    from gateway.message import ServiceRequest
    from gateway.policies.payload_schema import PayloadCheck
    from gateway.sweep import Sweep

__all__ = ["KafkaDelivery"]

_NO_KAFKA: Final = errors.Text(
    "This gateway was started without a broker address (--kafka).",
    "本网关启动时未配置消息代理地址（--kafka）。",
)


_NOTHING_TAKEN: Final = errors.Text(
    "The request was not taken. Try again shortly.", "请求未受理，请稍后重试。"
)


class KafkaDelivery:
    """Carries requests to Kafka departments; `link` is None when no broker is configured.

    `wall_clock` gives the time in UTC for receipts and records.
    """

    def __init__(
        self, link: KafkaLink | None, sweep: Sweep, wall_clock: Callable[[], datetime]
    ) -> None:
        self._link = link
        self._sweep = sweep
        self._clock = sweep.time
        self._wall_clock = wall_clock

    async def deliver(
        self,
        service: ServiceRuntime,
        request: ServiceRequest,
        record: RequestRecord,
    ) -> ServiceReply:
        """Return the receipt or the department's reply; raises `Fault`."""
        link, runtime = self._link, service.kafka
        if link is None or runtime is None:
            raise Fault(errors.BROKER_UNREACHABLE, detail=_NO_KAFKA)
        if link.cases.store.failure is not None:
            raise Fault(errors.CASES_UNREACHABLE, detail=_NOTHING_TAKEN, retry_after=1.0)
        record.destination = runtime.backend.topic
        key = record_key(runtime.backend.key, request.headers, request.query)
        try:
            body = await whole(request.body)
        finally:
            record.caller_time = request.body.waited
        check_body(runtime.request_check, request, body)
        wish = preference(request.headers)
        submission = Submission(service, runtime, request, record, key, body, wish)
        start = self._clock()
        record.waits_for = errors.BROKER_TIMEOUT
        try:
            once = IdempotentSubmission.of(service.service, request)
            if once is None:
                case = submission.begin(link.cases.ids.new(), self._wall_clock())
                return await self.submit(link, submission, case)
            return await once.deliver(self, link, submission, self._wall_clock())
        except StoreError:
            raise Fault(errors.CASES_UNREACHABLE, may_have_been_sent=True) from None
        finally:
            record.department_time = self._clock() - start

    async def submit(self, link: KafkaLink, submission: Submission, case: Case) -> ServiceReply:
        """Send the record of `case`; return what its mode answers."""
        submission.record.attempts = 1
        if submission.runtime.backend.mode is KafkaMode.REPLY:
            return await self._ask(link, submission, case)
        event = await self._send(link, submission, None)
        if submission.reserved:
            case = await self._noted(link, case, event)
        else:
            case = await link.desk.open(case, event)
        return receipt(case, submission.wish.applied)

    async def _ask(self, link: KafkaLink, submission: Submission, case: Case) -> ServiceReply:
        """Send and wait, unless the caller or the service's limit of waits says otherwise."""
        waits = submission.runtime.waits
        topic = submission.runtime.backend.reply_topic or ""
        opened = Opened(case, None if submission.reserved else link.cases.insert(case))
        event: CaseEvent | None = None
        expected = None
        if not submission.wish.at_once and link.inbox.positioned(topic) and waits.enter():
            profile = PROFILES[submission.runtime.backend.profile]
            expected = link.inbox.expect(topic, submission.service.id, case.id, profile)
        try:
            until = self.until(submission)
            event = await self._send(link, submission, until - self._clock())
            if expected is not None and event.state is State.PUBLISHED:
                reply = await self._answer(link, submission, expected, until)
                if reply is not None:
                    link.desk.answered(opened, event, reply)
                    return _with_status(reply, case)
        except Fault as fault:
            link.desk.failed(opened, event, fault)
            raise
        finally:
            if expected is not None:
                expected.forget()
                waits.leave()
        if opened.stored is not None:
            await opened.stored
        return receipt(await self._noted(link, case, event), submission.wish.applied)

    def until(self, submission: Submission) -> float:
        """When waiting for an answer ends, on the loop's clock."""
        record, wait = submission.record, submission.wish.wait
        if wait is None:
            return record.deadline
        return min(record.deadline, record.arrived + wait)

    async def _answer(
        self, link: KafkaLink, submission: Submission, expected: Expected, until: float
    ) -> ServiceReply | None:
        """Wait for the department's answer; None when the time is up."""
        record = submission.record
        began = self._clock()
        limit = Deadline(self._sweep, until)
        try:
            reply = await expected.reply()
        except CancelledError:
            if limit.caught():
                return None
            raise
        finally:
            limit.end()
            link.waited(submission.service.id, self._clock() - began)
        self._check(link, submission, reply)
        record.failed_answer = reply.status >= 500
        return reply

    def _check(self, link: KafkaLink, submission: Submission, reply: ServiceReply) -> None:
        """Keep a reply that breaks its schema from the caller, but for those who mend it."""
        try:
            check_reply(submission.runtime.reply_check, reply)
        except Fault:
            backend, body = submission.runtime.backend, reply.body
            record = OutgoingRecord(
                submission.case_id,
                submission.service.id,
                backend.reply_topic or backend.topic,
                submission.key,
                body if isinstance(body, bytes) else b"",
                (),
            )
            now = self._wall_clock()
            link.letters.put(DeadLetter(Reason.REPLY_INVALID, record.service_id, record, now))
            raise

    async def _send(
        self, link: KafkaLink, submission: Submission, until: float | None
    ) -> CaseEvent:
        """Send the record; return the event that says where it is."""
        backend = submission.runtime.backend
        sent = await link.outbox.send(
            submission.outgoing(self._wall_clock(), until),
            spill_after=backend.spill_after,
            journal=backend.durability is Durability.JOURNAL,
            about=submission.about(),
        )
        submission.record.waits_for = errors.CASES_UNREACHABLE
        return _sent_event(sent, self._wall_clock(), submission)

    async def _noted(self, link: KafkaLink, case: Case, event: CaseEvent) -> Case:
        noted = await link.desk.note(case.id, event)
        return case if noted is None else noted[0]


def check_body(check: PayloadCheck | None, request: ServiceRequest, body: bytes) -> None:
    """Raise `Fault` (`body_invalid`) with every place where `body` breaks the service's schema."""
    if check is None:
        return
    media_type = next((v for name, v in request.headers if name.lower() == b"content-type"), None)
    violations = check.problems(body, media_type)
    if violations:
        raise Fault(errors.BODY_INVALID, violations=violations)


def _sent_event(sent: Acknowledged | Spooled, now: datetime, submission: Submission) -> CaseEvent:
    topic = submission.runtime.backend.topic
    if isinstance(sent, Spooled):
        return CaseEvent(
            State.SPOOLED,
            now,
            place=Place(topic, None, None),
            durability="local",
            possible_duplicate=submission.again,
        )
    return CaseEvent(
        State.PUBLISHED,
        now,
        place=Place(sent.topic, sent.partition, sent.offset),
        durability="kafka",
        possible_duplicate=submission.again,
    )


def _with_status(reply: ServiceReply, case: Case) -> ServiceReply:
    """Return the department's answer with the way to its case (RFC 8631, relation `status`)."""
    link = b'Link: <%b%b>; rel="status"\r\n' % (CASES.encode(), case.id.encode())
    return ServiceReply(reply.status, reply.fields + link, reply.body, dated=reply.dated)
