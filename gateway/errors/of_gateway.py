"""The causes on the side of the gateway: its operators have to act.

Room rule: as `gateway.errors`.
"""

from __future__ import annotations

from typing import Final

from gateway.errors.cause import Cause, Side, Text


def _cause(code: str, title: tuple[str, str], advice: tuple[str, str]) -> Cause:
    return Cause(code, Side.GATEWAY, Text(*title), Text(*advice))


DRAINING = _cause(
    "draining",
    ("This gateway is shutting down", "本网关实例正在停止服务"),
    ("Send the request again; another instance takes it.", "请重新发送请求，将由其他实例处理。"),
)
CONNECTION_LIMIT = _cause(
    "connection_limit",
    ("This gateway has too many connections", "网关连接数已达上限"),
    ("Try again shortly.", "请稍后重试。"),
)
INTERNAL_ERROR = _cause(
    "internal_error",
    ("The gateway failed on this request", "网关处理请求时出错"),
    ("Report the trace number to the gateway's operators.", "请将追踪编号告知网关运维。"),
)

SPOOL_FULL = _cause(
    "spool_full",
    (
        "The message broker is away and the gateway's spool is full; nothing was taken",
        "消息代理不可用且网关暂存区已满，请求未受理",
    ),
    ("Try again after Retry-After.", "请按 Retry-After 指示的时间等待后重试。"),
)
SPOOL_FAILED = _cause(
    "spool_failed",
    (
        "The gateway cannot write to its disk; nothing is taken that could be lost",
        "网关磁盘写入失败，为避免丢失暂停受理",
    ),
    ("The gateway's operators have to look at its data folder.", "请网关运维检查数据目录。"),
)
CASES_UNREACHABLE = _cause(
    "cases_unreachable",
    ("The gateway cannot reach its case store", "网关无法访问办件库"),
    (
        "The request may have been taken; send it again with the same Idempotency-Key.",
        "请求可能已被受理，请使用同一 Idempotency-Key 重发。",
    ),
)

OUTCOME_UNKNOWN = _cause(
    "outcome_unknown",
    (
        "It is not known yet what became of the first request with this Idempotency-Key",
        "使用该 Idempotency-Key 的首个请求的结果尚不明确",
    ),
    ("Send it again with the same key.", "请使用同一个键重新发送。"),
)

OF_GATEWAY: Final = (
    DRAINING,
    CONNECTION_LIMIT,
    INTERNAL_ERROR,
    SPOOL_FULL,
    SPOOL_FAILED,
    CASES_UNREACHABLE,
    OUTCOME_UNKNOWN,
)
