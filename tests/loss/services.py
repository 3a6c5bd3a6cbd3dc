"""What is asked for: the services of the run, as `routes.yaml` and as lanes of callers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ENVIRON", "KEY", "SERVICES", "STRANGER_KEY", "Service", "broken", "head", "routes_text"]

KEY: Final = "made-up-key-of-the-app"
STRANGER_KEY: Final = "made-up-key-of-another-app"
ENVIRON: Final[Mapping[str, str]] = {"APP_KEY": KEY, "OTHER_KEY": STRANGER_KEY}

IN_FLIGHT: Final = 1000


@dataclass(frozen=True)
class Service:
    """One service of the run and how many lanes of callers it has.

    `own` and `kafka` are more lines of the file. Callers of a service with `once` repeat a request
    under one `Idempotency-Key` until it is taken.
    """

    id: str
    lanes: int
    timeout: str = "5s"
    own: str = ""
    kafka: str = "mode: accept"
    ordered: bool = True
    once: bool = False

    @property
    def topic(self) -> str:
        return f"{self.id}.requests"

    @property
    def answers(self) -> str | None:
        """The topic of the department's answers."""
        return f"{self.id}.answers" if "mode: reply" in self.kafka else None


SERVICES: Final = (
    Service("loss.spill", 16),
    Service("loss.journal", 10, kafka="mode: accept, durability: journal"),
    Service("loss.keyless", 6, ordered=False),
    Service("loss.event", 4, kafka="mode: event"),
    Service("loss.once", 8, own="idempotency: required", once=True),
    Service("loss.reply", 8, timeout="2s", kafka="mode: reply"),
)


def head(in_flight: int) -> str:
    """The file up to its services: a department that takes so many at a time, two channels."""
    return f"""\
version: 1
departments:
  edu: {{name: 演示教育局, phone: "0510-00000000", max_in_flight: {in_flight}}}
channels:
  app: {{keys: [env:APP_KEY], services: ["*"], rate: 100000/s}}
  other: {{keys: [env:OTHER_KEY], services: ["*"], rate: 100000/s}}
services:
"""


def routes_text(version: int) -> str:
    """The routes file; each `version` differs from the one before in what a reload may change."""
    return head(IN_FLIGHT) + "".join(_service(service, version) for service in SERVICES)


def broken(text: str) -> str:
    """A routes file with a mistake, which the gateway has to refuse."""
    return text.replace("department: edu", "department: nobody")


def _service(service: Service, version: int) -> str:
    answers = f", reply_topic: {service.answers}" if service.answers else ""
    key = ", key: header:X-Lane" if service.ordered else ""
    own = f"    {service.own}\n" if service.own else ""
    return f"""\
  {service.id}:
    title: {service.id}, version {version}
    department: edu
    timeout: {service.timeout}
    max_body: {16 + version % 4}KiB
{own}    kafka: {{topic: {service.topic}, {service.kafka}{answers}{key}}}
"""
