"""Admission: whether a request is taken at all. Synchronous, so it is atomic on the loop.

Room rule: as `gateway.handling`. Who calls is asked first, so that a stranger learns nothing
about services and cannot drain anybody's rate; the department's room is taken last, so that
nothing that is refused ever holds it.
"""

from __future__ import annotations

import hashlib
from hmac import compare_digest
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.errors import Fault

if TYPE_CHECKING:
    from gateway.handling.live_routes import LiveRoutes
    from gateway.handling.request_record import RequestRecord
    from gateway.handling.route_runtime import ChannelRuntime, ServiceRuntime
    from gateway.message import ServiceRequest

__all__ = [
    "ADMISSION_STEPS",
    "admit",
    "enter_channel",
    "find_channel",
    "find_service",
    "key_digest",
]

ADMISSION_STEPS: Final = (
    "channel",
    "service",
    "grant",
    "method",
    "body size",
    "rate",
    "in flight",
)
"""The order of `admit`, as `gateway explain` prints it; a test holds the two together."""


def admit(
    routes: LiveRoutes, request: ServiceRequest, record: RequestRecord, now: float
) -> ServiceRuntime:
    """Let the request in and count it in flight, or raise `Fault`.

    What was found out on the way stands in `record`, also when it is refused.
    """
    channel = find_channel(routes, request.api_key)
    record.channel = channel.id
    runtime = find_service(routes, channel, request.service_id)
    record.service = runtime
    service = runtime.service
    if runtime.id not in channel.granted:
        raise Fault(errors.NOT_GRANTED)
    if request.method not in service.methods:
        raise Fault(errors.METHOD_NOT_ALLOWED, allow=service.methods)
    length = request.body.length
    if length is not None and length > service.max_body:
        raise Fault(errors.BODY_TOO_LARGE)
    request.body.limit = service.max_body
    wait = channel.bucket.take(now)
    if wait:
        raise _rate_fault(channel, wait, now)
    if not runtime.in_flight.enter():
        raise Fault(errors.DEPARTMENT_BUSY, retry_after=1.0)
    record.in_flight = True
    return runtime


def enter_channel(
    routes: LiveRoutes, key: bytes | None, record: RequestRecord, now: float
) -> ChannelRuntime:
    """Let a question in that is for no service: only who asks and how often is looked at."""
    channel = find_channel(routes, key)
    record.channel = channel.id
    wait = channel.bucket.take(now)
    if wait:
        raise _rate_fault(channel, wait, now)
    return channel


def find_channel(routes: LiveRoutes, key: bytes | None) -> ChannelRuntime:
    """Return whose key it is. The time it takes tells nothing about the keys that exist."""
    if not key:
        raise Fault(errors.CREDENTIALS_MISSING)
    digest = key_digest(key)
    found = routes.keys.get(digest)
    if found is None or not compare_digest(found[0], digest):
        raise Fault(errors.CREDENTIALS_WRONG)
    return found[1]


def find_service(routes: LiveRoutes, channel: ChannelRuntime, service_id: str) -> ServiceRuntime:
    """Return the service; a miss names near ones, of those only that the channel may call."""
    runtime = routes.services.get(service_id)
    if runtime is None:
        nearest = routes.table.nearest_services(channel.id, service_id)
        raise Fault(errors.SERVICE_UNKNOWN, nearest=nearest)
    return runtime


def key_digest(key: bytes) -> bytes:
    """What is kept and looked up instead of a key: two keys never meet byte by byte."""
    return hashlib.sha256(key).digest()


def _rate_fault(channel: ChannelRuntime, wait: float, now: float) -> Fault:
    rate = channel.channel.rate
    quota = (rate.count, round(rate.per), channel.bucket.remaining(now))
    return Fault(errors.RATE_LIMITED, retry_after=wait, quota=quota)
