"""What the demo prints when it runs: addresses, keys, commands to copy and what to try next."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final, NamedTuple

from gateway.demo.samples import Sample, samples, slowed
from gateway.routing.model import Channel, SecretKind, Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.demo.callers import Callers

__all__ = ["Scene", "curl", "tour"]

EMBEDDED: Final = "embedded broker (librdkafka's mock cluster), in memory: its records end with it"


class Scene(NamedTuple):
    """The running demo: addresses as `host:port`, processes by their number.

    `log` is the file for the lines of requests, which there is while traffic runs.
    """

    callers: Callers
    entry: str
    ops: str
    broker: str | None
    broker_pid: int | None
    departments_pid: int | None
    log: str | None


def tour(scene: Scene) -> str:
    """The whole text for the terminal."""
    parts = (_addresses(scene), _keys(scene), _services(scene), _next_steps(scene))
    return "\n\n".join("\n".join(part) for part in parts if part)


def _addresses(scene: Scene) -> list[str]:
    lines = [
        "The gateway runs, with demo departments whose people are all made up.",
        "",
        f"  entry   http://{scene.entry}   /s/{{service_id}}/...",
        f"  ops     http://{scene.ops}   /metrics /readyz /livez /routes",
    ]
    if scene.broker is not None:
        lines.append(f"  Kafka   {scene.broker}          {EMBEDDED}")
    if scene.log is not None:
        lines.append("  traffic about 40 requests a second, some of them wrong on purpose")
        lines.append(f"  log     {scene.log}   one line a request, while the demo runs")
    return lines


def _keys(scene: Scene) -> list[str]:
    made_up = scene.callers.made_up
    if not made_up:
        return []
    shown = [
        f"  {ref.name}={value}" if ref.kind is SecretKind.ENV else f"  {ref.name}: {value}"
        for ref, value in made_up.items()
    ]
    return ["Keys made up for this run of the demo only:", *shown]


def _services(scene: Scene) -> list[str]:
    lines = ["Call the services (copy a line):"]
    for service in scene.callers.routes.services.values():
        channel = _caller_of(scene.callers, service)
        lines += ["", f"  # {service.id}: {service.title} ({_how(service)})"]
        if channel is None:
            lines.append("  # no channel may call it")
            continue
        lines += ["  " + curl(scene, channel, service, sample) for sample in samples(service)]
    return lines


def _caller_of(callers: Callers, service: Service) -> Channel | None:
    return next((c for c, granted in callers.granted() if granted is service), None)


def _how(service: Service) -> str:
    if service.kafka is None:
        return "HTTP"
    return f"Kafka, {service.kafka.mode}"


def curl(scene: Scene, channel: Channel, service: Service, sample: Sample) -> str:
    """One command that works as it stands."""
    words = ["curl -i"]
    if sample.method not in {"GET", "POST"} or (sample.method == "POST" and sample.body is None):
        words.append(f"-X {sample.method}")
    words.append(shlex.quote(f"http://{scene.entry}/s/{service.id}{sample.rest}"))
    words.append(f'-H "X-Api-Key: {scene.callers.spoken[channel.id]}"')
    words += [f"-H '{name}: {value}'" for name, value in sample.headers]
    if sample.body is not None:
        words.append(f"-d {shlex.quote(sample.body)}")
    return " ".join(words)


class Step(NamedTuple):
    """Something to try: why, and the command."""

    why: str
    command: str


def _next_steps(scene: Scene) -> list[str]:
    lines = ["Then try:"]
    for step in (*_mistakes(scene), *_outages(scene), *_looks(scene)):
        lines += ["", f"  # {step.why}", f"  {step.command}"]
    return [*lines, "", "Ctrl-C ends everything."]


def _mistakes(scene: Scene) -> Iterator[Step]:
    pair = next(iter(scene.callers.granted()), None)
    if pair is None:
        return
    channel, service = pair
    plain = Sample("GET", "/")
    wrong = curl(scene, channel, service, plain).replace(service.id, service.id[:-1])
    yield Step("a service ID with a slip in it", wrong)
    no_key = f"curl -i http://{scene.entry}/s/{service.id}/ -H 'Accept-Language: en'"
    yield Step("no key, and the answer in English (Chinese is the usual one)", no_key)
    if service.http is not None and samples(service):
        late = slowed(service, samples(service)[0])
        yield Step("a department that is too slow: 504", curl(scene, channel, service, late))


def _outages(scene: Scene) -> Iterator[Step]:
    if scene.broker_pid is not None:
        back = f"kill -CONT {scene.broker_pid}"
        hangs = f"the broker hangs: requests go to the disk (durability local); back with {back}"
        yield Step(hangs, f"kill -STOP {scene.broker_pid}")
        dies = "the broker dies, for good: what it held was in its memory, the rest is on the disk"
        yield Step(dies, f"kill -KILL {scene.broker_pid}")
    if scene.departments_pid is not None:
        pid = scene.departments_pid
        yield Step("the departments' systems die: 502, side department", f"kill -KILL {pid}")


def _looks(scene: Scene) -> Iterator[Step]:
    metrics = f"curl -s http://{scene.ops}/metrics | grep gateway_requests_total"
    yield Step("what Prometheus sees", metrics)
    yield Step("which routes run, and whether it is ready", f"curl -s http://{scene.ops}/routes")
