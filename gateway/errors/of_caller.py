"""The causes on the side of the caller: the request itself has to change.

Room rule: as `gateway.errors`.
"""

from __future__ import annotations

from typing import Final

from gateway.errors.cause import Cause, Side, Text


def _cause(code: str, title: tuple[str, str], advice: tuple[str, str]) -> Cause:
    return Cause(code, Side.CALLER, Text(*title), Text(*advice))


MALFORMED_REQUEST = _cause(
    "malformed_request",
    ("The request is not valid HTTP/1.1", "请求不符合 HTTP/1.1 规范"),
    ("Check the framing and the headers of the request.", "请检查请求的分帧方式和请求头。"),
)
PATH_REFUSED = _cause(
    "path_refused",
    ("The path contains a form that is refused", "请求路径含有被拒绝的写法"),
    (
        "Send a plain path: no empty or dot segments, backslashes, NUL, encoded slashes or dots,"
        " and no double encoding.",
        "请使用普通路径：不得含空段、点段、反斜杠、空字符、编码的斜杠或点，不得重复编码。",
    ),
)
HEADER_REFUSED = _cause(
    "header_refused",
    ("A header is repeated or not allowed", "请求头重复或不被允许"),
    ("Send each identity header once.", "每个身份类请求头只能出现一次。"),
)
SERVICE_MISSING = _cause(
    "service_missing",
    ("The request names no service", "请求没有指明服务"),
    (
        "Call /s/{service_id}/… or send the header X-Service-Id.",
        "请调用 /s/{服务编号}/…，或发送 X-Service-Id 请求头。",
    ),
)
SERVICE_AMBIGUOUS = _cause(
    "service_ambiguous",
    ("Path and X-Service-Id name different services", "路径与 X-Service-Id 指明的服务不一致"),
    ("Name the service once.", "请只用一种方式指明服务。"),
)
CREDENTIALS_MISSING = _cause(
    "credentials_missing",
    ("The caller's key is missing", "缺少调用方密钥"),
    ("Send the channel's key in X-Api-Key.", "请在 X-Api-Key 请求头中发送渠道密钥。"),
)
CREDENTIALS_WRONG = _cause(
    "credentials_wrong",
    ("The caller's key is not valid", "调用方密钥无效"),
    (
        "Check the key; ask the gateway's operators for a new one.",
        "请核对密钥，或向网关运维申请新密钥。",
    ),
)
NOT_GRANTED = _cause(
    "not_granted",
    ("This channel may not call the service", "该渠道未获授权调用此服务"),
    ("Ask the gateway's operators for a grant.", "请向网关运维申请授权。"),
)
SERVICE_UNKNOWN = _cause(
    "service_unknown",
    ("There is no such service", "服务不存在"),
    ("Check the service ID.", "请核对服务编号。"),
)
METHOD_NOT_ALLOWED = _cause(
    "method_not_allowed",
    ("The service does not take this method", "该服务不支持此请求方法"),
    ("Use a method that the Allow header lists.", "请使用 Allow 响应头列出的方法。"),
)
RECORD_KEY_MISSING = _cause(
    "record_key_missing",
    ("The value that orders this service's requests is missing", "缺少该服务用于排序的键值"),
    (
        "Send the header or query parameter that the service asks for.",
        "请提供该服务要求的请求头或查询参数。",
    ),
)
BODY_INVALID = _cause(
    "body_invalid",
    ("The request's body does not follow the service's schema", "请求体不符合该服务的数据格式"),
    ("Mend the places that are listed; `gateway schema` knows the form.", "请修改所列位置的内容。"),
)
IDEMPOTENCY_KEY_MISSING = _cause(
    "idempotency_key_missing",
    ("The service asks for an Idempotency-Key", "该服务要求提供 Idempotency-Key"),
    (
        "Send a key that is new for each submission and the same when it is sent again.",
        "请为每次提交生成新的键，重发时使用同一个键。",
    ),
)
IDEMPOTENCY_KEY_REFUSED = _cause(
    "idempotency_key_refused",
    ("The Idempotency-Key is not valid", "Idempotency-Key 不合法"),
    (
        "Send one key of 1 to 255 printable ASCII characters, best a random UUID.",
        "请只发送一个由 1 至 255 个可打印 ASCII 字符组成的键，建议使用随机 UUID。",
    ),
)
IDEMPOTENCY_KEY_REUSED = _cause(
    "idempotency_key_reused",
    ("The Idempotency-Key was used for another request", "该 Idempotency-Key 已用于其他请求"),
    (
        "Send the same request again, or take a new key.",
        "请重发相同的请求，或更换新的键。",
    ),
)
IDEMPOTENCY_IN_FLIGHT = _cause(
    "idempotency_in_flight",
    ("The first request with this Idempotency-Key is under way", "使用该键的首个请求仍在处理"),
    ("Wait and send it again.", "请稍候再重发。"),
)
CASE_UNKNOWN = _cause(
    "case_unknown",
    ("There is no such case", "办件不存在"),
    (
        "Check the number; only the channel that submitted a case can read it.",
        "请核对编号；只有提交该办件的渠道可以查询。",
    ),
)
HEAD_TIMEOUT = _cause(
    "head_timeout",
    ("The request's head did not arrive in time", "请求头未在规定时间内到达"),
    ("Send the whole head at once.", "请一次性发送完整的请求头。"),
)
BODY_TIMEOUT = _cause(
    "body_timeout",
    ("The request's body stopped arriving", "请求体中途停止发送"),
    ("Send the body without long pauses.", "请连续发送请求体，不要长时间停顿。"),
)
BODY_TOO_LARGE = _cause(
    "body_too_large",
    ("The request's body is too large for the service", "请求体超过该服务的上限"),
    ("Send a smaller body.", "请减小请求体。"),
)
RECORD_TOO_LARGE = _cause(
    "record_too_large",
    ("The request is larger than the service's topic takes", "请求超过该服务主题的上限"),
    ("Send a smaller body.", "请减小请求体。"),
)
BODY_INCOMPLETE = _cause(
    "body_incomplete",
    ("The request's body is broken or ended early", "请求体损坏或提前结束"),
    ("Send the body whole, framed as announced.", "请按声明的分帧方式完整发送请求体。"),
)
EXPECTATION_FAILED = _cause(
    "expectation_failed",
    ("The Expect header asks for something unknown", "Expect 请求头的内容无法满足"),
    ("Only 100-continue is known.", "仅支持 100-continue。"),
)
TARGET_TOO_LONG = _cause(
    "target_too_long",
    ("The request target is too long", "请求目标过长"),
    ("Send a shorter path and query.", "请缩短路径和查询参数。"),
)
HEADERS_TOO_LARGE = _cause(
    "headers_too_large",
    ("The request's headers are too large", "请求头过大"),
    ("Send fewer or shorter headers.", "请减少或缩短请求头。"),
)
RATE_LIMITED = _cause(
    "rate_limited",
    ("The channel sends more than its rate", "该渠道的请求超过限定速率"),
    ("Wait as long as Retry-After says.", "请按 Retry-After 指示的时间等待后重试。"),
)
CALLER_GONE = _cause(
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

CALLER_SLOW = _cause(
    "caller_slow",
    ("The caller did not take the answer in time", "调用方未在规定时间内接收完应答"),
    ("Read the answer without long pauses.", "请连续读取应答，不要长时间停顿。"),
)

OF_CALLER: Final = (
    MALFORMED_REQUEST,
    PATH_REFUSED,
    HEADER_REFUSED,
    SERVICE_MISSING,
    SERVICE_AMBIGUOUS,
    CREDENTIALS_MISSING,
    CREDENTIALS_WRONG,
    NOT_GRANTED,
    SERVICE_UNKNOWN,
    METHOD_NOT_ALLOWED,
    RECORD_KEY_MISSING,
    BODY_INVALID,
    IDEMPOTENCY_KEY_MISSING,
    IDEMPOTENCY_KEY_REFUSED,
    IDEMPOTENCY_KEY_REUSED,
    IDEMPOTENCY_IN_FLIGHT,
    CASE_UNKNOWN,
    HEAD_TIMEOUT,
    BODY_TIMEOUT,
    BODY_TOO_LARGE,
    RECORD_TOO_LARGE,
    BODY_INCOMPLETE,
    EXPECTATION_FAILED,
    TARGET_TOO_LONG,
    HEADERS_TOO_LARGE,
    RATE_LIMITED,
    CALLER_GONE,
    CALLER_SLOW,
)
