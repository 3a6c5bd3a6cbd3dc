"""The routes as the path of a request asks them: service by ID, grant by channel, nearest names.

Room rule: built once for a version of the routes; every question is a dictionary's answer, but
for the nearest names, whose cost is bounded and which only an unknown service asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.routing.grants import Grants
from gateway.routing.nearest import Nearest

if TYPE_CHECKING:
    from gateway.routing.model import Routes, Service

__all__ = ["RouteTable"]

_MOST: Final = 3
_NOTHING: Final[frozenset[str]] = frozenset()


class RouteTable:
    """One version of the routes, looked up by ID."""

    __slots__ = ("_granted", "_nearest", "routes", "services")

    def __init__(self, routes: Routes) -> None:
        self.routes = routes
        self.services: dict[str, Service] = routes.services
        grants = Grants(routes.services)
        resolved: dict[tuple[str, ...], frozenset[str]] = {}
        self._granted: dict[str, frozenset[str]] = {}
        self._nearest: dict[frozenset[str], Nearest] = {}
        for channel in routes.channels.values():
            if channel.services not in resolved:
                resolved[channel.services] = grants.resolve(channel.services)
            self._granted[channel.id] = resolved[channel.services]

    def service(self, service_id: str) -> Service | None:
        """The service of that ID."""
        return self.services.get(service_id)

    def granted(self, channel_id: str) -> frozenset[str]:
        """The IDs of the services that the channel may call; none for an unknown channel."""
        return self._granted.get(channel_id, _NOTHING)

    def may_call(self, channel_id: str, service_id: str) -> bool:
        """Whether the channel may call the service."""
        return service_id in self._granted.get(channel_id, _NOTHING)

    def nearest_services(self, channel_id: str, service_id: str) -> tuple[str, ...]:
        """Up to three services with similar IDs, of those that the channel may call.

        The names are sorted when a channel asks for the first time.
        """
        granted = self.granted(channel_id)
        nearest = self._nearest.get(granted)
        if nearest is None:
            nearest = self._nearest[granted] = Nearest(granted)
        return nearest.find(service_id, _MOST)
