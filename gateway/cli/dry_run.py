"""One request through reading, admission and addressing, without sending: what `explain` shows.

Room rule: no network and no rule of its own: every decision is made by the data path's functions,
and every number comes from the frozen routes.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.cli.policy_steps import Step, policy_steps
from gateway.entry.forwarded import ForwardedFields
from gateway.entry.problem import STATUSES
from gateway.entry.request import RequestReader
from gateway.errors import Fault
from gateway.handling.admission import admit
from gateway.handling.delivery import department_fields, department_target
from gateway.handling.idempotent_submission import required_key
from gateway.handling.live_routes import RouteBuilder
from gateway.handling.request_record import RequestRecord
from gateway.kafka.profiles import request_record
from gateway.kafka.record_key import record_key
from gateway.message import WholeBody
from gateway.routing.grants import matches
from gateway.routing.nearest import Nearest
from gateway.routing.secrets import resolve_secrets
from gateway.routing.sources import read_bounded
from gateway.sweep import Sweep
from gateway.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gateway.handling.live_routes import ChannelKeys, LiveRoutes
    from gateway.handling.route_runtime import ServiceRuntime
    from gateway.message import Body, RawHeaders, ServiceRequest
    from gateway.routing.loader import Loaded
    from gateway.routing.model import (
        Channel,
        Routes,
        SecretRef,
        Service,
    )

__all__ = ["Asked", "Explanation", "dry_run"]

_MOST_NEAREST: Final = 3
_LONGEST_LENGTH: Final = 19

AS_CHANNEL = b"explained-as-this-channel"
"""Stands for the key of the channel that `--channel` names; it is never a real key."""


@dataclass(slots=True)
class Asked:
    """The request to explain, as the wire would have brought it (`WireRequest`)."""

    method: str
    target: str
    headers: RawHeaders
    peer: str = "127.0.0.1"
    arrived: float = 0.0
    body: Body = field(default_factory=lambda: WholeBody(b""))


class AnnouncedBody(WholeBody):
    """A body of which the length is known and nothing else."""

    __slots__ = ("_length",)

    def __init__(self, length: int) -> None:
        super().__init__(b"")
        self._length = length

    @property
    def length(self) -> int:
        return self._length


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would become of a request; `fault` is None when it would be sent.

    `nearest` are services that resemble the one that was asked for and does not exist.
    """

    method: str
    target: str
    fault: Fault | None
    service: Service | None
    routes: Routes
    channel: Channel | None
    asked_for: str
    nearest: tuple[str, ...]
    steps: tuple[Step, ...]
    absent_keys: tuple[str, ...]
    sent: Mapping[str, object] | None

    @property
    def status(self) -> int:
        """The status of the refusal; 0 for a request that is taken."""
        return 0 if self.fault is None else STATUSES[self.fault.cause].status

    def as_json(self) -> dict[str, object]:
        """Return the explanation as values that JSON knows."""
        return {
            "method": self.method,
            "target": self.target,
            "taken": self.fault is None,
            "refusal": None if self.fault is None else _refusal(self.fault, self.status),
            "nearest_services": list(self.nearest),
            "service": None if self.service is None else _service(self.service),
            "department": self._department(),
            "channel": None if self.channel is None else self._channel(self.channel),
            "absent_keys": list(self.absent_keys),
            "policies": [step._asdict() for step in self.steps],
            "sent": self.sent,
        }

    def _department(self) -> dict[str, object] | None:
        if self.service is None:
            return None
        department = self.routes.departments[self.service.department]
        return {"id": department.id, "name": department.name, "phone": department.phone}

    def _channel(self, channel: Channel) -> dict[str, object]:
        id_ = "" if self.service is None else self.service.id
        grants = [pattern for pattern in channel.services if matches(pattern, id_)]
        return {"id": channel.id, "name": channel.name, "granted_by": grants}


async def dry_run(
    loaded: Loaded,
    folder: Path,
    wire: Asked,
    channel: str | None,
    environ: Mapping[str, str],
) -> Explanation:
    """Take the request as far as it can go without a network.

    `channel` names whom to explain as; else the keys that this machine has decide.
    """
    routes = loaded.routes
    if routes is None:
        raise ValueError("routes with problems cannot be explained")
    values = resolve_secrets(loaded.secrets, environ, read_bounded, folder).values
    keys = _keys(routes, values, channel)
    sweep = Sweep(asyncio.get_running_loop())
    live = RouteBuilder(sweep, Metrics("-", sweep.time)).build(routes, keys, None)
    record = RequestRecord(0.0, wire.method)
    request, fault, sent = None, None, None
    try:
        wire.body = _announced(wire.headers)
        request, _ = RequestReader(ForwardedFields(())).read(wire)
        if channel is not None:
            request = request.with_key(AS_CHANNEL)
        runtime = admit(live, request, record, sweep.time())
        sent = _sent(runtime, request, record)
    except Fault as raised:
        fault = raised
    service = _concerned(live, request, record)
    who = routes.channels.get(record.channel)
    asked_for = "" if request is None or service is not None else request.service_id
    return Explanation(
        wire.method,
        wire.target,
        fault,
        service,
        routes,
        who,
        asked_for,
        Nearest(routes.services).find(asked_for, _MOST_NEAREST) if asked_for else (),
        () if service is None else policy_steps(service, routes, who),
        tuple(str(reference) for reference in loaded.secrets if reference not in values),
        sent,
    )


def _announced(headers: RawHeaders) -> Body:
    """The body that the headers announce (RFC 9112 §6.3); raises `Fault` as the wire would."""
    lengths = {value for name, value in headers if name.lower() == b"content-length"}
    if not lengths:
        return WholeBody(b"")
    length = lengths.pop()
    if lengths or not length.isdigit() or len(length) > _LONGEST_LENGTH:
        raise Fault(errors.MALFORMED_REQUEST)
    return AnnouncedBody(int(length))


def _keys(routes: Routes, values: Mapping[SecretRef, str], channel: str | None) -> ChannelKeys:
    if channel is not None:
        return {channel: (AS_CHANNEL,)}
    return {
        one.id: tuple(values[key].encode() for key in one.keys if key in values)
        for one in routes.channels.values()
    }


def _concerned(
    live: LiveRoutes, request: ServiceRequest | None, record: RequestRecord
) -> Service | None:
    """The service of the request, also when it is refused before the service is looked at."""
    runtime = record.service
    if runtime is None and request is not None:
        runtime = live.services.get(request.service_id)
    return None if runtime is None else runtime.service


# --- what is sent -------------------------------------------------------------------------------


def _sent(
    runtime: ServiceRuntime, request: ServiceRequest, record: RequestRecord
) -> dict[str, object]:
    if runtime.http is not None:
        required_key(runtime.service, request)
        return _sent_over_http(runtime, request, record)
    return _sent_over_kafka(runtime.service, request)


def _sent_over_http(
    runtime: ServiceRuntime, request: ServiceRequest, record: RequestRecord
) -> dict[str, object]:
    http = runtime.http
    if http is None:
        return {}
    fields = request.fields + department_fields(record.channel, runtime.service.timeout, 1)
    sent = [_split(line) for line in fields.split(b"\r\n") if line]
    given = {name.lower() for name, _ in request.headers}
    kept = {name.lower().encode() for name, _ in sent}
    target = department_target(http.prefix, request)
    return {
        "transport": "http",
        "method": request.method,
        "urls": [endpoint.url + target for endpoint in http.endpoints],
        "headers": sent,
        "added": [name for name, _ in sent if name.lower().encode() not in given],
        "removed": sorted(name.decode("latin-1") for name in given - kept - {b"host"}),
    }


def _sent_over_kafka(service: Service, request: ServiceRequest) -> dict[str, object]:
    kafka = service.kafka
    if kafka is None:
        return {}
    key = record_key(kafka.key, request.headers, request.query)
    required_key(service, request)
    now = datetime.now(UTC)
    outgoing = request_record(
        kafka,
        request,
        b"",
        key=key,
        event_id="(48 hex digits, new for each request)",
        now=now,
        deadline=now + timedelta(seconds=service.timeout),
    )
    passed = {name.encode() for name, _ in outgoing.headers}
    return {
        "transport": "kafka",
        "profile": kafka.profile,
        "topic": outgoing.topic,
        "key": None if key is None else key.decode("utf-8", "replace"),
        "headers": [(name, value.decode("utf-8", "replace")) for name, value in outgoing.headers],
        "value": "the body, unchanged",
        "removed": sorted(
            name.decode("latin-1").lower()
            for name, _ in request.headers
            if name.lower() not in passed
        ),
    }


def _split(line: bytes) -> tuple[str, str]:
    name, _, value = line.decode("latin-1").partition(": ")
    return name, value


# --- as JSON ------------------------------------------------------------------------------------


def _refusal(fault: Fault, status: int) -> dict[str, object]:
    detail = fault.detail or fault.cause.advice
    return {
        "status": status,
        "cause": fault.cause.code,
        "side": fault.cause.side.value,
        "title": fault.cause.title.en,
        "detail": detail.en,
        "title_zh": fault.cause.title.zh,
        "detail_zh": detail.zh,
        "nearest": list(fault.nearest),
        "allow": list(fault.allow),
    }


def _service(service: Service) -> dict[str, object]:
    return {
        "id": service.id,
        "title": service.title,
        "transport": service.transport,
        "methods": list(service.methods),
        "timeout": service.timeout,
        "max_body": service.max_body,
        "retry": {"attempts": service.retry.attempts, "idempotent": service.retry.idempotent},
    }
