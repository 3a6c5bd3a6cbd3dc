"""The causes on the side of the department: the department's system has to act.

Room rule: as `gateway.errors`.
"""

from __future__ import annotations

from typing import Final

from gateway.errors.cause import Cause, Side, Text


def _cause(code: str, title: tuple[str, str], advice: tuple[str, str]) -> Cause:
    return Cause(code, Side.DEPARTMENT, Text(*title), Text(*advice))


DEPARTMENT_BUSY = _cause(
    "department_busy",
    ("The department works on as many requests as it may", "该部门系统处理中的请求已达上限"),
    ("Try again shortly.", "请稍后重试。"),
)
CIRCUIT_OPEN = _cause(
    "circuit_open",
    (
        "The department's system fails; it is given time to recover",
        "该部门系统故障，正在等待其恢复",
    ),
    ("Try again after Retry-After.", "请按 Retry-After 指示的时间等待后重试。"),
)
NAME_NOT_RESOLVED = _cause(
    "name_not_resolved",
    ("The department's host name does not resolve", "该部门系统的主机名无法解析"),
    ("The department has to check its address.", "请该部门核对系统地址。"),
)
CONNECTION_REFUSED = _cause(
    "connection_refused",
    ("The department's system refuses connections", "该部门系统拒绝连接"),
    ("The department has to start its system.", "请该部门启动其系统。"),
)
CONNECT_TIMEOUT = _cause(
    "connect_timeout",
    ("The department's system does not accept connections in time", "连接该部门系统超时"),
    ("The department has to check its system and network.", "请该部门检查系统和网络。"),
)
TLS_FAILED = _cause(
    "tls_failed",
    (
        "The department's TLS certificate or protocol is not accepted",
        "该部门系统的 TLS 证书或协议不被接受",
    ),
    ("The department has to check its certificate.", "请该部门检查证书。"),
)
CONNECTION_LOST = _cause(
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
ANSWER_TIMEOUT = _cause(
    "answer_timeout",
    ("The department's system did not answer in time", "该部门系统未在规定时间内应答"),
    (
        "It may have taken the request; ask before sending it again.",
        "请求可能已被受理，重新发送前请先核实。",
    ),
)
ANSWER_MALFORMED = _cause(
    "answer_malformed",
    ("The department's answer is not valid HTTP", "该部门系统的应答不符合 HTTP 规范"),
    ("The department has to mend its system's answer.", "请该部门修正其系统的应答。"),
)
ANSWER_HEADERS_TOO_LARGE = _cause(
    "answer_headers_too_large",
    ("The headers of the department's answer are too large", "该部门系统的应答头过大"),
    ("The department has to send smaller headers.", "请该部门减小应答头。"),
)
ANSWER_INCOMPLETE = _cause(
    "answer_incomplete",
    ("The department's answer broke off", "该部门系统的应答中断"),
    ("The part that arrived must not be used.", "已收到的部分不可使用。"),
)
REPLY_MALFORMED = _cause(
    "reply_malformed",
    ("The department's reply cannot be read", "该部门的答复无法识别"),
    ("The department has to mend its reply record.", "请该部门修正其答复记录。"),
)

REPLY_INVALID = _cause(
    "reply_invalid",
    ("The department's reply does not follow its own schema", "该部门的答复不符合约定的数据格式"),
    ("The department has to mend its reply or its schema.", "请该部门修正答复内容或数据格式。"),
)

OF_DEPARTMENT: Final = (
    DEPARTMENT_BUSY,
    CIRCUIT_OPEN,
    NAME_NOT_RESOLVED,
    CONNECTION_REFUSED,
    CONNECT_TIMEOUT,
    TLS_FAILED,
    CONNECTION_LOST,
    ANSWER_TIMEOUT,
    ANSWER_MALFORMED,
    ANSWER_HEADERS_TOO_LARGE,
    ANSWER_INCOMPLETE,
    REPLY_MALFORMED,
    REPLY_INVALID,
)
