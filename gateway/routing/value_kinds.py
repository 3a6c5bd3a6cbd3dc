"""The kinds of single values that the file is made of, by what they mean.

Room rule: declarations; how a notation is read stands in `notations`, how kinds work in `kinds`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from gateway.errors import Text
from gateway.routing import notations
from gateway.routing.kinds import CallbackUrl, EndpointUrl, Notation, Quotes
from gateway.routing.model import PayloadSchema

__all__ = [
    "AREA",
    "CALLBACK_URL",
    "CHANNEL_REFERENCE",
    "DEPARTMENT_REFERENCE",
    "DURATION",
    "GRANT",
    "ID",
    "INCLUDE",
    "KEY_RULE",
    "PATH",
    "RATE",
    "REPLY_TOPIC",
    "SCHEMA_FILE",
    "SHARE",
    "SIZE",
    "SPILL_AFTER",
    "STATE_WORD",
    "TEXT",
    "TOPIC",
    "URL",
]

_ANY: Final = re.compile(r"[\s\S]+")

ID: Final = Notation(
    "bad_id",
    Text("1 to 64 of the characters A-Z a-z 0-9 . _ -", "1 至 64 个字符：A-Z a-z 0-9 . _ -"),
    notations.ID,
    repair=lambda text: re.sub(r"[\s/:]+", "-", text),
    quotes=Quotes.TEXT,
)
DEPARTMENT_REFERENCE: Final = Notation(
    "bad_id",
    Text("the ID of a department", "部门编号"),
    _ANY,
    quotes=Quotes.TEXT,
    mention="departments",
    schema_pattern=notations.ID,
)
CHANNEL_REFERENCE: Final = replace(
    ID, allowed=Text("the ID of another channel", "另一个渠道的编号"), mention="case_readers"
)
TEXT: Final = Notation(
    "bad_text",
    Text("a text of one line, 1 to 200 characters", "单行文本，1 至 200 个字符"),
    re.compile(r"(?=[^\x00-\x1f\x7f]{1,200}$)[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*"),
    repair=lambda text: re.sub(r"\s+", " ", text),
    quotes=Quotes.TEXT,
)
AREA: Final = Notation(
    "bad_area",
    Text("6, 9 or 12 digits in quotes", "加引号的 6、9 或 12 位数字"),
    notations.AREA,
    quotes=Quotes.NEEDED,
)
DURATION: Final = Notation(
    "bad_duration",
    Text("a number and a unit (ms, s, m, h, d), such as 3s", "数字加单位（ms、s、m、h、d），如 3s"),
    notations.DURATION,
    notations.duration,
    notations.repair_duration,
)
SPILL_AFTER: Final = replace(DURATION, mention="spill_after")
RATE: Final = Notation(
    "bad_rate",
    Text(
        "a number and /s, /m, /h or /d, such as 50/s, or unlimited",
        "数字加 /s、/m、/h 或 /d，如 50/s，或 unlimited",
    ),
    notations.RATE,
    notations.rate,
    notations.repair_rate,
)
SIZE: Final = Notation(
    "bad_size",
    Text("a number and KiB, MiB or GiB, such as 32MiB", "数字加 KiB、MiB 或 GiB，如 32MiB"),
    notations.SIZE,
    notations.size,
    notations.repair_size,
)
SHARE: Final = Notation(
    "bad_share",
    Text("a percentage, such as 20%", "百分数，如 20%"),
    notations.SHARE,
    notations.share,
    notations.repair_share,
)
URL: Final = EndpointUrl(
    "bad_endpoint",
    Text(
        "http or https, host and port, such as http://10.1.2.3:8080",
        "http 或 https、主机和端口，如 http://10.1.2.3:8080",
    ),
    notations.URL,
    notations.endpoint,
    notations.repair_endpoint,
)
PATH: Final = Notation(
    "bad_path",
    Text("a path such as /api/v2", "路径，如 /api/v2"),
    notations.PATH,
    repair=notations.repair_path,
    maximum=1024,
)
TOPIC: Final = Notation(
    "bad_topic",
    Text("the name of a Kafka topic", "Kafka 主题名"),
    notations.TOPIC,
    repair=lambda text: re.sub(r"[\s/:]+", ".", text),
    quotes=Quotes.TEXT,
)
REPLY_TOPIC: Final = Notation(
    "bad_reply_topic",
    Text(
        "the name of a Kafka topic, which may contain {instance} once",
        "Kafka 主题名，可含一次 {instance}",
    ),
    notations.REPLY_TOPIC,
    repair=notations.repair_reply_topic,
    quotes=Quotes.TEXT,
)
STATE_WORD: Final = Notation(
    "bad_text",
    Text(
        "the department's word on one line, 1 to 64 characters, no blanks around it",
        "部门使用的状态词，单行，1 至 64 个字符，前后无空格",
    ),
    re.compile(r"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,62}[^\s\x00-\x1f\x7f])?"),
    repair=lambda text: re.sub(r"\s+", " ", text).strip(),
    quotes=Quotes.TEXT,
)
KEY_RULE: Final = Notation(
    "bad_key_rule",
    Text("header:NAME or query:NAME", "header:名称 或 query:名称"),
    notations.KEY_RULE,
    notations.key_rule,
    repair=lambda text: re.sub(
        r"^(header|query)\s*[:=.]\s*", lambda m: m[1].lower() + ":", text, flags=re.IGNORECASE
    ),
)
GRANT: Final = Notation(
    "bad_grant",
    Text("a service ID or a pattern with *", "服务编号或含 * 的通配模式"),
    _ANY,
    quotes=Quotes.TEXT,
    mention="grants",
    schema_pattern=notations.GRANT,
)
INCLUDE: Final = Notation(
    "bad_include",
    Text("a path relative to this file", "相对于本文件的路径"),
    re.compile(r"[^\\\x00-\x1f\x7f]{1,1024}"),
    repair=lambda text: text.replace("\\", "/"),
    quotes=Quotes.TEXT,
    mention="includes",
)
SCHEMA_FILE: Final = replace(
    INCLUDE, convert=lambda match: PayloadSchema(match[0], {}), mention="schemas"
)
CALLBACK_URL: Final = CallbackUrl(
    "bad_callback_url",
    Text(
        "https, host and path, such as https://app.example/cases",
        "https、主机和路径，如 https://app.example/cases",
    ),
    notations.CALLBACK_URL,
    notations.callback_url,
    notations.repair_callback_url,
    maximum=1024,
)
