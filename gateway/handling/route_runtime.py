"""The live side of a service, a department and a channel: policies with state, connections.

Room rule: as `gateway.handling`. A runtime is made when a route is loaded, with all that a request
would otherwise look up or format; a reload makes a new one that takes over the living parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.policies.balancer import Balancer
from gateway.policies.breaker import CircuitBreaker, Outcome
from gateway.policies.in_flight import InFlightLimit
from gateway.policies.rate_limit import TokenBucket
from gateway.policies.retry_budget import RetryBudget

if TYPE_CHECKING:
    from gateway.handling.request_record import RequestRecord
    from gateway.http.pool import ConnectionPool
    from gateway.routing.model import (
        Channel,
        Department,
        Endpoint,
        HttpBackend,
        KafkaBackend,
        Service,
    )
    from gateway.telemetry.metrics import ServiceMeter

__all__ = [
    "ChannelRuntime",
    "DepartmentRuntime",
    "EndpointRuntime",
    "HttpRuntime",
    "ServiceRuntime",
]


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


class ServiceRuntime:
    """A service as it runs: exactly one of `http` and `kafka` is set.

    `labels` are service, department and transport as the request log names them.
    """

    __slots__ = ("department", "http", "id", "in_flight", "kafka", "labels", "meter", "service")

    def __init__(
        self,
        service: Service,
        department: DepartmentRuntime,
        http: HttpRuntime | None,
        kafka: KafkaBackend | None,
        meter: ServiceMeter,
    ) -> None:
        self.service = service
        self.id = service.id
        self.department = department
        self.in_flight = department.in_flight
        self.http = http
        self.kafka = kafka
        self.meter = meter
        self.labels = (service.id, department.department.id, service.transport)
