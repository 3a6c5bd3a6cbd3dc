"""What one can ask the demo's departments: the requests that are shown and that `--traffic` sends.

The people in them do not exist; their identifiers begin with `DEMO-`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from gateway.routing.model import KafkaMode, KeySource, Service

__all__ = ["SUBJECTS", "Sample", "samples", "slowed"]

SUBJECTS: Final = ("DEMO-0001", "DEMO-0002", "DEMO-0003", "DEMO-0004", "DEMO-0005")
"""Made-up people, as the gateway's callers name them."""


class Sample(NamedTuple):
    """One request to a service: `rest` follows the service ID; `body` is JSON."""

    method: str
    rest: str
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None


_KNOWN: Final = {
    "edu.payment": (
        Sample("GET", "/orders?pupil=DEMO-0001"),
        Sample("POST", "/orders", body='{"pupil": "DEMO-0001", "item": "lunch", "amount": "320"}'),
    ),
    "hrss.contribution": (Sample("GET", "/months?subject=DEMO-0001"),),
    "hrss.card-replacement": (
        Sample("POST", "", body='{"reason": "lost", "deliver_to": "counter"}'),
    ),
    "hrss.pension-query": (Sample("GET", "/accounts"),),
}


def samples(service: Service, subject: str = SUBJECTS[0]) -> tuple[Sample, ...]:
    """Requests that the service takes, the key of its records included."""
    found = _KNOWN.get(service.id) or (_plain(service),)
    allowed = (sample for sample in found if sample.method in service.methods)
    return tuple(_with_key(service, sample, subject) for sample in allowed)


def slowed(service: Service, sample: Sample) -> Sample:
    """The same request, with an answer that comes after the service's own time limit."""
    mark = "&" if "?" in sample.rest else "?"
    return sample._replace(rest=f"{sample.rest}{mark}wait={service.timeout + 1:g}")


def _plain(service: Service) -> Sample:
    """The request shown for a service that the demo does not know."""
    accepts = service.kafka is not None and service.kafka.mode is KafkaMode.ACCEPT
    if "POST" in service.methods and (accepts or "GET" not in service.methods):
        return Sample("POST", "", body="{}")
    return Sample("GET" if "GET" in service.methods else service.methods[0], "")


def _with_key(service: Service, sample: Sample, subject: str) -> Sample:
    headers = sample.headers
    if sample.body is not None:
        headers += (("Content-Type", "application/json"),)
    rest = sample.rest.replace(SUBJECTS[0], subject)
    key = service.kafka.key if service.kafka is not None else None
    if key is not None and key.source is KeySource.HEADER:
        headers += ((key.name, subject),)
    elif key is not None:
        mark = "&" if "?" in rest else "?"
        rest += f"{mark}{key.name}={subject}"
    body = sample.body.replace(SUBJECTS[0], subject) if sample.body is not None else None
    return Sample(sample.method, rest, headers, body)
