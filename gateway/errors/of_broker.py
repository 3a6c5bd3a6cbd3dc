"""The causes on the side of the broker: the operators of Kafka have to act.

Room rule: as `gateway.errors`.
"""

from __future__ import annotations

from typing import Final

from gateway.errors.cause import Cause, Side, Text


def _cause(code: str, title: tuple[str, str], advice: tuple[str, str]) -> Cause:
    return Cause(code, Side.BROKER, Text(*title), Text(*advice))


BROKER_UNREACHABLE = _cause(
    "broker_unreachable",
    ("The message broker cannot be reached; nothing was sent", "消息代理无法连接，请求未发送"),
    ("Try again shortly.", "请稍后重试。"),
)
BROKER_TIMEOUT = _cause(
    "broker_timeout",
    ("The message broker did not confirm the request in time", "消息代理未在规定时间内确认请求"),
    (
        "It may have been taken; ask before sending it again.",
        "请求可能已被受理，重新发送前请先核实。",
    ),
)
BROKER_REFUSED = _cause(
    "broker_refused",
    ("The message broker refused the request", "消息代理拒绝了请求"),
    ("The operators have to check topic and permissions.", "请运维检查主题和权限。"),
)
TOPIC_UNKNOWN = _cause(
    "topic_unknown",
    ("The service's topic does not exist", "该服务的主题不存在"),
    ("The operators have to create the topic.", "请运维创建该主题。"),
)

OF_BROKER: Final = (
    BROKER_UNREACHABLE,
    BROKER_TIMEOUT,
    BROKER_REFUSED,
    TOPIC_UNKNOWN,
)
