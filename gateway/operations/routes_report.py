"""What the ops door shows under `/routes`: what runs, since when, and what was refused and why.

Room rule: made from the frozen routes and problems. Keys of channels, and the references to
them, stay out; problems have the form that `gateway check --format json` prints.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from gateway.routing.model import Routes, Service
    from gateway.routing.problem import Problem

__all__ = ["FORMAT_VERSION", "Reload", "RoutesReport"]

FORMAT_VERSION: Final = 1
"""What `version` says in every file that is taken."""


@dataclass(frozen=True, slots=True)
class Reload:
    """The latest reading of the file: `applied`, `partial`, `refused` or `unchanged`; UTC."""

    result: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RoutesReport:
    """The state of the routes at one moment.

    `refused` holds, by service ID, the problems of the file's version of that service while its
    last good version, or nothing, runs. `rejected` holds the problems of a file of which nothing
    was taken over, `rejected_digest` names its contents (None when it could not be read).
    """

    routes: Routes
    loaded_at: datetime
    refused: Mapping[str, Sequence[Problem]] = field(default_factory=dict)
    rejected: Sequence[Problem] = ()
    last_reload: Reload | None = None
    rejected_digest: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return the report as values that JSON knows, datetimes apart."""
        routes = self.routes
        return {
            "version": FORMAT_VERSION,
            "digest": routes.digest,
            "loaded_at": self.loaded_at,
            "counts": {
                "departments": len(routes.departments),
                "channels": len(routes.channels),
                "services": len(routes.services),
            },
            "services": [_service(service) for service in routes.services.values()],
            "refused": {
                service_id: {
                    "running": "last good version" if service_id in routes.services else "nothing",
                    "problems": [problem.as_json() for problem in problems],
                }
                for service_id, problems in self.refused.items()
            },
            "rejected": [problem.as_json() for problem in self.rejected],
            "rejected_digest": self.rejected_digest,
            "last_reload": self.last_reload
            and {"result": self.last_reload.result, "at": self.last_reload.at},
        }


def _service(service: Service) -> dict[str, object]:
    return {
        "id": service.id,
        "title": service.title,
        "department": service.department,
        "transport": service.transport,
    }
