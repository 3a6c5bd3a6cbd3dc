"""The one definition of routes.yaml: every key, its kind, its limits, its default, what it is for.

Room rule: declarations. The loader reads files with `FILE` and `gateway schema` prints it; a key
that is not here does not exist. Defaults stand in `gateway.routing.model`; what is written here as
`default` is the same value in the notation of the file, and a test holds the two together.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gateway.errors import Text
from gateway.routing.kinds import (
    Boolean,
    Choice,
    JsonSchema,
    SecretReference,
    Version,
    WholeNumber,
)
from gateway.routing.lists import ListOf
from gateway.routing.model import (
    DEFAULT_METHODS,
    METHODS,
    UNLIMITED,
    Breaker,
    Channel,
    Department,
    Ejection,
    HttpBackend,
    KafkaBackend,
    KafkaMode,
    Rate,
    Retry,
    RetryBudget,
    Service,
)
from gateway.routing.reading import INVALID, Place, Section
from gateway.routing.shapes import Definitions, Key, Shape, WeightedEndpoint
from gateway.routing.value_kinds import (
    AREA,
    DEPARTMENT_REFERENCE,
    DURATION,
    GRANT,
    ID,
    INCLUDE,
    KEY_RULE,
    PATH,
    RATE,
    SHARE,
    SIZE,
    TEXT,
    TOPIC,
    URL,
)

if TYPE_CHECKING:
    from gateway.routing.yaml_nodes import Node, Scalar

__all__ = ["CHANNEL_KEYS", "DEFAULT_RATE", "FILE", "INCLUDED"]

DEFAULT_RATE: Final = Rate(100, 1.0)

_MODES: Final = tuple(mode.value for mode in KafkaMode)

# --- departments and channels -----------------------------------------------------------------

_DEPARTMENT: Final = Shape(
    {
        "name": Key(TEXT, "The authority's name, as citizens read it in an error.", required=True),
        "phone": Key(TEXT, "The number that citizens may call."),
        "area": Key(
            AREA, "Administrative division code (GB/T 2260 and its extensions): 6, 9 or 12 digits."
        ),
        "max_in_flight": Key(
            WholeNumber(1, 1_000_000, "unlimited", UNLIMITED),
            "Requests that may be with the department's systems at once.",
            default=Department("", "").max_in_flight,
        ),
    },
)


def _channel(
    *, id: str, rate: Rate = DEFAULT_RATE, burst: int | None = None, **values: Any
) -> Channel:
    size = max(1, math.ceil(rate.per_second)) if burst is None else burst
    return Channel(id=id, rate=rate, burst=size, **values)


_CHANNEL: Final = Shape(
    {
        "name": Key(TEXT, "The channel's name for people."),
        "keys": Key(
            ListOf(
                SecretReference(Text("env:NAME or file:/path", "env:变量名 或 file:/路径")),
                Text("a list of one or two references to secrets", "一个或两个密钥引用的列表"),
                maximum=2,
                identity=str,
                secret=True,
            ),
            "Where the channel's one or two live keys are kept: env:NAME or file:/path.",
            required=True,
        ),
        "services": Key(
            ListOf(
                GRANT,
                Text("a list of service IDs and patterns", "服务编号和通配模式的列表"),
                maximum=10_000,
            ),
            "What the channel may call: service IDs and patterns with *.",
            required=True,
        ),
        "rate": Key(RATE, "Requests that the channel may send, in the long run.", default="100/s"),
        "burst": Key(
            WholeNumber(1, 1_000_000),
            "Requests that may come at once; the count of one second when it is not written.",
        ),
    },
    private=True,
)

CHANNEL_KEYS: Final = frozenset(_CHANNEL.keys)

# --- services ---------------------------------------------------------------------------------


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


def _reply_rule(present: dict[str, Scalar], values: dict[str, Any], place: Place) -> bool:
    mode = values.get("mode")
    if mode is KafkaMode.REPLY and "reply_topic" not in present:
        place.problem(
            "reply_topic_missing", allowed="reply_topic", path=(*place.path, "reply_topic")
        )
        return False
    if mode is KafkaMode.ACCEPT and "reply_topic" in present:
        place.below(present["reply_topic"]).problem(
            "reply_topic_refused", found="reply_topic", allowed="mode reply", suggestion=None
        )
        return False
    return True


def _own_reply_topic_rule(present: dict[str, Scalar], values: dict[str, Any], place: Place) -> bool:
    topic = values.get("reply_topic")
    if topic is None or topic != values.get("topic"):
        return True
    place.below(present["reply_topic"]).problem(
        "reply_topic_same", found=topic, allowed=Text("a topic of its own", "单独的主题")
    )
    return False


_KAFKA: Final = Shape(
    {
        "topic": Key(TOPIC, "Where requests go.", required=True),
        "mode": Key(
            Choice(_MODES, KafkaMode),
            "accept: a receipt once the brokers have the request; reply: the department's answer.",
            required=True,
        ),
        "key": Key(
            KEY_RULE, "Where the record's key is taken from, so that order per key is kept."
        ),
        "reply_topic": Key(TOPIC, "Where the department answers, in mode reply."),
        "profile": Key(
            Choice(("cloudevents",)), "How records carry their headers.", default="cloudevents"
        ),
    },
    build=KafkaBackend,
    rules=(_reply_rule, _own_reply_topic_rule),
    rules_schema={
        "if": {"properties": {"mode": {"const": "reply"}}, "required": ["mode"]},
        "then": {"required": ["reply_topic"]},
        "else": {"not": {"required": ["reply_topic"]}},
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


def _service(
    *, retry: tuple[Retry, RetryBudget] = (Retry(), RetryBudget()), **values: Any
) -> Service:
    return Service(retry=retry[0], retry_budget=retry[1], **values)


_SERVICE: Final = Shape(
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
        "http": Key(_HTTP, "The department is reached over HTTP."),
        "kafka": Key(_KAFKA, "The department is reached over Kafka."),
    },
    rules=(_transport_rule,),
    rules_schema={"oneOf": [{"required": ["http"]}, {"required": ["kafka"]}]},
)

# --- the file ---------------------------------------------------------------------------------

FILE: Final = Shape(
    {
        "version": Key(
            Version(), "The version of this format: 1.", required=True, example="version: 1"
        ),
        "departments": Key(
            Definitions(Section.DEPARTMENTS, ID, _DEPARTMENT, Department),
            "The authorities whose systems stand behind the gateway.",
        ),
        "channels": Key(
            Definitions(Section.CHANNELS, ID, _CHANNEL, _channel),
            "Who may call, what, and how fast; nothing is reachable until it is granted here.",
        ),
        "services": Key(
            Definitions(Section.SERVICES, ID, _SERVICE, _service),
            "The public services, by service ID.",
        ),
        "include": Key(
            ListOf(INCLUDE, Text("a list of paths", "路径的列表"), maximum=10_000, minimum=0),
            "Further files of the same shape, in this one's folder or below; * and ? match.",
        ),
    },
    private=True,
)
"""The main file; in an included one `version` may be left out and `include` may not stand."""


class _NestedInclude:
    """Stands for `include` in an included file, where it may not be."""

    allowed = Text("no include in an included file", "被引入的文件中不得使用 include")

    def read(self, node: Node, place: Place) -> Any:
        del node
        place.problem("include_nested", found="include", allowed=self.allowed)
        return INVALID

    def schema(self) -> JsonSchema:
        return {"not": {}}


INCLUDED: Final = Shape(
    {
        **FILE.keys,
        "version": replace(FILE.keys["version"], required=False),
        "include": Key(_NestedInclude(), "Only the main file includes others."),
    },
    private=True,
)
"""An included file."""
