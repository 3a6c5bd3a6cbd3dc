"""Mistakes in single values.

Room rule: texts only.
"""

from __future__ import annotations

from typing import Final

from gateway.routing.problem_codes.code import ProblemCode, problem_code

__all__ = ["OF_VALUES"]

OF_VALUES: Final[tuple[ProblemCode, ...]] = (
    # values
    problem_code(
        "bad_version",
        "version: 2",
        ("`{found}` is not a version of this format.", "`{found}` 不是本格式的版本号。"),
        ("Write the integer 1, without quotes.", "请写整数 1，不加引号。"),
    ),
    problem_code(
        "bad_number",
        "burst: 0x10",
        ("`{found}` is not a plain whole number.", "`{found}` 不是普通整数。"),
        (
            "Write decimal digits only, without leading zeros, signs, `_` or a point.",
            "请只写十进制数字，不带前导零、符号、`_` 或小数点。",
        ),
    ),
    problem_code(
        "out_of_range",
        "weight: 5000",
        ("`{found}` is out of range; {allowed}.", "`{found}` 超出范围；{allowed}。"),
        ("Choose a value within the range.", "请改为范围内的值。"),
    ),
    problem_code(
        "bad_boolean",
        "idempotent: yes",
        ("`{found}` is neither `true` nor `false`.", "`{found}` 不是 `true` 或 `false`。"),
        ("Write `true` or `false`, without quotes.", "请写 `true` 或 `false`，不加引号。"),
    ),
    problem_code(
        "bad_duration",
        "timeout: 1:30",
        ("`{found}` is not a duration.", "`{found}` 不是时长。"),
        (
            "Write a number and a unit without a blank, such as `3s`; units are ms, s, m, h, d.",
            "请写数字加单位，中间无空格，如 `3s`；单位为 ms、s、m、h、d。",
        ),
    ),
    problem_code(
        "bad_rate",
        "rate: 50",
        ("`{found}` is not a rate.", "`{found}` 不是速率。"),
        (
            "Write a whole number above zero and `/s`, `/m`, `/h` or `/d`, such as `50/s`.",
            "请写大于零的整数加 `/s`、`/m`、`/h` 或 `/d`，如 `50/s`。",
        ),
    ),
    problem_code(
        "bad_size",
        "max_body: 10MB",
        ("`{found}` is not a size.", "`{found}` 不是大小。"),
        (
            "Write a whole number above zero and KiB, MiB or GiB without a blank, such as `32MiB`.",
            "请写大于零的整数加 KiB、MiB 或 GiB，中间无空格，如 `32MiB`。",
        ),
    ),
    problem_code(
        "bad_share",
        "share: 0.2",
        ("`{found}` is not a share.", "`{found}` 不是比例。"),
        (
            "Write a percentage above zero and at most 100, such as `20%`.",
            "请写大于 0 且不超过 100 的百分数，如 `20%`。",
        ),
    ),
    problem_code(
        "bad_text",
        'title: " "',
        ("This is not a text of one line.", "此处不是单行文本。"),
        ("Write {allowed}.", "请写{allowed}。"),
    ),
    problem_code(
        "bad_id",
        "services: {edu payment: …}",
        ("`{found}` cannot be an ID.", "`{found}` 不能用作编号。"),
        (
            "Use 1 to 64 of the characters A-Z a-z 0-9 . _ - (not `.`, `..` or `-` alone).",
            "请用 1 至 64 个字符：A-Z a-z 0-9 . _ -（不能只是 `.`、`..` 或 `-`）。",
        ),
    ),
    problem_code(
        "bad_area",
        'area: "3202"',
        ("`{found}` is not an area code.", "`{found}` 不是行政区划代码。"),
        (
            'Write 6, 9 or 12 digits in quotes, such as `"320205"`.',
            '请写 6、9 或 12 位数字并加引号，如 `"320205"`。',
        ),
    ),
    problem_code(
        "unknown_value",
        "mode: replay",
        ("`{found}` is not one of the values here.", "`{found}` 不是此处可用的值。"),
        ("Write one of: {allowed}.", "请写以下之一：{allowed}。"),
    ),
    problem_code(
        "endpoint_without_scheme",
        "endpoints: [127.0.0.1:9101]",
        (
            "The endpoint `{found}` does not begin with http:// or https://.",
            "接口地址 `{found}` 没有以 http:// 或 https:// 开头。",
        ),
        (
            "Write scheme, host and port, such as `http://127.0.0.1:9101`.",
            "请写协议、主机和端口，如 `http://127.0.0.1:9101`。",
        ),
    ),
    problem_code(
        "bad_endpoint",
        "endpoints: [http://127.0.0.1:9101/pay]",
        ("`{found}` is not an endpoint of this form.", "`{found}` 不是合格的接口地址。"),
        (
            "Write scheme, host and port and nothing else, such as"
            " `http://10.1.2.3:8080`; a path belongs into `path`.",
            "请只写协议、主机和端口，如 `http://10.1.2.3:8080`；路径写在 `path` 中。",
        ),
        (
            "Write `{suggestion}`; a path belongs into `path`.",
            "请改为 `{suggestion}`；路径写在 `path` 中。",
        ),
    ),
    problem_code(
        "bad_path",
        "path: api/",
        ("`{found}` cannot be put before a path.", "`{found}` 不能用作路径前缀。"),
        (
            "Begin with `/`, do not end with one, and leave out query, `.`, `..`, empty"
            " segments, blanks and encoded `/`, `.` and `\\`.",
            "请以 `/` 开头、不以 `/` 结尾，不含查询参数、`.`、`..`、空路径段、空格，"
            "以及编码的 `/`、`.` 和 `\\`。",
        ),
    ),
    problem_code(
        "bad_topic",
        "topic: hrss/card",
        ("`{found}` cannot be the name of a Kafka topic.", "`{found}` 不能用作 Kafka 主题名。"),
        (
            "Use 1 to 249 of the characters A-Z a-z 0-9 . _ - (not `.` or `..` alone).",
            "请用 1 至 249 个字符：A-Z a-z 0-9 . _ -（不能只是 `.` 或 `..`）。",
        ),
    ),
    problem_code(
        "bad_reply_topic",
        "reply_topic: a.{host}",
        (
            "`{found}` cannot be the name of a topic for replies.",
            "`{found}` 不能用作答复主题名。",
        ),
        (
            "Use 1 to 249 of the characters A-Z a-z 0-9 . _ - and at most once `{{instance}}`"
            " (then 200 in all, and not alone).",
            "请用 1 至 249 个字符：A-Z a-z 0-9 . _ -，最多含一次 `{{instance}}`"
            "（此时共不超过 200 个字符，且不能只有它）。",
        ),
    ),
    problem_code(
        "bad_callback_url",
        "callback: {url: app.example, …}",
        ("`{found}` is not the URL of a callback.", "`{found}` 不是合格的回调地址。"),
        (
            "Write scheme, host and path, such as `https://app.example/cases`.",
            "请写协议、主机和路径，如 `https://app.example/cases`。",
        ),
    ),
    problem_code(
        "callback_credentials",
        "callback: {url: https://user:word@app.example/cases, …}",
        (
            "The URL may carry credentials (they are not shown): `{found}`.",
            "回调地址可能含有凭据（不予显示）：`{found}`。",
        ),
        (
            "Leave out user, password and everything from `?`, `;` or `#` on; `secret` proves who"
            " calls.",
            "请去掉用户名、密码以及 `?`、`;`、`#` 之后的内容；由 `secret` 证明调用方身份。",
        ),
    ),
    problem_code(
        "bad_key_rule",
        "key: X-Subject",
        (
            "`{found}` does not say where the record's key comes from.",
            "`{found}` 没有说明记录键的来源。",
        ),
        (
            "Write `header:NAME` or `query:NAME`; a header that carries"
            " credentials cannot be a key.",
            "请写 `header:名称` 或 `query:名称`；携带凭据的请求头不能用作键。",
        ),
    ),
    problem_code(
        "literal_secret",
        "keys: [<the secret itself>]",
        (
            "A secret does not belong into the file (it is not shown here).",
            "密钥不得写在文件中（此处不予显示）。",
        ),
        (
            "Keep it outside and write `env:NAME` or `file:/path`; replace the"
            " secret, others may have read it.",
            "请将密钥存放在文件之外，写 `env:变量名` 或 `file:/路径`；该密钥可能已泄露，请更换。",
        ),
        (
            "Keep it outside and write `{suggestion}` or `file:/path`; replace the"
            " secret, others may have read it.",
            "请将密钥存放在文件之外，写 `{suggestion}` 或 `file:/路径`；该密钥可能已泄露，请更换。",
        ),
    ),
    problem_code(
        "bad_secret_reference",
        "keys: [env:MY-KEY]",
        (
            "The reference to a secret is not well formed (it is not shown here).",
            "密钥引用的写法不正确（此处不予显示）。",
        ),
        (
            "After `env:` write letters, digits and `_`, not beginning with a"
            " digit; after `file:` a path.",
            "`env:` 之后写字母、数字和 `_`，不以数字开头；`file:` 之后写路径。",
        ),
        (
            "After `env:` write letters, digits and `_`, such as `{suggestion}`;"
            " after `file:` a path.",
            "`env:` 之后写字母、数字和 `_`，如 `{suggestion}`；`file:` 之后写路径。",
        ),
    ),
    problem_code(
        "bad_grant",
        'services: ["edu/*"]',
        ("`{found}` is neither a service ID nor a pattern.", "`{found}` 不是服务编号或通配模式。"),
        (
            'Use the characters of a service ID and `*`, such as `"edu.*"`.',
            '请使用服务编号允许的字符和 `*`，如 `"edu.*"`。',
        ),
    ),
    problem_code(
        "bad_include",
        'include: [""]',
        ("`{found}` is not the path of a file.", "`{found}` 不是文件路径。"),
        (
            "Write a path relative to this file, with `/` between folders.",
            "请写相对于本文件的路径，目录之间用 `/` 分隔。",
        ),
    ),
)
