"""The live side of a service, a department and a channel: policies with state, connections.

Room rule: as `gateway.handling`. A runtime is made when a route is loaded, with all that a request
would otherwise look up or format; a reload makes a new one that takes over the living parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.policies.balancer import Balancer
from gateway.policies.breaker import CircuitBreaker, Outcome
from gateway.policies.in_flight import InFlightLimit
from gateway.policies.payload_schema import PayloadCheck
from gateway.policies.rate_limit import TokenBucket
from gateway.policies.retry_budget import RetryBudget
from gateway.routing.model import Idempotency

if TYPE_CHECKING:
    from gateway.handling.request_record import RequestRecord
    from gateway.http.pool import ConnectionPool
    from gateway.routing.model import (
        Channel,
        Department,
        Endpoint,
        HttpBackend,
        KafkaBackend,
        PayloadSchema,
        Service,
    )
    from gateway.telemetry.metrics import ServiceMeter

__all__ = [
    "ChannelRuntime",
    "DepartmentRuntime",
    "EndpointRuntime",
    "HttpRuntime",
    "KafkaRuntime",
    "ServiceRuntime",
]


RECEIPT_TIME: Final = 2.0
"""Seconds beyond its deadline that a request to a Kafka department has for its receipt."""


class DepartmentRuntime:
    """A department and how many of its requests are in flight."""

    __slots__ = ("department", "in_flight")

    def __init__(self, department: Department, previous: DepartmentRuntime | None) -> None:
        self.department = department
        if previous is None:
            self.in_flight = InFlightLimit(department.max_in_flight)
        else:
            self.in_flight = previous.in_flight
            self.in_flight.retune(department.max_in_flight)


class ChannelRuntime:
    """A channel, its bucket and the IDs of the services it may call."""

    __slots__ = ("bucket", "channel", "granted", "id")

    def __init__(
        self,
        channel: Channel,
        granted: frozenset[str],
        previous: ChannelRuntime | None,
        now: float,
    ) -> None:
        self.channel = channel
        self.id = channel.id
        self.granted = granted
        if previous is None:
            self.bucket = TokenBucket(channel.rate, channel.burst, now)
        else:
            self.bucket = previous.bucket
            self.bucket.retune(channel.rate, channel.burst, now)


class EndpointRuntime:
    """One endpoint of an HTTP service; `index` is its place for the balancer."""

    __slots__ = ("balancer", "endpoint", "index", "pool", "url")

    def __init__(
        self, endpoint: Endpoint, index: int, pool: ConnectionPool, balancer: Balancer
    ) -> None:
        self.endpoint = endpoint
        self.index = index
        self.pool = pool
        self.balancer = balancer
        self.url = endpoint.url


class HttpRuntime:
    """What an HTTP service decides with, and its endpoints."""

    __slots__ = ("backend", "balancer", "breaker", "budget", "endpoints", "first_byte_limit",
                 "prefix")  # fmt: skip

    def __init__(
        self,
        service: Service,
        backend: HttpBackend,
        pools: tuple[ConnectionPool, ...],
        previous: HttpRuntime | None,
    ) -> None:
        self.backend = backend
        self.prefix = backend.path.rstrip("/")
        # A limit on the first byte that the total deadline covers anyway needs no watching.
        limit = backend.first_byte
        self.first_byte_limit = limit if limit < service.timeout else None
        if previous is None:
            self.breaker = CircuitBreaker(service.breaker)
            self.budget = RetryBudget(service.retry_budget)
            self.balancer = Balancer(backend.endpoints, backend.ejection)
        else:
            self.breaker = previous.breaker
            self.breaker.retune(service.breaker)
            self.budget = previous.budget
            self.budget.retune(service.retry_budget)
            self.balancer = previous.balancer.retuned(backend.endpoints, backend.ejection)
        self.endpoints = tuple(
            EndpointRuntime(endpoint, index, pool, self.balancer)
            for index, (endpoint, pool) in enumerate(zip(backend.endpoints, pools, strict=True))
        )

    def settle(self, record: RequestRecord, outcome: Outcome, now: float) -> None:
        """Close the books of the attempt at hand, exactly once; see `RequestRecord`."""
        ticket, record.ticket = record.ticket, 0
        endpoint, record.endpoint = record.endpoint, None
        connection, record.connection = record.connection, None
        if ticket:
            self.breaker.settle(ticket, outcome, now)
        if endpoint is None:
            return
        if outcome is Outcome.SUCCESS:
            endpoint.balancer.succeeded(endpoint.index)
        elif outcome is Outcome.FAILURE:
            endpoint.balancer.failed(endpoint.index, now)
        else:
            endpoint.balancer.abandoned(endpoint.index)
        if connection is not None:
            endpoint.pool.give_back(connection)


class KafkaRuntime:
    """What a Kafka service decides with: how many of its requests wait, and its schemas.

    `backend` has the reply topic of this very instance, if each has its own.
    """

    __slots__ = ("backend", "reply_check", "request_check", "waits")

    def __init__(
        self, service: Service, backend: KafkaBackend, previous: KafkaRuntime | None
    ) -> None:
        self.backend = backend
        self.request_check = _check(service.request_schema)
        self.reply_check = _check(service.reply_schema)
        if previous is None:
            self.waits = InFlightLimit(backend.max_waits)
        else:
            self.waits = previous.waits
            self.waits.retune(backend.max_waits)


def _check(schema: PayloadSchema | None) -> PayloadCheck | None:
    return None if schema is None else PayloadCheck(schema.document)


class ServiceRuntime:
    """A service as it runs: exactly one of `http` and `kafka` is set.

    `labels` are service, department and transport as the request log names them. `grace` is how
    many seconds beyond its deadline a request may take for its receipt to be written. `once` says
    that an HTTP service looks at the `Idempotency-Key`.
    """

    __slots__ = ("department", "grace", "http", "id", "in_flight", "kafka", "labels", "meter",
                 "once", "service")  # fmt: skip

    def __init__(
        self,
        service: Service,
        department: DepartmentRuntime,
        http: HttpRuntime | None,
        kafka: KafkaRuntime | None,
        meter: ServiceMeter,
    ) -> None:
        self.service = service
        self.id = service.id
        self.department = department
        self.in_flight = department.in_flight
        self.http = http
        self.kafka = kafka
        self.once = http is not None and service.idempotency is not Idempotency.OFF
        self.grace = 0.0 if kafka is None else RECEIPT_TIME
        self.meter = meter
        self.labels = (service.id, department.department.id, service.transport)
