"""Delivery over HTTP: attempts at a department until one answers or none may follow.

Room rule: as `gateway.handling`. Every attempt asks the breaker and settles with it; what decides
about another one is `policies/retry.py`.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Final, NamedTuple

from gateway import errors
from gateway.errors import Fault
from gateway.http.headers import answer_fields, request_head
from gateway.message import ServiceReply
from gateway.policies.breaker import Outcome
from gateway.policies.retry import RetryDecision, backoff, decide

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.handling.request_record import RequestRecord
    from gateway.handling.route_runtime import EndpointRuntime, HttpRuntime
    from gateway.http.client import DepartmentConnection
    from gateway.http.parsing import AnswerHead
    from gateway.message import Body, ServiceRequest

__all__ = ["HttpDelivery", "department_fields", "department_target"]

_RETRIABLE: Final = frozenset(
    (
        errors.NAME_NOT_RESOLVED,
        errors.CONNECTION_REFUSED,
        errors.CONNECT_TIMEOUT,
        errors.CONNECTION_LOST,
        errors.ANSWER_TIMEOUT,
    )
)
"""Causes that another endpoint, or the same one a moment later, may not meet."""

_UNCOUNTED: Final = frozenset((RetryDecision.EXHAUSTED, RetryDecision.NOT_RETRIABLE))


class HttpDelivery:
    """Carries requests to HTTP departments; one for the whole process, without state."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    async def deliver(
        self, http: HttpRuntime, request: ServiceRequest, record: RequestRecord, now: float
    ) -> ServiceReply:
        """Return the answer of one attempt; the record keeps that attempt open until settled."""
        body = request.body
        http.budget.requested(now)
        while True:
            try:
                endpoint = _begin(http, record, now)
                connection = endpoint.pool.take()
                if connection is None:
                    connection = await self._connect(http, endpoint, record, now)
                record.connection = connection
                answer = await connection.send(
                    _head(http, endpoint, request, record, now),
                    body,
                    request.method,
                    http.first_byte_limit,
                )
            except Fault as fault:
                if record.ticket:
                    self._count_wait(record, now, body)
                http.settle(record, _outcome(fault), self._clock())
                pause = backoff(record.attempts, random.random())  # noqa: S311  # jitter
                if not self._may_repeat(http, request, record, _Failure(fault, body.taken, pause)):
                    raise
            except asyncio.CancelledError:
                self._count_wait(record, now, body)
                raise
            else:
                self._count_wait(record, now, body)
                record.failed_answer = answer.status >= 500
                return _reply(answer, request.method, connection)
            await asyncio.sleep(pause)
            now = self._clock()

    async def _connect(
        self, http: HttpRuntime, endpoint: EndpointRuntime, record: RequestRecord, now: float
    ) -> DepartmentConnection:
        record.waits_for = errors.CONNECT_TIMEOUT
        connection = await endpoint.pool.connect(now + http.backend.connect)
        record.waits_for = errors.ANSWER_TIMEOUT
        return connection

    def _count_wait(self, record: RequestRecord, start: float, body: Body) -> None:
        """Since `start` the department was waited for, but where its request's body was late."""
        waited = body.waited
        late = waited - record.caller_time
        record.caller_time = waited
        record.department_time = (record.department_time or 0.0) + self._clock() - start - late

    def _may_repeat(
        self, http: HttpRuntime, request: ServiceRequest, record: RequestRecord, failure: _Failure
    ) -> bool:
        runtime = record.service
        if runtime is None:
            return False
        now = self._clock()
        decision = decide(
            rule=runtime.service.retry,
            attempt=record.attempts,
            method=request.method,
            may_have_been_sent=failure.fault.may_have_been_sent,
            body_taken=failure.taken > 0,
            retriable=failure.fault.cause in _RETRIABLE,
            time_left=record.deadline - now,
            needed=failure.pause,
            budget=lambda: http.budget.grant(now),
        )
        if decision not in _UNCOUNTED:
            runtime.meter.retried(decision)
        return decision is RetryDecision.MADE


class _Failure(NamedTuple):
    """A failed attempt: `taken` bytes of the body are gone, `pause` s come before another one."""

    fault: Fault
    taken: int
    pause: float


def department_target(prefix: str, request: ServiceRequest) -> str:
    """Return the request target for the department: its path, the rest, the query."""
    path = prefix + request.path or "/"
    return f"{path}?{request.query}" if request.query else path


def department_fields(channel: str, time_left: float, attempt: int) -> bytes:
    """What the gateway tells the department about the request: who asks, how long it may take."""
    return (
        f"X-Gateway-Channel: {channel}\r\n"
        f"X-Gateway-Timeout-Ms: {max(0, int(time_left * 1000))}\r\n"
        f"X-Gateway-Attempt: {attempt}\r\n"
    ).encode("ascii")


def _head(
    http: HttpRuntime,
    endpoint: EndpointRuntime,
    request: ServiceRequest,
    record: RequestRecord,
    now: float,
) -> bytes:
    return request_head(
        request.method,
        department_target(http.prefix, request),
        endpoint.pool.host_field,
        request.fields,
        department_fields(record.channel, record.deadline - now, record.attempts),
    )


def _begin(http: HttpRuntime, record: RequestRecord, now: float) -> EndpointRuntime:
    """Ask the breaker and choose an endpoint: the attempt is open from here on."""
    record.ticket = http.breaker.permit(now)
    if not record.ticket:
        raise Fault(errors.CIRCUIT_OPEN, retry_after=http.breaker.retry_after(now))
    endpoints = http.endpoints
    index = 0
    if len(endpoints) > 1:
        first, second = random.random(), random.random()  # noqa: S311  # balance, not secrecy
        index = http.balancer.choose(now, first, second, record.tried)
        record.tried |= 1 << index
    endpoint = endpoints[index]
    http.balancer.started(index)
    record.endpoint = endpoint
    record.destination = endpoint.url
    record.attempts += 1
    return endpoint


def _reply(answer: AnswerHead, method: str, connection: DepartmentConnection) -> ServiceReply:
    try:
        fields, dated = answer_fields(answer.headers)
    except Fault:
        connection.abort()  # its framing is in doubt: nobody may get what follows
        raise
    if method == "HEAD" and answer.length is not None:
        # The length belongs to what GET would answer; there are no bytes to go with it.
        fields += b"Content-Length: %d\r\n" % answer.length
    return ServiceReply(answer.status, fields, answer.body, dated=dated)


def _outcome(fault: Fault) -> Outcome:
    failed = fault.cause.side is errors.Side.DEPARTMENT
    return Outcome.FAILURE if failed else Outcome.ABANDONED
