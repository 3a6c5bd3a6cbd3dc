"""From the routes that run and a newly loaded file to the routes that run next.

Room rule: pure. One department's slip stops nobody else: a service with a problem stays at its
last good version, a new one stays absent, and all the rest of the new file applies. A problem that
is not confined to services changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.routing.loader import Loaded
    from gateway.routing.model import Department, Routes, Service
    from gateway.routing.problem import Problem

__all__ = ["Merged", "merge"]


@dataclass(frozen=True, slots=True)
class Merged:
    """The routes to run next, and what that changes.

    `applied` is false when the new file changes nothing because of a problem that is not confined
    to one service. `refused` names the services whose new version is refused, with its problems;
    those that run on are `kept` at their last good version. The other sets are service IDs.
    """

    routes: Routes
    applied: bool
    refused: dict[str, tuple[Problem, ...]]
    kept: frozenset[str]
    added: frozenset[str]
    changed: frozenset[str]
    removed: frozenset[str]
    unchanged: frozenset[str]


def merge(running: Routes, loaded: Loaded) -> Merged:
    """Put the new file and the last good versions together."""
    refused = _refused(loaded)
    if loaded.routes is None:
        return _merged(running, running, refused, frozenset(), applied=False)
    new = loaded.routes
    kept = {id_: running.services[id_] for id_ in loaded.refused if id_ in running.services}
    if loaded.ids_unreadable:
        vanished = running.services.keys() - new.services.keys()
        kept.update({id_: running.services[id_] for id_ in vanished})
    departments = dict(new.departments)
    for service in kept.values():
        departments.setdefault(service.department, _department(running, service))
    routes = replace(new, departments=departments, services={**new.services, **kept})
    return _merged(running, routes, refused, frozenset(kept), applied=True)


def _department(running: Routes, service: Service) -> Department:
    return running.departments[service.department]


def _refused(loaded: Loaded) -> dict[str, tuple[Problem, ...]]:
    refused: dict[str, list[Problem]] = {service_id: [] for service_id in loaded.refused}
    for problem in loaded.problems:
        if problem.service in refused:
            refused[problem.service].append(problem)
    return {service_id: tuple(problems) for service_id, problems in refused.items()}


def _merged(
    old: Routes,
    new: Routes,
    refused: dict[str, tuple[Problem, ...]],
    kept: frozenset[str],
    *,
    applied: bool,
) -> Merged:
    both = old.services.keys() & new.services.keys()
    same = frozenset(id_ for id_ in both if old.services[id_] == new.services[id_])
    return Merged(
        routes=new,
        applied=applied,
        refused=refused,
        kept=kept,
        added=frozenset(new.services.keys() - old.services.keys()),
        changed=frozenset(both) - same,
        removed=frozenset(old.services.keys() - new.services.keys()),
        unchanged=same,
    )
