"""The policies of a service in the order in which they are applied, each with its numbers.

Room rule: as `gateway.cli`. The order is that of the data path's own constants; the numbers are
those of the frozen routes, defaults filled in. In `values` durations are seconds and
sizes bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gateway.handling.admission import ADMISSION_STEPS
from gateway.handling.pipeline import HTTP_STEPS, KAFKA_STEPS
from gateway.routing.grants import matches
from gateway.routing.model import UNLIMITED, Durability, Idempotency, KafkaMode, Repeat

if TYPE_CHECKING:
    from gateway.routing.model import Channel, HttpBackend, KafkaBackend, Routes, Service

__all__ = ["Step", "policy_steps", "size_text"]


class Step(NamedTuple):
    """One rule in its place: in words, and its numbers and names for programs."""

    name: str
    text: str
    values: dict[str, object]


def policy_steps(service: Service, routes: Routes, channel: Channel | None) -> tuple[Step, ...]:
    """Return the steps of a request for `service`; `channel` is None when nobody is known."""
    order: tuple[str, ...] = ADMISSION_STEPS
    steps = _admission(service, routes, channel)
    if service.http is not None:
        order += HTTP_STEPS
        steps |= _http(service, service.http)
    elif service.kafka is not None:
        order += KAFKA_STEPS
        steps |= _kafka(service, service.kafka, channel)
    return tuple(Step(name, *steps[name]) for name in order)


_Steps = dict[str, tuple[str, dict[str, object]]]


def _admission(service: Service, routes: Routes, channel: Channel | None) -> _Steps:
    department = routes.departments[service.department]
    callers = [c.id for c in routes.channels.values() if _may_call(c, service.id)]
    return {
        "channel": (
            "the key in X-Api-Key names the channel; none or a wrong one: 401",
            {"channel": None if channel is None else channel.id},
        ),
        "service": (f"{service.id}; an unknown one: 404", {"service": service.id}),
        "grant": (
            f"granted to {', '.join(callers) or 'nobody'}; others: 403",
            {"granted_to": callers},
        ),
        "method": (
            f"{', '.join(service.methods)}; others: 405",
            {"methods": list(service.methods)},
        ),
        "body size": (
            f"at most {size_text(service.max_body)}; above: 413",
            {"max_body": service.max_body},
        ),
        "rate": _rate(channel),
        "in flight": (
            f"at most {_count(department.max_in_flight)} at {department.id}; above: 503",
            {"department": department.id, "max_in_flight": department.max_in_flight},
        ),
    }


def _may_call(channel: Channel, service_id: str) -> bool:
    return any(matches(pattern, service_id) for pattern in channel.services)


def _rate(channel: Channel | None) -> tuple[str, dict[str, object]]:
    if channel is None:
        return "the channel's own; above: 429", {}
    rate = channel.rate
    return (
        f"{_count(rate.count)} in {rate.per:g} s, bursts of {_count(channel.burst)}; above: 429",
        {"requests": rate.count, "seconds": rate.per, "burst": channel.burst},
    )


def size_text(size: int) -> str:
    """The bytes as the file writes them: `32MiB`."""
    shift = next((shift for shift in (30, 20, 10) if not size % (1 << shift)), 0)
    return f"{size >> shift}{ {30: 'GiB', 20: 'MiB', 10: 'KiB', 0: ' bytes'}[shift] }"


def _count(number: int) -> str:
    return "unlimited" if number >= UNLIMITED else str(number)


def _deadline(service: Service) -> tuple[str, dict[str, object]]:
    return (
        f"{service.timeout:g} s from the head of the request to the last byte of the answer; 504",
        {"timeout": service.timeout},
    )


def _http(service: Service, http: HttpBackend) -> _Steps:
    retry, budget, breaker = service.retry, service.retry_budget, service.breaker
    repeated = "any method" if retry.idempotent else "only what is safe: not sent, or idempotent"
    return {
        "deadline": _deadline(service),
        "idempotency": _idempotency(service),
        "retry budget": (
            f"retries at most {budget.share:.0%} of the requests of the last {budget.window:g} s,"
            f" at least {budget.minimum}",
            {"share": budget.share, "window": budget.window, "minimum": budget.minimum},
        ),
        "breaker": (
            f"opens at {breaker.failures:.0%} failures of at least {breaker.requests} requests in"
            f" {breaker.window:g} s, for {breaker.pause:g} s, then one probe; open: 503",
            {
                "failures": breaker.failures,
                "requests": breaker.requests,
                "window": breaker.window,
                "pause": breaker.pause,
            },
        ),
        "balancer": _balancer(http),
        "connect": (
            f"within {http.connect:g} s; kept for {http.idle:g} s when idle",
            {"connect": http.connect, "idle": http.idle},
        ),
        "first byte": (
            f"within {http.first_byte:g} s once the request is out; 504",
            {"first_byte": http.first_byte},
        ),
        "retry": (
            f"{retry.attempts} tries in all; repeated is {repeated}",
            {"attempts": retry.attempts, "idempotent": retry.idempotent},
        ),
    }


def _balancer(http: HttpBackend) -> tuple[str, dict[str, object]]:
    rest = http.ejection
    named = ", ".join(f"{endpoint.url} (weight {endpoint.weight})" for endpoint in http.endpoints)
    return (
        f"{named}; {rest.failures} failures in a row: {rest.pause:g} s of rest, never the last one",
        {
            "endpoints": [{"url": e.url, "weight": e.weight} for e in http.endpoints],
            "ejection": {"failures": rest.failures, "pause": rest.pause},
        },
    )


def _kafka(service: Service, kafka: KafkaBackend, channel: Channel | None) -> _Steps:
    key = "none" if kafka.key is None else f"{kafka.key}; missing: 400"
    schema = service.request_schema
    checked = "the body is not looked at"
    if schema is not None:
        checked = f"the body has to keep to {schema.path}; else: 422 with every place"
    return {
        "deadline": _kafka_deadline(service, kafka),
        "record key": (key, {"key": None if kafka.key is None else str(kafka.key)}),
        "schema": (checked, {"request": None if schema is None else schema.path}),
        "idempotency": _idempotency(service),
        "case": _case(kafka, channel),
        "outbox": _outbox(kafka),
        "reply": _reply(service, kafka),
    }


def _kafka_deadline(service: Service, kafka: KafkaBackend) -> tuple[str, dict[str, object]]:
    then = "then the receipt" if kafka.mode is KafkaMode.REPLY else "nothing durable by then: 504"
    text = f"{service.timeout:g} s from the head of the request; {then}"
    return text, {"timeout": service.timeout}


def _idempotency(service: Service) -> tuple[str, dict[str, object]]:
    values: dict[str, object] = {
        "idempotency": service.idempotency.value,
        "repeat": service.repeat.value,
    }
    if service.idempotency is Idempotency.OFF:
        return "off; Idempotency-Key is not looked at", values
    required = service.idempotency is Idempotency.REQUIRED
    absent = "required, missing: 400" if required else "optional"
    joins = service.repeat is Repeat.JOIN
    early = "joins the wait" if joins else "409"
    return (
        f"Idempotency-Key {absent}; repeated: the first answer again, while that is under way:"
        f" {early}, with another body: 422",
        values,
    )


def _case(kafka: KafkaBackend, channel: Channel | None) -> tuple[str, dict[str, object]]:
    readers = () if channel is None else (channel.id, *channel.case_readers)
    who = ", ".join(readers) or "the channel that sent it and its case_readers"
    callback = None if channel is None else channel.callback
    told = "" if callback is None else f"; told to {callback.url}"
    states = ""
    if kafka.status_topic is not None:
        states = f"; states from {kafka.status_topic}, {len(kafka.state_map)} words known"
    return (
        f"one for each request, at /cases/{{id}} for {who}{told}{states}",
        {
            "readers": list(readers),
            "callback": None if callback is None else callback.url,
            "status_topic": kafka.status_topic,
            "state_map": dict(kafka.state_map),
        },
    )


def _outbox(kafka: KafkaBackend) -> tuple[str, dict[str, object]]:
    brokers = f"topic {kafka.topic}, acknowledged by all in-sync replicas"
    late = f"not within {kafka.spill_after:g} s: kept on this gateway's disk; disk full: 503"
    if kafka.durability is Durability.JOURNAL:
        brokers = f"on this gateway's disk first, then {brokers}"
        late = f"not within {kafka.spill_after:g} s: the receipt says local; disk full: 503"
    return (
        f"{brokers}; {late}",
        {
            "topic": kafka.topic,
            "acks": "all",
            "durability": kafka.durability.value,
            "spill_after": kafka.spill_after,
        },
    )


def _reply(service: Service, kafka: KafkaBackend) -> tuple[str, dict[str, object]]:
    schema = None if service.reply_schema is None else service.reply_schema.path
    text = "none; a receipt (202) once the record is durable"
    if kafka.mode is KafkaMode.EVENT:
        text += ", and the case ends with its publication"
    if kafka.reply_topic is not None:
        text = (
            f"awaited on {kafka.reply_topic} until the deadline, {kafka.max_waits} at once; late or"
            f" one more: a receipt (202)"
        )
        text += "" if schema is None else f"; has to keep to {schema}, else: 502"
    return (
        f"{text}; headers as {kafka.profile}",
        {
            "mode": kafka.mode.value,
            "reply_topic": kafka.reply_topic,
            "max_waits": None if kafka.reply_topic is None else kafka.max_waits,
            "profile": kafka.profile,
            "schema": schema,
        },
    )
