"""The causes: everything that can go wrong with a request, each with one name and one owner.

Room rule: this module knows no transport and no status number. A cause has a stable code, a
side (who has to act) and texts that are safe to show to a citizen or a clerk; the edge
(`gateway.entry`) maps codes to HTTP. The codes are an interface: problem `type`,
`Proxy-Status`, the metric label `cause` and the log all carry them, so they are never renamed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
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


def _cause(code: str, side: Side, title: tuple[str, str], advice: tuple[str, str]) -> Cause:
    cause = Cause(code, side, Text(*title), Text(*advice))
    CAUSES[code] = cause
    return cause


# --- caller: the request itself has to change -------------------------------------------------

MALFORMED_REQUEST = _cause(
    "malformed_request",
    Side.CALLER,
    ("The request is not valid HTTP/1.1", "请求不符合 HTTP/1.1 规范"),
    ("Check the framing and the headers of the request.", "请检查请求的分帧方式和请求头。"),
)
PATH_REFUSED = _cause(
    "path_refused",
    Side.CALLER,
    ("The path contains a form that is refused", "请求路径含有被拒绝的写法"),
    (
        "Send a plain path: no dot segments, backslashes, NUL, encoded slashes or dots, and no"
        " double encoding.",
        "请使用普通路径：不得含点段、反斜杠、空字符、编码的斜杠或点，不得重复编码。",
    ),
)
HEADER_REFUSED = _cause(
    "header_refused",
    Side.CALLER,
    ("A header is repeated or not allowed", "请求头重复或不被允许"),
    ("Send each identity header once.", "每个身份类请求头只能出现一次。"),
)
SERVICE_MISSING = _cause(
    "service_missing",
    Side.CALLER,
    ("The request names no service", "请求没有指明服务"),
    (
        "Call /s/{service_id}/… or send the header X-Service-Id.",
        "请调用 /s/{服务编号}/…，或发送 X-Service-Id 请求头。",
    ),
)
SERVICE_AMBIGUOUS = _cause(
    "service_ambiguous",
    Side.CALLER,
    ("Path and X-Service-Id name different services", "路径与 X-Service-Id 指明的服务不一致"),
    ("Name the service once.", "请只用一种方式指明服务。"),
)
CREDENTIALS_MISSING = _cause(
    "credentials_missing",
    Side.CALLER,
    ("The caller's key is missing", "缺少调用方密钥"),
    ("Send the channel's key in X-Api-Key.", "请在 X-Api-Key 请求头中发送渠道密钥。"),
)
CREDENTIALS_WRONG = _cause(
    "credentials_wrong",
    Side.CALLER,
    ("The caller's key is not valid", "调用方密钥无效"),
    (
        "Check the key; ask the gateway's operators for a new one.",
        "请核对密钥，或向网关运维申请新密钥。",
    ),
)
NOT_GRANTED = _cause(
    "not_granted",
    Side.CALLER,
    ("This channel may not call the service", "该渠道未获授权调用此服务"),
    ("Ask the gateway's operators for a grant.", "请向网关运维申请授权。"),
)
SERVICE_UNKNOWN = _cause(
    "service_unknown",
    Side.CALLER,
    ("There is no such service", "服务不存在"),
    ("Check the service ID.", "请核对服务编号。"),
)
METHOD_NOT_ALLOWED = _cause(
    "method_not_allowed",
    Side.CALLER,
    ("The service does not take this method", "该服务不支持此请求方法"),
    ("Use a method that the Allow header lists.", "请使用 Allow 响应头列出的方法。"),
)
RECORD_KEY_MISSING = _cause(
    "record_key_missing",
    Side.CALLER,
    ("The value that orders this service's requests is missing", "缺少该服务用于排序的键值"),
    (
        "Send the header or query parameter that the service asks for.",
        "请提供该服务要求的请求头或查询参数。",
    ),
)
HEAD_TIMEOUT = _cause(
    "head_timeout",
    Side.CALLER,
    ("The request's head did not arrive in time", "请求头未在规定时间内到达"),
    ("Send the whole head at once.", "请一次性发送完整的请求头。"),
)
BODY_TIMEOUT = _cause(
    "body_timeout",
    Side.CALLER,
    ("The request's body stopped arriving", "请求体中途停止发送"),
    ("Send the body without long pauses.", "请连续发送请求体，不要长时间停顿。"),
)
BODY_TOO_LARGE = _cause(
    "body_too_large",
    Side.CALLER,
    ("The request's body is too large for the service", "请求体超过该服务的上限"),
    ("Send a smaller body.", "请减小请求体。"),
)
BODY_INCOMPLETE = _cause(
    "body_incomplete",
    Side.CALLER,
    ("The request's body is broken or ended early", "请求体损坏或提前结束"),
    ("Send the body whole, framed as announced.", "请按声明的分帧方式完整发送请求体。"),
)
EXPECTATION_FAILED = _cause(
    "expectation_failed",
    Side.CALLER,
    ("The Expect header asks for something unknown", "Expect 请求头的内容无法满足"),
    ("Only 100-continue is known.", "仅支持 100-continue。"),
)
TARGET_TOO_LONG = _cause(
    "target_too_long",
    Side.CALLER,
    ("The request target is too long", "请求目标过长"),
    ("Send a shorter path and query.", "请缩短路径和查询参数。"),
)
HEADERS_TOO_LARGE = _cause(
    "headers_too_large",
    Side.CALLER,
    ("The request's headers are too large", "请求头过大"),
    ("Send fewer or shorter headers.", "请减少或缩短请求头。"),
)
RATE_LIMITED = _cause(
    "rate_limited",
    Side.CALLER,
    ("The channel sends more than its rate", "该渠道的请求超过限定速率"),
    ("Wait as long as Retry-After says.", "请按 Retry-After 指示的时间等待后重试。"),
)
CALLER_GONE = _cause(
    "caller_gone",
    Side.CALLER,
    (
        "The caller closed the connection before the answer was complete",
        "调用方在应答完成前断开连接",
    ),
    (
        "Nothing to do here; look at the caller's own timeout.",
        "网关侧无需处理，请检查调用方超时设置。",
    ),
)

CALLER_SLOW = _cause(
    "caller_slow",
    Side.CALLER,
    ("The caller did not take the answer in time", "调用方未在规定时间内接收完应答"),
    ("Read the answer without long pauses.", "请连续读取应答，不要长时间停顿。"),
)

# --- gateway: its operators have to act -------------------------------------------------------

DRAINING = _cause(
    "draining",
    Side.GATEWAY,
    ("This gateway is shutting down", "本网关实例正在停止服务"),
    ("Send the request again; another instance takes it.", "请重新发送请求，将由其他实例处理。"),
)
CONNECTION_LIMIT = _cause(
    "connection_limit",
    Side.GATEWAY,
    ("This gateway has too many connections", "网关连接数已达上限"),
    ("Try again shortly.", "请稍后重试。"),
)
INTERNAL_ERROR = _cause(
    "internal_error",
    Side.GATEWAY,
    ("The gateway failed on this request", "网关处理请求时出错"),
    ("Report the trace number to the gateway's operators.", "请将追踪编号告知网关运维。"),
)

# --- department: the department's system has to act -------------------------------------------

DEPARTMENT_BUSY = _cause(
    "department_busy",
    Side.DEPARTMENT,
    ("The department works on as many requests as it may", "该部门系统处理中的请求已达上限"),
    ("Try again shortly.", "请稍后重试。"),
)
CIRCUIT_OPEN = _cause(
    "circuit_open",
    Side.DEPARTMENT,
    (
        "The department's system fails; it is given time to recover",
        "该部门系统故障，正在等待其恢复",
    ),
    ("Try again after Retry-After.", "请按 Retry-After 指示的时间等待后重试。"),
)
NAME_NOT_RESOLVED = _cause(
    "name_not_resolved",
    Side.DEPARTMENT,
    ("The department's host name does not resolve", "该部门系统的主机名无法解析"),
    ("The department has to check its address.", "请该部门核对系统地址。"),
)
CONNECTION_REFUSED = _cause(
    "connection_refused",
    Side.DEPARTMENT,
    ("The department's system refuses connections", "该部门系统拒绝连接"),
    ("The department has to start its system.", "请该部门启动其系统。"),
)
CONNECT_TIMEOUT = _cause(
    "connect_timeout",
    Side.DEPARTMENT,
    ("The department's system does not accept connections in time", "连接该部门系统超时"),
    ("The department has to check its system and network.", "请该部门检查系统和网络。"),
)
TLS_FAILED = _cause(
    "tls_failed",
    Side.DEPARTMENT,
    (
        "The department's TLS certificate or protocol is not accepted",
        "该部门系统的 TLS 证书或协议不被接受",
    ),
    ("The department has to check its certificate.", "请该部门检查证书。"),
)
CONNECTION_LOST = _cause(
    "connection_lost",
    Side.DEPARTMENT,
    (
        "The department's system closed the connection without an answer",
        "该部门系统未应答即断开连接",
    ),
    (
        "It may have taken the request; ask before sending it again.",
        "请求可能已被受理，重新发送前请先核实。",
    ),
)
ANSWER_TIMEOUT = _cause(
    "answer_timeout",
    Side.DEPARTMENT,
    ("The department's system did not answer in time", "该部门系统未在规定时间内应答"),
    (
        "It may have taken the request; ask before sending it again.",
        "请求可能已被受理，重新发送前请先核实。",
    ),
)
ANSWER_MALFORMED = _cause(
    "answer_malformed",
    Side.DEPARTMENT,
    ("The department's answer is not valid HTTP", "该部门系统的应答不符合 HTTP 规范"),
    ("The department has to mend its system's answer.", "请该部门修正其系统的应答。"),
)
ANSWER_HEADERS_TOO_LARGE = _cause(
    "answer_headers_too_large",
    Side.DEPARTMENT,
    ("The headers of the department's answer are too large", "该部门系统的应答头过大"),
    ("The department has to send smaller headers.", "请该部门减小应答头。"),
)
ANSWER_INCOMPLETE = _cause(
    "answer_incomplete",
    Side.DEPARTMENT,
    ("The department's answer broke off", "该部门系统的应答中断"),
    ("The part that arrived must not be used.", "已收到的部分不可使用。"),
)
REPLY_TIMEOUT = _cause(
    "reply_timeout",
    Side.DEPARTMENT,
    (
        "The department took the request and did not reply in time",
        "该部门已收到请求但未在规定时间内答复",
    ),
    (
        "The request is with the department; ask before sending it again.",
        "请求已送达该部门，重新发送前请先核实。",
    ),
)
REPLY_MALFORMED = _cause(
    "reply_malformed",
    Side.DEPARTMENT,
    ("The department's reply cannot be read", "该部门的答复无法识别"),
    ("The department has to mend its reply record.", "请该部门修正其答复记录。"),
)

# --- broker: the operators of Kafka have to act -----------------------------------------------

BROKER_UNREACHABLE = _cause(
    "broker_unreachable",
    Side.BROKER,
    ("The message broker cannot be reached; nothing was sent", "消息代理无法连接，请求未发送"),
    ("Try again shortly.", "请稍后重试。"),
)
BROKER_TIMEOUT = _cause(
    "broker_timeout",
    Side.BROKER,
    ("The message broker did not confirm the request in time", "消息代理未在规定时间内确认请求"),
    (
        "It may have been taken; ask before sending it again.",
        "请求可能已被受理，重新发送前请先核实。",
    ),
)
BROKER_REFUSED = _cause(
    "broker_refused",
    Side.BROKER,
    ("The message broker refused the request", "消息代理拒绝了请求"),
    ("The operators have to check topic and permissions.", "请运维检查主题和权限。"),
)
TOPIC_UNKNOWN = _cause(
    "topic_unknown",
    Side.BROKER,
    ("The service's topic does not exist", "该服务的主题不存在"),
    ("The operators have to create the topic.", "请运维创建该主题。"),
)
RECORD_TOO_LARGE = _cause(
    "record_too_large",
    Side.CALLER,
    ("The request is larger than the service's topic takes", "请求超过该服务主题的上限"),
    ("Send a smaller body.", "请减小请求体。"),
)
REPLIES_NOT_READY = _cause(
    "replies_not_ready",
    Side.BROKER,
    ("The gateway cannot receive replies yet; nothing was sent", "网关尚不能接收答复，请求未发送"),
    ("Try again shortly.", "请稍后重试。"),
)
