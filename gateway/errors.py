"""The causes: everything that can go wrong with a request, each with one name and one owner.

Room rule: this module knows no transport and no status number. A cause has a stable code, a
side (who has to act) and texts that are safe to show to a citizen or a clerk; the edge
(`gateway.entry`) maps codes to HTTP. The codes are an interface: problem `type`,
`Proxy-Status`, the metric label `cause` and the log all carry them, so they are never renamed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final, NamedTuple

__all__ = ["CAUSES", "Cause", "Fault", "GatewayError", "Side", "StartError", "Text"]


class Side(StrEnum):
    """Who has to act for the fault to go away."""

    CALLER = "caller"
    GATEWAY = "gateway"
    DEPARTMENT = "department"
    BROKER = "broker"


class Text(NamedTuple):
    """One sentence in the two languages that callers ask for."""

    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Cause:
    """One way to fail: `code` is stable, `title` says what happened, `advice` what to do next."""

    code: str
    side: Side
    title: Text
    advice: Text


class GatewayError(Exception):
    """The root of every exception that a room of this project raises on purpose."""


class StartError(GatewayError):
    """The process cannot start or a command cannot run; the text says why and what to do."""


class Fault(GatewayError):  # noqa: N818  # a fault is the word of the field and of the causes table
    """A request failed for `cause`.

    `may_have_been_sent` is true when the department (or the broker) may have seen the request:
    only a fault without it may be repeated for an unsafe method. `detail` replaces the cause's
    advice where more is known and safe to show; it never carries text of a department.
    `retry_after` is in seconds. `allow` lists methods; `nearest` lists service IDs that the
    caller's channel may call; `quota` is limit, window in seconds and what is left of a rate.
    """

    def __init__(
        self,
        cause: Cause,
        *,
        may_have_been_sent: bool = False,
        detail: Text | None = None,
        retry_after: float | None = None,
        allow: tuple[str, ...] = (),
        nearest: tuple[str, ...] = (),
        quota: tuple[int, int, int] | None = None,
    ) -> None:
        super().__init__(cause.code)
        self.cause = cause
        self.may_have_been_sent = may_have_been_sent
        self.detail = detail
        self.retry_after = retry_after
        self.allow = allow
        self.nearest = nearest
        self.quota = quota


CAUSES: Final[dict[str, Cause]] = {}


def _cause(side: Side, code: str, title: tuple[str, str], advice: tuple[str, str]) -> Cause:
    cause = Cause(code, side, Text(*title), Text(*advice))
    CAUSES[code] = cause
    return cause


_caller = partial(_cause, Side.CALLER)
_gateway = partial(_cause, Side.GATEWAY)
_department = partial(_cause, Side.DEPARTMENT)
_broker = partial(_cause, Side.BROKER)


# --- caller: the request itself has to change -------------------------------------------------

MALFORMED_REQUEST = _caller(
    "malformed_request",
    ("The request is not valid HTTP/1.1", "请求不符合 HTTP/1.1 规范"),
    ("Check the framing and the headers of the request.", "请检查请求的分帧方式和请求头。"),
)
PATH_REFUSED = _caller(
    "path_refused",
    ("The path contains a form that is refused", "请求路径含有被拒绝的写法"),
    (
        "Send a plain path: no empty or dot segments, backslashes, NUL, encoded slashes or dots,"
        " and no double encoding.",
        "请使用普通路径：不得含空段、点段、反斜杠、空字符、编码的斜杠或点，不得重复编码。",
    ),
)
HEADER_REFUSED = _caller(
    "header_refused",
    ("A header is repeated or not allowed", "请求头重复或不被允许"),
    ("Send each identity header once.", "每个身份类请求头只能出现一次。"),
)
SERVICE_MISSING = _caller(
    "service_missing",
    ("The request names no service", "请求没有指明服务"),
    (
        "Call /s/{service_id}/… or send the header X-Service-Id.",
        "请调用 /s/{服务编号}/…，或发送 X-Service-Id 请求头。",
    ),
)
SERVICE_AMBIGUOUS = _caller(
    "service_ambiguous",
    ("Path and X-Service-Id name different services", "路径与 X-Service-Id 指明的服务不一致"),
    ("Name the service once.", "请只用一种方式指明服务。"),
)
CREDENTIALS_MISSING = _caller(
    "credentials_missing",
    ("The caller's key is missing", "缺少调用方密钥"),
    ("Send the channel's key in X-Api-Key.", "请在 X-Api-Key 请求头中发送渠道密钥。"),
)
CREDENTIALS_WRONG = _caller(
    "credentials_wrong",
    ("The caller's key is not valid", "调用方密钥无效"),
    (
        "Check the key; ask the gateway's operators for a new one.",
        "请核对密钥，或向网关运维申请新密钥。",
    ),
)
NOT_GRANTED = _caller(
    "not_granted",
    ("This channel may not call the service", "该渠道未获授权调用此服务"),
    ("Ask the gateway's operators for a grant.", "请向网关运维申请授权。"),
)
SERVICE_UNKNOWN = _caller(
    "service_unknown",
    ("There is no such service", "服务不存在"),
    ("Check the service ID.", "请核对服务编号。"),
)
METHOD_NOT_ALLOWED = _caller(
    "method_not_allowed",
    ("The service does not take this method", "该服务不支持此请求方法"),
    ("Use a method that the Allow header lists.", "请使用 Allow 响应头列出的方法。"),
)
RECORD_KEY_MISSING = _caller(
    "record_key_missing",
    ("The value that orders this service's requests is missing", "缺少该服务用于排序的键值"),
    (
        "Send the header or query parameter that the service asks for.",
        "请提供该服务要求的请求头或查询参数。",
    ),
)
HEAD_TIMEOUT = _caller(
    "head_timeout",
    ("The request's head did not arrive in time", "请求头未在规定时间内到达"),
    ("Send the whole head at once.", "请一次性发送完整的请求头。"),
)
BODY_TIMEOUT = _caller(
    "body_timeout",
    ("The request's body stopped arriving", "请求体中途停止发送"),
    ("Send the body without long pauses.", "请连续发送请求体，不要长时间停顿。"),
)
BODY_TOO_LARGE = _caller(
    "body_too_large",
    ("The request's body is too large for the service", "请求体超过该服务的上限"),
    ("Send a smaller body.", "请减小请求体。"),
)
BODY_INCOMPLETE = _caller(
    "body_incomplete",
    ("The request's body is broken or ended early", "请求体损坏或提前结束"),
    ("Send the body whole, framed as announced.", "请按声明的分帧方式完整发送请求体。"),
)
EXPECTATION_FAILED = _caller(
    "expectation_failed",
    ("The Expect header asks for something unknown", "Expect 请求头的内容无法满足"),
    ("Only 100-continue is known.", "仅支持 100-continue。"),
)
TARGET_TOO_LONG = _caller(
    "target_too_long",
    ("The request target is too long", "请求目标过长"),
    ("Send a shorter path and query.", "请缩短路径和查询参数。"),
)
HEADERS_TOO_LARGE = _caller(
    "headers_too_large",
    ("The request's headers are too large", "请求头过大"),
    ("Send fewer or shorter headers.", "请减少或缩短请求头。"),
)
RATE_LIMITED = _caller(
    "rate_limited",
    ("The channel sends more than its rate", "该渠道的请求超过限定速率"),
    ("Wait as long as Retry-After says.", "请按 Retry-After 指示的时间等待后重试。"),
)
CALLER_GONE = _caller(
    "caller_gone",
    (
        "The caller closed the connection before the answer was complete",
        "调用方在应答完成前断开连接",
    ),
    (
        "Nothing to do here; look at the caller's own timeout.",
        "网关侧无需处理，请检查调用方超时设置。",
    ),
)

CALLER_SLOW = _caller(
    "caller_slow",
    ("The caller did not take the answer in time", "调用方未在规定时间内接收完应答"),
    ("Read the answer without long pauses.", "请连续读取应答，不要长时间停顿。"),
)

# --- gateway: its operators have to act -------------------------------------------------------

DRAINING = _gateway(
    "draining",
    ("This gateway is shutting down", "本网关实例正在停止服务"),
    ("Send the request again; another instance takes it.", "请重新发送请求，将由其他实例处理。"),
)
CONNECTION_LIMIT = _gateway(
    "connection_limit",
    ("This gateway has too many connections", "网关连接数已达上限"),
    ("Try again shortly.", "请稍后重试。"),
)
INTERNAL_ERROR = _gateway(
    "internal_error",
    ("The gateway failed on this request", "网关处理请求时出错"),
    ("Report the trace number to the gateway's operators.", "请将追踪编号告知网关运维。"),
)

# --- department: the department's system has to act -------------------------------------------

DEPARTMENT_BUSY = _department(
    "department_busy",
    ("The department works on as many requests as it may", "该部门系统处理中的请求已达上限"),
    ("Try again shortly.", "请稍后重试。"),
)
CIRCUIT_OPEN = _department(
    "circuit_open",
    (
        "The department's system fails; it is given time to recover",
        "该部门系统故障，正在等待其恢复",
    ),
    ("Try again after Retry-After.", "请按 Retry-After 指示的时间等待后重试。"),
)
NAME_NOT_RESOLVED = _department(
    "name_not_resolved",
    ("The department's host name does not resolve", "该部门系统的主机名无法解析"),
    ("The department has to check its address.", "请该部门核对系统地址。"),
)
CONNECTION_REFUSED = _department(
    "connection_refused",
    ("The department's system refuses connections", "该部门系统拒绝连接"),
    ("The department has to start its system.", "请该部门启动其系统。"),
)
CONNECT_TIMEOUT = _department(
    "connect_timeout",
    ("The department's system does not accept connections in time", "连接该部门系统超时"),
    ("The department has to check its system and network.", "请该部门检查系统和网络。"),
)
TLS_FAILED = _department(
    "tls_failed",
    (
        "The department's TLS certificate or protocol is not accepted",
        "该部门系统的 TLS 证书或协议不被接受",
    ),
    ("The department has to check its certificate.", "请该部门检查证书。"),
)
CONNECTION_LOST = _department(
    "connection_lost",
    (
        "The department's system closed the connection without an answer",
        "该部门系统未应答即断开连接",
    ),
    (
        "It may have taken the request; ask before sending it again.",
        "请求可能已被受理，重新发送前请先核实。",
    ),
)
ANSWER_TIMEOUT = _department(
    "answer_timeout",
    ("The department's system did not answer in time", "该部门系统未在规定时间内应答"),
    (
        "It may have taken the request; ask before sending it again.",
        "请求可能已被受理，重新发送前请先核实。",
    ),
)
ANSWER_MALFORMED = _department(
    "answer_malformed",
    ("The department's answer is not valid HTTP", "该部门系统的应答不符合 HTTP 规范"),
    ("The department has to mend its system's answer.", "请该部门修正其系统的应答。"),
)
ANSWER_HEADERS_TOO_LARGE = _department(
    "answer_headers_too_large",
    ("The headers of the department's answer are too large", "该部门系统的应答头过大"),
    ("The department has to send smaller headers.", "请该部门减小应答头。"),
)
ANSWER_INCOMPLETE = _department(
    "answer_incomplete",
    ("The department's answer broke off", "该部门系统的应答中断"),
    ("The part that arrived must not be used.", "已收到的部分不可使用。"),
)
REPLY_TIMEOUT = _department(
    "reply_timeout",
    (
        "The department took the request and did not reply in time",
        "该部门已收到请求但未在规定时间内答复",
    ),
    (
        "The request is with the department; ask before sending it again.",
        "请求已送达该部门，重新发送前请先核实。",
    ),
)
REPLY_MALFORMED = _department(
    "reply_malformed",
    ("The department's reply cannot be read", "该部门的答复无法识别"),
    ("The department has to mend its reply record.", "请该部门修正其答复记录。"),
)

# --- broker: the operators of Kafka have to act -----------------------------------------------

BROKER_UNREACHABLE = _broker(
    "broker_unreachable",
    ("The message broker cannot be reached; nothing was sent", "消息代理无法连接，请求未发送"),
    ("Try again shortly.", "请稍后重试。"),
)
BROKER_TIMEOUT = _broker(
    "broker_timeout",
    ("The message broker did not confirm the request in time", "消息代理未在规定时间内确认请求"),
    (
        "It may have been taken; ask before sending it again.",
        "请求可能已被受理，重新发送前请先核实。",
    ),
)
BROKER_REFUSED = _broker(
    "broker_refused",
    ("The message broker refused the request", "消息代理拒绝了请求"),
    ("The operators have to check topic and permissions.", "请运维检查主题和权限。"),
)
TOPIC_UNKNOWN = _broker(
    "topic_unknown",
    ("The service's topic does not exist", "该服务的主题不存在"),
    ("The operators have to create the topic.", "请运维创建该主题。"),
)
RECORD_TOO_LARGE = _caller(
    "record_too_large",
    ("The request is larger than the service's topic takes", "请求超过该服务主题的上限"),
    ("Send a smaller body.", "请减小请求体。"),
)
REPLIES_NOT_READY = _broker(
    "replies_not_ready",
    ("The gateway cannot receive replies yet; nothing was sent", "网关尚不能接收答复，请求未发送"),
    ("Try again shortly.", "请稍后重试。"),
)
