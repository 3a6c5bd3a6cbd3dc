"""The path of a request, in one function: read it once and you can draw the system.

Room rule: as `gateway.handling`. The order of the steps is this code; `gateway explain` prints the
same order, and the README's "life of a request" tells it in words.
"""

from __future__ import annotations

import logging
from asyncio import CancelledError
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.errors import Fault
from gateway.handling.admission import admit
from gateway.handling.request_record import RequestRecord
from gateway.sweep import Deadline

if TYPE_CHECKING:
    from gateway.handling.books import Books
    from gateway.handling.caller import Caller
    from gateway.handling.delivery import HttpDelivery
    from gateway.handling.http_once import HttpOnce
    from gateway.handling.kafka_delivery import KafkaDelivery
    from gateway.handling.live_routes import RouteBoard
    from gateway.message import Body, ServiceReply, ServiceRequest
    from gateway.sweep import Sweep

__all__ = ["HTTP_STEPS", "KAFKA_STEPS", "Pipeline"]

HTTP_STEPS: Final = (
    "deadline",
    "idempotency",
    "retry budget",
    "breaker",
    "balancer",
    "connect",
    "first byte",
    "retry",
)
KAFKA_STEPS: Final = (
    "deadline",
    "record key",
    "schema",
    "idempotency",
    "case",
    "outbox",
    "reply",
)
"""What follows admission, in the order of `Pipeline.handle` and the two deliveries."""

_log = logging.getLogger("gateway.handling")


class Pipeline:
    """Handles requests; one for the whole process."""

    def __init__(
        self,
        board: RouteBoard,
        http: HttpDelivery,
        once: HttpOnce,
        kafka: KafkaDelivery,
        sweep: Sweep,
        books: Books,
    ) -> None:
        self._board = board
        self._http = http
        self._once = once
        self._kafka = kafka
        self._sweep = sweep
        self._clock = sweep.time
        self._books = books
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
            deadline = Deadline(self._sweep, record.deadline + runtime.grace)
            if runtime.http is None:
                reply = await self._kafka.deliver(runtime, request, record)
            elif runtime.once:
                reply = await self._once.deliver(runtime, runtime.http, request, record)
            else:
                reply = await self._http.deliver(runtime.http, request, record, now)
            if isinstance(reply.body, bytes):
                caller.send(reply, reply.body)
            else:
                await self._relay(caller, reply, reply.body, record)
        except Fault as fault:
            self._books.refuse(caller, fault, record)
        except CancelledError:
            if request is None or deadline is None or not deadline.caught():
                record.fault = Fault(errors.DRAINING if self.draining else errors.CALLER_GONE)
                caller.lose(record.fault)
                raise
            cause = errors.BODY_TIMEOUT if request.body.waiting else record.waits_for
            self._books.refuse(caller, Fault(cause, may_have_been_sent=True), record)
        except Exception:  # noqa: BLE001  # the last line of defence: the caller gets an answer
            _log.exception("a request failed inside the gateway", extra={"trace": record.trace_id})
            self._books.refuse(caller, Fault(errors.INTERNAL_ERROR), record)
        finally:
            if deadline is not None:
                deadline.end()
            self._books.finish(caller, record)

    async def refuse(self, caller: Caller, fault: Fault) -> None:
        """Answer a request that could not be read; it counts like any other."""
        record = RequestRecord(caller.arrived, caller.method)
        self._books.refuse(caller, fault, record)
        self._books.finish(caller, record)

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
