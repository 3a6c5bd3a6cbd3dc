"""The part `services` of routes.yaml: a public service and how its department is reached.

Room rule: as `gateway.routing.file_format`. What holds for HTTP departments stands here, what
holds for Kafka departments in `gateway.routing.kafka_format`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gateway.errors import Text
from gateway.routing.kafka_format import KAFKA
from gateway.routing.kinds import Boolean, Choice, WholeNumber
from gateway.routing.lists import ListOf
from gateway.routing.model import (
    DEFAULT_METHODS,
    METHODS,
    Breaker,
    Ejection,
    HttpBackend,
    Idempotency,
    KafkaBackend,
    KafkaMode,
    PayloadSchema,
    Repeat,
    Retry,
    RetryBudget,
    Service,
)
from gateway.routing.shapes import Key, Shape, WeightedEndpoint
from gateway.routing.value_kinds import (
    DEPARTMENT_REFERENCE,
    DURATION,
    PATH,
    SCHEMA_FILE,
    SHARE,
    SIZE,
    TEXT,
    URL,
)

if TYPE_CHECKING:
    from gateway.routing.reading import Mention, Place
    from gateway.routing.yaml_nodes import Scalar

__all__ = ["SERVICE", "service"]

_TIMEOUT: Final = Service("", "", "").timeout
_LATEST: Final = 2
"""Mentions of one kind that one service can have made at most."""


def _weights_rule(present: dict[str, Scalar], values: dict[str, Any], place: Place) -> bool:
    endpoints = values.get("endpoints", ())
    if not endpoints or any(endpoint.weight for endpoint in endpoints):
        return True
    place.below(present["endpoints"]).problem(
        "weights_all_zero", allowed=Text("one weight above zero", "至少一个权重大于零")
    )
    return False


_ENDPOINT: Final = WeightedEndpoint(
    URL,
    Shape(
        {
            "url": Key(URL, "Scheme, host and port.", required=True),
            "weight": Key(WholeNumber(0, 1000), "Share of the requests; 0 takes none.", default=1),
        }
    ),
)
_EJECTION: Final = Shape(
    {
        "failures": Key(
            WholeNumber(1, 1000), "Failures in a row after which an endpoint rests.", default=5
        ),
        "pause": Key(DURATION, "How long it rests; the last endpoint never does.", default="30s"),
    },
    build=Ejection,
)
_HTTP: Final = Shape(
    {
        "endpoints": Key(
            ListOf(
                _ENDPOINT,
                Text("a list of endpoints", "接口地址的列表"),
                maximum=256,
                identity=lambda endpoint: endpoint.url,
            ),
            "Where the department's system listens.",
            required=True,
        ),
        "path": Key(PATH, "Put before the rest of the request's path."),
        "connect": Key(DURATION, "Limit for a connection to stand.", default="2s"),
        "first_byte": Key(DURATION, "Limit for the answer to begin.", default="30s"),
        "idle": Key(
            DURATION,
            "How long an unused connection is kept; less than the department does.",
            default="4s",
        ),
        "ejection": Key(_EJECTION, "When a failing endpoint rests."),
    },
    build=HttpBackend,
    rules=(_weights_rule,),
    rules_schema={
        "properties": {
            "endpoints": {
                "contains": {
                    "anyOf": [
                        {"type": "string"},
                        {"properties": {"weight": {"exclusiveMinimum": 0}}},
                    ]
                }
            }
        }
    },
)


def _retry(*, budget: RetryBudget | None = None, **values: Any) -> tuple[Retry, RetryBudget]:
    return Retry(**values), budget or RetryBudget()


_RETRY: Final = Shape(
    {
        "attempts": Key(WholeNumber(1, 10), "Tries in all; 1 repeats nothing.", default=2),
        "idempotent": Key(Boolean(), "POST and PATCH may be repeated as well.", default=False),
        "budget": Key(
            Shape(
                {
                    "share": Key(
                        SHARE, "Repeats at most this share of the requests.", default="20%"
                    ),
                    "window": Key(
                        DURATION, "The time over which requests are counted.", default="10s"
                    ),
                    "minimum": Key(
                        WholeNumber(1, 1_000_000),
                        "Repeats that are always allowed in it.",
                        default=3,
                    ),
                },
                build=RetryBudget,
            ),
            "Keeps repeats from making an outage worse.",
        ),
    },
    build=_retry,
)
_BREAKER: Final = Shape(
    {
        "failures": Key(SHARE, "Opens at this share of failures.", default="50%"),
        "requests": Key(WholeNumber(1, 1_000_000), "Requests before the share counts.", default=20),
        "window": Key(DURATION, "The time over which they are counted.", default="10s"),
        "pause": Key(DURATION, "How long it stays open before one probe.", default="5s"),
    },
    build=Breaker,
)


def _transport_rule(present: dict[str, Scalar], values: dict[str, Any], place: Place) -> bool:
    del values
    both = Text("exactly one of http and kafka", "http 与 kafka 二选一")
    if "http" not in present and "kafka" not in present:
        place.problem("transport_missing", allowed=both)
        return False
    if "http" in present and "kafka" in present:
        later = max(present["http"], present["kafka"], key=lambda key: (key.line, key.column))
        place.below(later).problem("transport_twice", found=later.text, allowed=both)
        return False
    return True


def _written(place: Place, kind: str, *keys: str) -> Mention | None:
    """The mention of that kind that this very service made below these keys, if it did."""
    path = (*place.path, *keys)
    latest = place.reading.mentions.get(kind, ())[-_LATEST:]
    return next(
        (one for one in latest if one.place.path == path and one.place.file == place.file), None
    )


def _schema_rule(present: dict[str, Scalar], values: dict[str, Any], place: Place) -> bool:
    schemas = values.get("schema", {})
    if schemas and "http" in present and "kafka" not in present:
        place.below(present["schema"]).problem(
            "schema_over_http", found="schema", allowed=Text("a kafka service", "kafka 服务")
        )
        return False
    reply = _written(place, "schemas", "schema", "reply")
    kafka: KafkaBackend | None = values.get("kafka")
    if "reply" not in schemas or reply is None or kafka is None or kafka.mode is KafkaMode.REPLY:
        return True
    reply.place.problem("reply_schema_refused", found=kafka.mode.value, allowed="mode reply")
    return False


def _repeat_rule(present: dict[str, Scalar], values: dict[str, Any], place: Place) -> bool:
    if "repeat" not in values or "idempotency" in present.keys() - values.keys():
        return True
    over_http = "http" in present and "kafka" not in present
    usual = Idempotency.OFF if over_http else Idempotency.OPTIONAL
    if over_http and values["repeat"] is Repeat.JOIN:
        place.below(present["repeat"]).problem(
            "join_over_http", found="join", allowed="conflict", suggestion="repeat: conflict"
        )
        return False
    if values.get("idempotency", usual) is Idempotency.OFF:
        place.below(present["repeat"]).problem(
            "repeat_without_idempotency", found="repeat", allowed="idempotency: optional"
        )
        return False
    return True


def _spill_rule(present: dict[str, Scalar], values: dict[str, Any], place: Place) -> bool:
    written = _written(place, "spill_after", "kafka", "spill_after")
    if written is None or "timeout" in present.keys() - values.keys():
        return True
    timeout = values.get("timeout", _TIMEOUT)
    if written.value < timeout:
        return True
    written.place.problem(
        "spill_after_too_long",
        written.node,
        found=written.node.text,
        allowed=Text(f"less than {timeout:g}s", f"小于 {timeout:g}s"),
    )
    return False


def service(
    *,
    retry: tuple[Retry, RetryBudget] = (Retry(), RetryBudget()),
    schema: dict[str, PayloadSchema] | None = None,
    **values: Any,
) -> Service:
    """Return the service; what its transport and its timeout decide is filled in."""
    kafka: KafkaBackend | None = values.get("kafka")
    timeout: float = values.get("timeout", _TIMEOUT)
    if kafka is None:
        usual: dict[str, Any] = {"idempotency": Idempotency.OFF, "repeat": Repeat.CONFLICT}
    else:
        usual = {"idempotency": Idempotency.OPTIONAL, "repeat": Repeat.JOIN}
        if kafka.spill_after >= timeout:  # nobody wrote it, or it would have been refused
            values["kafka"] = replace(kafka, spill_after=timeout / 2)
    return Service(
        retry=retry[0],
        retry_budget=retry[1],
        request_schema=None if schema is None else schema.get("request"),
        reply_schema=None if schema is None else schema.get("reply"),
        **{**usual, **values},
    )


def _schema_is_there(present: dict[str, Scalar], values: dict[str, Any], place: Place) -> bool:
    del values
    if present:
        return True
    place.problem("empty_value", allowed=Text("request, reply or both", "request、reply 或两者"))
    return False


_SCHEMA: Final = Shape(
    {
        "request": Key(SCHEMA_FILE, "The file that request bodies are checked with."),
        "reply": Key(SCHEMA_FILE, "The file that replies are checked with, in mode reply."),
    },
    rules=(_schema_is_there,),
    rules_schema={"minProperties": 1},
)
SERVICE: Final = Shape(
    {
        "title": Key(TEXT, "The service's name, as citizens know it.", required=True),
        "department": Key(
            DEPARTMENT_REFERENCE, "The department that answers for it.", required=True
        ),
        "methods": Key(
            ListOf(
                Choice(METHODS),
                Text("a list of methods in upper case", "大写请求方法的列表"),
                maximum=len(METHODS),
            ),
            "The methods that the service takes.",
            default=list(DEFAULT_METHODS),
        ),
        "timeout": Key(
            DURATION, "From the request's head to the last byte of the answer.", default="30s"
        ),
        "max_body": Key(SIZE, "The largest body of a request.", default="32MiB"),
        "retry": Key(_RETRY, "Whether and how requests are repeated."),
        "breaker": Key(_BREAKER, "When the department is given time to recover."),
        "idempotency": Key(
            Choice(tuple(Idempotency), Idempotency),
            "The header Idempotency-Key: optional for kafka and off for http when not written.",
        ),
        "repeat": Key(
            Choice(tuple(Repeat), Repeat),
            "A repeated key while the first request is under way: it joins the wait (kafka, when"
            " not written) or gets 409 (http).",
        ),
        "schema": Key(_SCHEMA, "JSON Schemas (2020-12) for what goes over kafka."),
        "http": Key(_HTTP, "The department is reached over HTTP."),
        "kafka": Key(KAFKA, "The department is reached over Kafka."),
    },
    rules=(_transport_rule, _schema_rule, _repeat_rule, _spill_rule),
    rules_schema={
        "oneOf": [
            {
                "required": ["http"],
                "properties": {"schema": False, "repeat": {"const": "conflict"}},
                "dependentRequired": {"repeat": ["idempotency"]},
            },
            {"required": ["kafka"]},
        ],
        "if": {"properties": {"idempotency": {"const": "off"}}, "required": ["idempotency"]},
        "then": {"properties": {"repeat": False}},
        "dependentSchemas": {
            "schema": {
                "if": {"properties": {"schema": {"required": ["reply"]}}},
                "then": {"properties": {"kafka": {"properties": {"mode": {"const": "reply"}}}}},
            }
        },
    },
)
