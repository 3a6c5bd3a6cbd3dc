"""The part `kafka` of a service: topics, what the caller gets, what is kept when, whose headers.

Room rule: as `gateway.routing.file_format`. A key that would have no effect in the service's mode
is refused, so that nobody believes in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gateway.errors import Text
from gateway.routing.kinds import Choice, WholeNumber
from gateway.routing.model import (
    CASE_STATES,
    PROFILES,
    Durability,
    KafkaBackend,
    KafkaMode,
)
from gateway.routing.shapes import Key, Shape
from gateway.routing.value_kinds import KEY_RULE, REPLY_TOPIC, SPILL_AFTER, STATE_WORD, TOPIC
from gateway.routing.word_maps import WordMap

if TYPE_CHECKING:
    from gateway.routing.reading import Place
    from gateway.routing.yaml_nodes import Scalar

__all__ = ["KAFKA"]

_OWN_TOPIC: Final = Text("a topic of its own", "单独的主题")


def _reply_rule(present: dict[str, Scalar], values: dict[str, Any], place: Place) -> bool:
    mode = values.get("mode")
    if mode is None:
        return True
    if mode is KafkaMode.REPLY:
        if "reply_topic" in present:
            return True
        place.problem(
            "reply_topic_missing", allowed="reply_topic", path=(*place.path, "reply_topic")
        )
        return False
    useless = [key for key in ("reply_topic", "max_waits") if key in present]
    for key in useless:
        place.below(present[key]).problem(f"{key}_refused", found=mode.value, allowed="mode reply")
    return not useless


def _own_topic_rule(present: dict[str, Scalar], values: dict[str, Any], place: Place) -> bool:
    topic = values.get("topic")
    shared = [key for key in ("reply_topic", "status_topic") if topic and values.get(key) == topic]
    for key in shared:
        place.below(present[key]).problem(f"{key}_same", found=topic, allowed=_OWN_TOPIC)
    return not shared


def _status_rule(present: dict[str, Scalar], values: dict[str, Any], place: Place) -> bool:
    if values.get("mode") is KafkaMode.EVENT and "status_topic" in present:
        place.below(present["status_topic"]).problem(
            "status_topic_refused", found="event", allowed="mode accept, mode reply"
        )
        return False
    if "state_map" in present and "status_topic" not in present:
        place.below(present["state_map"]).problem(
            "state_map_without_topic", found="state_map", allowed="status_topic"
        )
        return False
    return True


def _kafka(*, state_map: dict[str, str] | None = None, **values: Any) -> KafkaBackend:
    if state_map is None:
        state_map = {state: state for state in CASE_STATES} if "status_topic" in values else {}
    return KafkaBackend(state_map=state_map, **values)


KAFKA: Final = Shape(
    {
        "topic": Key(TOPIC, "Where requests go.", required=True),
        "mode": Key(
            Choice(tuple(KafkaMode), KafkaMode),
            "accept: a receipt; reply: the department's answer, or the receipt when that takes"
            " longer than the service's timeout; event: a receipt, and the case ends with it.",
            required=True,
        ),
        "key": Key(
            KEY_RULE, "Where the record's key is taken from, so that order per key is kept."
        ),
        "reply_topic": Key(
            REPLY_TOPIC,
            "Where the department answers, in mode reply; with {instance} in its name each"
            " instance of the gateway has its own.",
        ),
        "profile": Key(Choice(PROFILES), "Whose headers the records carry.", default="cloudevents"),
        "durability": Key(
            Choice(tuple(Durability), Durability),
            "spill: what the brokers do not confirm in time is kept on the gateway's disk;"
            " journal: everything is, first.",
            default="spill",
        ),
        "spill_after": Key(
            SPILL_AFTER,
            "The time the brokers have to confirm, less than the service's timeout (half of it,"
            " when that is no more than 500ms).",
            default="500ms",
        ),
        "max_waits": Key(
            WholeNumber(1, 1_000_000),
            "Requests that may wait for an answer at once, in mode reply; one more gets its"
            " receipt.",
            default=10_000,
        ),
        "status_topic": Key(
            TOPIC, "Where the department tells how its cases go on, in modes accept and reply."
        ),
        "state_map": Key(
            WordMap(
                STATE_WORD,
                Choice(CASE_STATES),
                Text(
                    "a mapping from the department's words to states of a case",
                    "从部门状态词到办件状态的映射",
                ),
                maximum=1000,
            ),
            "What the department's words for states mean; without it they are those of a case.",
        ),
    },
    build=_kafka,
    rules=(_reply_rule, _own_topic_rule, _status_rule),
    rules_schema={
        "if": {"properties": {"mode": {"const": "reply"}}, "required": ["mode"]},
        "then": {"required": ["reply_topic"]},
        "else": {
            "properties": {"reply_topic": False, "max_waits": False},
            "if": {"properties": {"mode": {"const": "event"}}, "required": ["mode"]},
            "then": {"properties": {"status_topic": False}},
        },
        "dependentRequired": {"state_map": ["status_topic"]},
    },
)
