"""The path of a request, in one function: read it once and you can draw the system.

Room rule: as `gateway.handling`. The order of the steps is this code; `gateway explain` prints the
same order, and the README's "life of a request" tells it in words.
"""

from __future__ import annotations

import logging
from asyncio import CancelledError
from typing import TYPE_CHECKING, Final, Protocol

from gateway import errors
from gateway.errors import Fault
from gateway.handling.admission import admit
from gateway.handling.request_record import RequestRecord
from gateway.policies.breaker import Outcome
from gateway.sweep import Deadline
from gateway.telemetry.request_log import RequestLine

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.handling.delivery import HttpDelivery
    from gateway.handling.kafka_delivery import KafkaDelivery
    from gateway.handling.live_routes import RouteBoard
    from gateway.message import Body, ServiceReply, ServiceRequest
    from gateway.sweep import Sweep
    from gateway.telemetry.metrics import Metrics
    from gateway.telemetry.request_log import RequestLog

__all__ = ["HTTP_STEPS", "KAFKA_STEPS", "Caller", "Pipeline"]

HTTP_STEPS: Final = (
    "deadline",
    "retry budget",
    "breaker",
    "balancer",
    "connect",
    "first byte",
    "retry",
)
KAFKA_STEPS: Final = ("deadline", "record key", "broker", "reply")
"""What follows admission, in the order of `Pipeline.handle` and the two deliveries."""

_UNKNOWN: Final = ("-", "-", "-")

_log = logging.getLogger("gateway.handling")


class Caller(Protocol):
    """The caller's side of a request; `gateway.entry` implements it over HTTP.

    `status` is what was or would have been answered; it is set by `send`, `begin` and `refuse`.
    """

    method: str
    arrived: float
    status: int

    @property
    def bytes_in(self) -> int:
        """Bytes of the request's body that were taken."""

    @property
    def bytes_out(self) -> int:
        """Bytes that were written, heads included."""

    def read(self) -> ServiceRequest:
        """Return the request; raises `Fault` when it breaks the rules of the door."""

    def send(self, reply: ServiceReply, body: bytes) -> None:
        """Answer at once."""

    def begin(self, reply: ServiceReply, length: int | None) -> None:
        """Begin an answer whose body follows."""

    async def write(self, data: bytes) -> None:
        """Pass on a piece of the body; waits while the caller is slow."""

    def end(self) -> None:
        """The answer is complete."""

    def refuse(self, fault: Fault, record: RequestRecord) -> None:
        """Answer with a problem, or break off an answer that has begun."""

    def lose(self, fault: Fault) -> None:
        """Nobody is there to be answered: only note what it would have been."""


class Pipeline:
    """Handles requests; one for the whole process."""

    def __init__(
        self,
        board: RouteBoard,
        http: HttpDelivery,
        kafka: KafkaDelivery,
        sweep: Sweep,
        metrics: Metrics,
        log: RequestLog,
        wall_clock: Callable[[], float],
    ) -> None:
        self._board = board
        self._http = http
        self._kafka = kafka
        self._sweep = sweep
        self._clock = sweep.time
        self._metrics = metrics
        self._log = log
        self._wall_clock = wall_clock
        self.draining = False

    async def handle(self, caller: Caller) -> None:
        """Take one request from its head to the last byte of its answer."""
        record = RequestRecord(caller.arrived, caller.method)
        deadline: Deadline | None = None
        request: ServiceRequest | None = None
        try:
            request = caller.read()
            record.request_id, record.trace_id = request.request_id, request.trace_id
            routes = self._board.current
            now = self._clock()
            runtime = admit(routes, request, record, now)
            record.deadline = caller.arrived + runtime.service.timeout
            deadline = Deadline(self._sweep, record.deadline)
            if runtime.http is not None:
                reply = await self._http.deliver(runtime.http, request, record, now)
            else:
                reply = await self._kafka.deliver(runtime, request, record)
            if isinstance(reply.body, bytes):
                caller.send(reply, reply.body)
            else:
                await self._relay(caller, reply, reply.body, record)
        except Fault as fault:
            self._refuse(caller, fault, record)
        except CancelledError:
            if request is None or deadline is None or not deadline.caught():
                record.fault = Fault(errors.DRAINING if self.draining else errors.CALLER_GONE)
                caller.lose(record.fault)
                raise
            cause = errors.BODY_TIMEOUT if request.body.waiting else record.waits_for
            self._refuse(caller, Fault(cause, may_have_been_sent=True), record)
        except Exception:  # noqa: BLE001  # the last line of defence: the caller gets an answer
            _log.exception("a request failed inside the gateway", extra={"trace": record.trace_id})
            self._refuse(caller, Fault(errors.INTERNAL_ERROR), record)
        finally:
            if deadline is not None:
                deadline.end()
            self._finish(caller, record)

    async def refuse(self, caller: Caller, fault: Fault) -> None:
        """Answer a request that could not be read; it counts like any other."""
        record = RequestRecord(caller.arrived, caller.method)
        self._refuse(caller, fault, record)
        self._finish(caller, record)

    async def _relay(
        self, caller: Caller, reply: ServiceReply, body: Body, record: RequestRecord
    ) -> None:
        """Pass a body on piece by piece, as fast as the slower side takes it."""
        caller.begin(reply, body.length)
        while True:
            start = self._clock()
            record.waits_for = errors.ANSWER_TIMEOUT
            try:
                piece = await body.read()
            finally:
                read = self._clock()
                record.department_time = (record.department_time or 0.0) + read - start
            if not piece:
                break
            record.waits_for = errors.CALLER_SLOW
            try:
                await caller.write(piece)
            finally:
                record.caller_time += self._clock() - read
        caller.end()

    def _refuse(self, caller: Caller, fault: Fault, record: RequestRecord) -> None:
        record.fault = fault
        if fault.cause is errors.RATE_LIMITED:
            self._metrics.rate_limited(record.channel)
        caller.refuse(fault, record)

    def _finish(self, caller: Caller, record: RequestRecord) -> None:
        """Every request ends here once: the books are closed, counted and written."""
        now = self._clock()
        runtime, fault = record.service, record.fault
        if runtime is None:
            meter, labels = self._metrics.unknown, _UNKNOWN
        else:
            meter, labels = runtime.meter, runtime.labels
            if record.ticket and runtime.http is not None:
                runtime.http.settle(record, _outcome(record), now)
            if record.in_flight:
                runtime.in_flight.leave()
        cause, side = ("none", None) if fault is None else (fault.cause.code, fault.cause.side)
        duration = now - record.arrived
        meter.finished(record.channel, cause, duration, record.department_time, record.caller_time)
        service, department, transport = labels
        self._log.write(
            RequestLine(
                self._wall_clock(),
                record.request_id,
                record.trace_id,
                record.channel,
                service,
                department,
                transport,
                record.method,
                caller.status,
                cause,
                side,
                duration,
                record.department_time,
                record.attempts,
                caller.bytes_in,
                caller.bytes_out,
                record.destination,
            )
        )


def _outcome(record: RequestRecord) -> Outcome:
    fault = record.fault
    if fault is None:
        return Outcome.FAILURE if record.failed_answer else Outcome.SUCCESS
    if fault.cause.side is errors.Side.DEPARTMENT:
        return Outcome.FAILURE
    return Outcome.ABANDONED
