"""Which departments the demo plays: every loopback endpoint and every topic of the routes.

Room rule: the demo stands above the gateway and uses it as a user would; nothing below knows it.
A plan is plain data, so that it travels to a child process as one line of JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from gateway.routing.model import KafkaMode, Routes

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LOOPBACK", "HttpDoor", "Plan", "RequestTopic"]

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
"""The demo plays departments on this machine only; any other address is left to its owner."""


class HttpDoor(NamedTuple):
    """One service at one endpoint: `path` is what the gateway puts before the rest."""

    service: str
    host: str
    port: int
    path: str


class RequestTopic(NamedTuple):
    """One service behind one topic; `replies` when somebody waits for the answer."""

    service: str
    topic: str
    replies: bool


class Plan(NamedTuple):
    """What the departments' process does; `bootstrap` is None without Kafka services."""

    doors: tuple[HttpDoor, ...]
    topics: tuple[RequestTopic, ...]
    bootstrap: str | None

    @classmethod
    def of(cls, routes: Routes, bootstrap: str | None) -> Self:
        doors = tuple(
            HttpDoor(service.id, endpoint.host, endpoint.port, service.http.path)
            for service in routes.services.values()
            if service.http is not None
            for endpoint in service.http.endpoints
            if endpoint.scheme == "http" and endpoint.host in LOOPBACK
        )
        topics = tuple(
            RequestTopic(service.id, service.kafka.topic, service.kafka.mode is KafkaMode.REPLY)
            for service in routes.services.values()
            if service.kafka is not None
        )
        return cls(doors, topics, bootstrap)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """Take a plan from its JSON."""
        return cls(
            tuple(HttpDoor(*door) for door in data["doors"]),
            tuple(RequestTopic(*topic) for topic in data["topics"]),
            data["bootstrap"],
        )
