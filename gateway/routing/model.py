"""The routes as frozen values, every default filled in: what the loader makes and all others read.

Room rule: values and their defaults only. Durations are seconds, sizes bytes, rates per second
where a number stands alone. Nobody above this room ever sees a missing policy: "none" is a value.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # the compiler evaluates what fields are
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

__all__ = [
    "CASE_STATES",
    "DEFAULT_METHODS",
    "INSTANCE",
    "METHODS",
    "PROFILES",
    "UNLIMITED",
    "Breaker",
    "Callback",
    "Channel",
    "Department",
    "Durability",
    "Ejection",
    "Endpoint",
    "HttpBackend",
    "Idempotency",
    "KafkaBackend",
    "KafkaMode",
    "KeyRule",
    "KeySource",
    "PayloadSchema",
    "Rate",
    "Repeat",
    "Retry",
    "RetryBudget",
    "Routes",
    "SecretKind",
    "SecretRef",
    "Service",
]

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
DEFAULT_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

CASE_STATES: Final = (
    "pre_accepted",
    "correction_required",
    "corrected",
    "not_accepted",
    "accepted",
    "suspended",
    "resumed",
    "closed",
    "delivered",
)
"""The states that a department may give a case; the gateway's own are none of them."""

PROFILES: Final = ("cloudevents", "spring", "nestjs", "smallrye", "zilla", "plain")
"""Whose headers the records carry."""

INSTANCE: Final = "{instance}"
"""Stands in a reply topic for the name of the gateway's instance that waits."""

MEBIBYTE: Final = 1 << 20

UNLIMITED: Final = 1_000_000_000
"""What `unlimited` in the file stands for (in flight, a second): more than a process can do."""


class SecretKind(StrEnum):
    """Where a secret is kept; never in the file itself."""

    ENV = "env"
    FILE = "file"


class SecretRef(NamedTuple):
    """A reference to a secret: `env:NAME` or `file:/path`."""

    kind: SecretKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` requests in every `per` seconds."""

    count: int
    per: float

    @property
    def per_second(self) -> float:
        return self.count / self.per


@dataclass(frozen=True, slots=True)
class Department:
    """An authority whose systems answer; `max_in_flight` keeps a slow one from drowning others."""

    id: str
    name: str
    phone: str | None = None
    area: str | None = None
    max_in_flight: int = 200


@dataclass(frozen=True, slots=True)
class Callback:
    """Where a channel is told of its cases; `internal` allows an address that is not public."""

    url: str
    secret: SecretRef
    internal: bool = False


@dataclass(frozen=True, slots=True)
class Channel:
    """Who calls: an app with one or two live keys, what it may call and how fast.

    `services` holds service IDs and patterns with `*`; `burst` is the bucket's size in requests.
    `case_readers` are channels that may read this channel's cases beside itself.
    """

    id: str
    keys: tuple[SecretRef, ...]
    services: tuple[str, ...]
    rate: Rate
    burst: int
    name: str | None = None
    callback: Callback | None = None
    case_readers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One door of a department's system; `weight` 0 takes no requests."""

    scheme: str
    host: str
    port: int
    weight: int = 1

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Retry:
    """`attempts` counts every try. `idempotent` lets unsafe methods be repeated as well."""

    attempts: int = 2
    idempotent: bool = False


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """Retries at most `share` of the requests of the last `window` seconds, at least `minimum`."""

    share: float = 0.2
    window: float = 10.0
    minimum: int = 3


@dataclass(frozen=True, slots=True)
class Breaker:
    """Opens at `failures` (a share) of at least `requests` in `window` s, for `pause` s."""

    failures: float = 0.5
    requests: int = 20
    window: float = 10.0
    pause: float = 5.0


@dataclass(frozen=True, slots=True)
class Ejection:
    """An endpoint that fails `failures` times in a row rests for `pause` s; never the last one."""

    failures: int = 5
    pause: float = 30.0


@dataclass(frozen=True, slots=True)
class HttpBackend:
    """A department's system over HTTP.

    `path` is put before the rest of the request's path. `connect` and `first_byte` are limits in
    seconds within the service's total `timeout`; `idle` is how long an unused connection is kept.
    """

    endpoints: tuple[Endpoint, ...]
    path: str = ""
    connect: float = 2.0
    first_byte: float = 30.0
    idle: float = 4.0
    ejection: Ejection = field(default_factory=Ejection)


class KafkaMode(StrEnum):
    """What the caller gets, and when a case is over.

    `accept`: a receipt; the department tells the rest. `reply`: the department's answer, or the
    receipt when that takes longer than the service's `timeout`. `event`: a receipt, and the case
    ends with the record's publication.
    """

    ACCEPT = "accept"
    REPLY = "reply"
    EVENT = "event"


class Durability(StrEnum):
    """`spill`: the spool takes what the brokers do not confirm in time; `journal`: everything."""

    SPILL = "spill"
    JOURNAL = "journal"


class Idempotency(StrEnum):
    """Whether requests carry an `Idempotency-Key`, and whether the gateway looks at it."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    OFF = "off"


class Repeat(StrEnum):
    """What a repeated key gets while the first request is under way: the same wait, or 409."""

    JOIN = "join"
    CONFLICT = "conflict"


class KeySource(StrEnum):
    HEADER = "header"
    QUERY = "query"


class KeyRule(NamedTuple):
    """Where the record's key is taken from: `header:NAME` or `query:NAME`."""

    source: KeySource
    name: str

    def __str__(self) -> str:
        return f"{self.source}:{self.name}"


@dataclass(frozen=True, slots=True)
class KafkaBackend:
    """A department's system over Kafka; `reply_topic` is set exactly in mode `reply`.

    `spill_after` is in seconds. `max_waits` is how many requests may wait for an answer at a time;
    one more gets its receipt at once. `state_map` translates the states that the department writes
    to `status_topic` into `CASE_STATES`; it is empty exactly without that topic. `reply_topic` may
    contain `INSTANCE` once.
    """

    topic: str
    mode: KafkaMode
    key: KeyRule | None = None
    reply_topic: str | None = None
    profile: str = "cloudevents"
    durability: Durability = Durability.SPILL
    spill_after: float = 0.5
    max_waits: int = 10_000
    status_topic: str | None = None
    state_map: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class PayloadSchema:
    """A JSON Schema (2020-12) for a body; `path` is relative to the folder of the main file."""

    path: str
    document: Mapping[str, object] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Service:
    """One public service; exactly one of `http` and `kafka` is set.

    `timeout` runs from the request's head to the last byte of the answer, in seconds.
    `max_body` is the largest request body in bytes.
    """

    id: str
    title: str
    department: str
    http: HttpBackend | None = None
    kafka: KafkaBackend | None = None
    methods: tuple[str, ...] = DEFAULT_METHODS
    timeout: float = 30.0
    max_body: int = 32 * MEBIBYTE
    retry: Retry = field(default_factory=Retry)
    retry_budget: RetryBudget = field(default_factory=RetryBudget)
    breaker: Breaker = field(default_factory=Breaker)
    idempotency: Idempotency = Idempotency.OFF
    repeat: Repeat = Repeat.JOIN
    request_schema: PayloadSchema | None = None
    reply_schema: PayloadSchema | None = None

    @property
    def transport(self) -> str:
        """The metric label and the word that `explain` prints: `http` or `kafka`."""
        return "http" if self.http is not None else "kafka"


@dataclass(frozen=True, slots=True)
class Routes:
    """All that one version of the file (with its includes) says; `digest` names that version."""

    departments: dict[str, Department]
    channels: dict[str, Channel]
    services: dict[str, Service]
    digest: str
