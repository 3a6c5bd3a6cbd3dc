"""Mistakes in what belongs together: definitions, references, included files, secrets.

Room rule: texts only.
"""

from __future__ import annotations

from typing import Final

from gateway.routing.problem_codes.code import ProblemCode, problem_code

__all__ = ["OF_REFERENCES"]

OF_REFERENCES: Final[tuple[ProblemCode, ...]] = (
    # what belongs together
    problem_code(
        "duplicate_definition",
        "services: {edu.payment: …} in two files",
        ("`{found}` is already defined at {first}.", "`{found}` 已在 {first} 定义。"),
        (
            "Keep one of the two, or give this one an ID of its own.",
            "请只保留一处，或为此处换一个编号。",
        ),
    ),
    problem_code(
        "unknown_department",
        "department: xishan-edo",
        ("No department has the ID `{found}`.", "没有编号为 `{found}` 的部门。"),
        (
            "Define it under `departments`; there are: {allowed}.",
            "请在 `departments` 下定义；现有：{allowed}。",
        ),
        (
            "Write `{suggestion}`, or define `{found}` under `departments`.",
            "请改为 `{suggestion}`，或在 `departments` 下定义 `{found}`。",
        ),
    ),
    problem_code(
        "grant_without_service",
        'services: ["edv.*"]',
        ("No service matches `{found}`.", "没有服务与 `{found}` 匹配。"),
        (
            "Remove the grant, or define the service under `services`.",
            "请删除该授权，或在 `services` 下定义相应服务。",
        ),
        (
            "Write `{suggestion}`, or define the service under `services`.",
            "请改为 `{suggestion}`，或在 `services` 下定义相应服务。",
        ),
    ),
    problem_code(
        "transport_missing",
        "edu.payment: {title: …, department: …}",
        ("The service has neither `http` nor `kafka`.", "该服务既没有 `http` 也没有 `kafka`。"),
        (
            "Add one of the two: `http: {{endpoints: […]}}` or `kafka: {{topic: …, mode: …}}`.",
            "请添加其中之一：`http: {{endpoints: […]}}` 或 `kafka: {{topic: …, mode: …}}`。",
        ),
    ),
    problem_code(
        "transport_twice",
        "edu.payment: {http: …, kafka: …}",
        ("The service has both `http` and `kafka`.", "该服务同时有 `http` 和 `kafka`。"),
        ("Keep the one over which the department is reached.", "请只保留该部门实际使用的一种。"),
    ),
    problem_code(
        "weights_all_zero",
        "endpoints: [{url: http://a:1, weight: 0}]",
        (
            "Every endpoint has weight 0, so none would take a request.",
            "所有接口地址的权重均为 0，无法处理请求。",
        ),
        (
            "Give at least one endpoint a weight above zero.",
            "请至少为一个接口地址设置大于零的权重。",
        ),
    ),
    problem_code(
        "reply_topic_missing",
        "kafka: {topic: a, mode: reply}",
        ("Mode `reply` needs a `reply_topic`.", "`reply` 模式需要 `reply_topic`。"),
        (
            "Add `reply_topic: …`, or use mode `accept`.",
            "请添加 `reply_topic: …`，或改用 `accept` 模式。",
        ),
    ),
    problem_code(
        "reply_topic_refused",
        "kafka: {topic: a, mode: accept, reply_topic: b}",
        ("Mode `accept` waits for no reply.", "`accept` 模式不等待答复。"),
        (
            "Remove `reply_topic`, or use mode `reply`.",
            "请删除 `reply_topic`，或改用 `reply` 模式。",
        ),
    ),
    problem_code(
        "reply_topic_same",
        "kafka: {topic: a, mode: reply, reply_topic: a}",
        (
            "Requests and replies would share the topic `{found}`.",
            "请求与答复共用了主题 `{found}`。",
        ),
        ("Give the replies a topic of their own.", "请为答复使用单独的主题。"),
    ),
    problem_code(
        "secret_shared",
        "one env:KEY in two channels",
        (
            "This reference is already used at {first}; a key must tell one channel.",
            "该密钥引用已在 {first} 使用；一个密钥只能对应一个渠道。",
        ),
        ("Give each channel a secret of its own.", "请为每个渠道使用单独的密钥。"),
    ),
    # included files
    problem_code(
        "include_outside",
        "include: [../other.yaml]",
        ("`{found}` leaves the folder of this file.", "`{found}` 超出了本文件所在的目录。"),
        (
            "Keep included files in this folder or below it, without `..` and not absolute.",
            "被引入的文件须位于本目录或其下级目录，不得使用 `..` 或绝对路径。",
        ),
    ),
    problem_code(
        "include_missing",
        "include: [routes.d/edo.yaml]",
        ("There is no file `{found}`.", "文件 `{found}` 不存在。"),
        ("Create it, or remove the line.", "请创建该文件，或删除此行。"),
    ),
    problem_code(
        "include_folder_missing",
        "include: [rotues.d/*.yaml]",
        ("There is no folder `{found}`.", "目录 `{found}` 不存在。"),
        (
            "Create the folder (it may be empty), or remove the line.",
            "请创建该目录（可以为空），或删除此行。",
        ),
    ),
    problem_code(
        "include_unreadable",
        "include: [routes.d]",
        ("`{found}` cannot be read as a file.", "`{found}` 无法作为文件读取。"),
        (
            "Name a file that may be read; for all files of a folder write `folder/*.yaml`.",
            "请指明可读取的文件；引入整个目录请写 `目录/*.yaml`。",
        ),
    ),
    problem_code(
        "include_nested",
        "include: in an included file",
        ("An included file cannot include others.", "被引入的文件不能再引入其他文件。"),
        ("Move the line to the main file.", "请把此行移到主文件。"),
    ),
    problem_code(
        "include_itself",
        "include: [routes.yaml] in routes.yaml",
        ("The file includes itself.", "文件引入了自身。"),
        ("Remove the line.", "请删除此行。"),
    ),
    # when the gateway starts
    problem_code(
        "secret_absent",
        "keys: [env:SUFUBAN_KEY], the variable is not set",
        ("The secret `{found}` is not there.", "密钥 `{found}` 不存在。"),
        (
            "Set the variable or provide the file where the gateway runs.",
            "请在网关运行环境中设置该变量或提供该文件。",
        ),
    ),
    problem_code(
        "secret_unusable",
        "keys: [file:key], the file is empty",
        (
            "The secret `{found}` cannot be sent as a key (its value is not shown).",
            "密钥 `{found}` 无法作为调用密钥使用（其值不予显示）。",
        ),
        (
            "Use 1 to 512 visible ASCII characters on one line.",
            "请使用 1 至 512 个可见 ASCII 字符，单行。",
        ),
    ),
    problem_code(
        "secret_not_unique",
        "two references with the same value",
        (
            "The secret `{found}` has the same value as the one at {first}.",
            "密钥 `{found}` 与 {first} 处的密钥值相同。",
        ),
        ("Give each channel a secret of its own.", "请为每个渠道使用单独的密钥。"),
    ),
)
