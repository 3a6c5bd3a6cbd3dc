"""The snapshot that requests read: one immutable version of all routes with their live parts.

Room rule: as `gateway.handling`. A new snapshot is built completely before it is put in place by
one assignment; what has not changed is carried over as it is: connections, breaker, budget,
bucket, counters. What is no longer used ends by itself when its last request has.
"""

from __future__ import annotations

import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gateway.handling.admission import key_digest
from gateway.handling.route_runtime import (
    ChannelRuntime,
    DepartmentRuntime,
    HttpRuntime,
    KafkaRuntime,
    ServiceRuntime,
)
from gateway.http.pool import ConnectionPool
from gateway.routing.table import RouteTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.routing.model import Endpoint, HttpBackend, KafkaBackend, Routes, Service
    from gateway.sweep import Sweep
    from gateway.telemetry.metrics import Metrics

__all__ = ["ChannelKeys", "LiveRoutes", "RouteBoard", "RouteBuilder"]

ChannelKeys = dict[str, tuple[bytes, ...]]
"""The keys of each channel by its ID, as they were resolved at load."""

_PoolKey = tuple[str, str, str, int, float]


class LiveRoutes:
    """One version. `keys` finds digest and channel by a key's digest; `pools` are all in use;
    `callback_secrets` are what callbacks are signed with, by channel.
    """

    __slots__ = ("callback_secrets", "channels", "departments", "keys", "pools", "routes",
                 "services", "table")  # fmt: skip

    def __init__(
        self,
        routes: Routes,
        table: RouteTable,
        services: dict[str, ServiceRuntime],
        channels: dict[str, ChannelRuntime],
        departments: dict[str, DepartmentRuntime],
        keys: dict[bytes, tuple[bytes, ChannelRuntime]],
        pools: dict[_PoolKey, ConnectionPool],
        callback_secrets: Mapping[str, str],
    ) -> None:
        self.callback_secrets: Final = callback_secrets
        self.routes: Final = routes
        self.table: Final = table
        self.services: Final = services
        self.channels: Final = channels
        self.departments: Final = departments
        self.keys: Final = keys
        self.pools: Final = pools


class RouteBoard:
    """Holds the version in force; `current` is read once a request."""

    def __init__(self, first: LiveRoutes) -> None:
        self.current = first

    def swap(self, new: LiveRoutes) -> None:
        """Put a version in place; connections that it does not use are let go."""
        old, self.current = self.current, new
        for key, pool in old.pools.items():
            if new.pools.get(key) is not pool:
                pool.close()

    def close(self) -> None:
        """Close all connections at rest."""
        for pool in self.current.pools.values():
            pool.close()


class RouteBuilder:
    """Builds snapshots; `previous` gives what is carried over.

    `instance` takes the place of `{instance}` in reply topics: a name of this process alone.
    """

    def __init__(self, sweep: Sweep, metrics: Metrics, instance: str = "") -> None:
        self._sweep = sweep
        self._metrics = metrics
        self._instance = instance
        self._tls: ssl.SSLContext | None = None

    def build(
        self,
        routes: Routes,
        keys: ChannelKeys,
        previous: LiveRoutes | None,
        callback_secrets: Mapping[str, str] | None = None,
    ) -> LiveRoutes:
        """Make the whole snapshot; nothing of `previous` is touched but the policies' numbers.

        `callback_secrets` are what callbacks are signed with, by channel.
        """
        now = self._sweep.time()
        table = RouteTable(routes)
        old_departments = previous.departments if previous is not None else {}
        old_channels = previous.channels if previous is not None else {}
        departments = {
            id_: DepartmentRuntime(department, old_departments.get(id_))
            for id_, department in routes.departments.items()
        }
        channels = {
            id_: ChannelRuntime(
                channel,
                table.granted(id_),
                old_channels.get(id_),
                now,
            )
            for id_, channel in routes.channels.items()
        }
        pools: dict[_PoolKey, ConnectionPool] = {}
        services = {
            id_: self._service(service, departments[service.department], pools, previous)
            for id_, service in routes.services.items()
        }
        return LiveRoutes(
            routes,
            table,
            services,
            channels,
            departments,
            _key_table(channels, keys),
            pools,
            callback_secrets or {},
        )

    def _service(
        self,
        service: Service,
        department: DepartmentRuntime,
        pools: dict[_PoolKey, ConnectionPool],
        previous: LiveRoutes | None,
    ) -> ServiceRuntime:
        old = previous.services.get(service.id) if previous is not None else None
        http = kafka = None
        if service.kafka is not None:
            kafka = KafkaRuntime(
                service, self._own(service.kafka), None if old is None else old.kafka
            )
        if service.http is not None:
            known = previous.pools if previous is not None else {}
            its_pools = tuple(
                self._pool(service.id, endpoint, service.http, pools, known)
                for endpoint in service.http.endpoints
            )
            http = HttpRuntime(service, service.http, its_pools, None if old is None else old.http)
        meter = self._metrics.service(service.id, service.transport)
        return ServiceRuntime(service, department, http, kafka, meter)

    def _own(self, backend: KafkaBackend) -> KafkaBackend:
        """Return `backend` with the reply topic that this instance reads."""
        topic = backend.reply_topic
        if topic is None or "{instance}" not in topic:
            return backend
        return replace(backend, reply_topic=topic.replace("{instance}", self._instance))

    def _pool(
        self,
        service_id: str,
        endpoint: Endpoint,
        backend: HttpBackend,
        pools: dict[_PoolKey, ConnectionPool],
        known: Mapping[_PoolKey, ConnectionPool],
    ) -> ConnectionPool:
        """Each service has its own pools, so that one cannot use up what another needs."""
        key = (service_id, endpoint.scheme, endpoint.host, endpoint.port, backend.idle)
        pool = pools.get(key) or known.get(key)
        if pool is None:
            tls = self._tls_context() if endpoint.scheme == "https" else None
            pool = ConnectionPool(
                endpoint.host, endpoint.port, self._sweep, tls=tls, idle=backend.idle
            )
        pools[key] = pool
        return pool

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


def _key_table(
    channels: Mapping[str, ChannelRuntime], keys: ChannelKeys
) -> dict[bytes, tuple[bytes, ChannelRuntime]]:
    table: dict[bytes, tuple[bytes, ChannelRuntime]] = {}
    for id_, channel in channels.items():
        for key in keys.get(id_, ()):
            digest = key_digest(key)
            table[digest] = (digest, channel)
    return table
