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
        ("Mode `{found}` waits for no reply.", "`{found}` 模式不等待答复。"),
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
        "max_waits_refused",
        "kafka: {topic: a, mode: accept, max_waits: 100}",
        ("Mode `{found}` waits for no reply.", "`{found}` 模式不等待答复。"),
        ("Remove `max_waits`, or use mode `reply`.", "请删除 `max_waits`，或改用 `reply` 模式。"),
    ),
    problem_code(
        "status_topic_same",
        "kafka: {topic: a, mode: accept, status_topic: a}",
        (
            "Requests and states of cases would share the topic `{found}`.",
            "请求与办件状态共用了主题 `{found}`。",
        ),
        (
            "Give the states a topic of their own; it may be the one of the replies.",
            "请为办件状态使用单独的主题；可与答复主题相同。",
        ),
    ),
    problem_code(
        "status_topic_refused",
        "kafka: {topic: a, mode: event, status_topic: b}",
        (
            "In mode `{found}` a case ends when its record is published.",
            "`{found}` 模式下，记录发布后办件即告结束。",
        ),
        (
            "Remove `status_topic` (and `state_map`), or use mode `accept`.",
            "请删除 `status_topic`（及 `state_map`），或改用 `accept` 模式。",
        ),
    ),
    problem_code(
        "state_map_without_topic",
        "kafka: {topic: a, mode: accept, state_map: {done: closed}}",
        (
            "No `status_topic` says where the department tells its states.",
            "未写明部门在哪个主题通报状态（`status_topic`）。",
        ),
        (
            "Add `status_topic: …`, or remove `state_map`.",
            "请添加 `status_topic: …`，或删除 `state_map`。",
        ),
    ),
    problem_code(
        "spill_after_too_long",
        "timeout: 3s, kafka: {spill_after: 5s}",
        (
            "After `{found}` the request's time is over; {allowed} is wanted.",
            "到 `{found}` 时请求已超时；应{allowed}。",
        ),
        (
            "Write less than the service's `timeout`, or leave `spill_after` out.",
            "请写小于该服务 `timeout` 的值，或不写 `spill_after`。",
        ),
    ),
    problem_code(
        "join_over_http",
        "repeat: join, http: …",
        (
            "An answer over http goes to one caller; a repeated request cannot join it.",
            "http 的答复只能交给一个调用方，重复的请求无法加入等待。",
        ),
        ("Write `repeat: conflict`.", "请改为 `repeat: conflict`。"),
    ),
    problem_code(
        "repeat_without_idempotency",
        "repeat: conflict, http: …",
        (
            "`repeat` has no effect while `idempotency` is off.",
            "`idempotency` 为 off 时 `repeat` 不起作用。",
        ),
        (
            "Add `{allowed}` (or `required`), or remove `repeat`.",
            "请添加 `{allowed}`（或 `required`），或删除 `repeat`。",
        ),
    ),
    problem_code(
        "callback_not_https",
        "callback: {url: http://app.example/cases, …}",
        (
            "Over `{found}` everybody on the way could read what is told.",
            "通过 `{found}` 传送的内容可能被途中的任何人读取。",
        ),
        (
            "Write `https://…`; within the own network `internal: true` allows http.",
            "请改用 `https://…`；内部网络可写 `internal: true` 以允许 http。",
        ),
    ),
    problem_code(
        "callback_internal",
        "callback: {url: https://10.1.2.3/cases, …}",
        (
            "`{found}` is not an address of the public network.",
            "`{found}` 不是公共网络地址。",
        ),
        (
            "Write a public address, or add `internal: true` if it is meant.",
            "请改为公共网络地址；如确需内部地址，请添加 `internal: true`。",
        ),
    ),
    problem_code(
        "unknown_channel",
        "case_readers: [medai]",
        ("No channel has the ID `{found}`.", "没有编号为 `{found}` 的渠道。"),
        (
            "Define it under `channels`, or remove it; there are: {allowed}.",
            "请在 `channels` 下定义，或删除；现有：{allowed}。",
        ),
        (
            "Write `{suggestion}`, or define `{found}` under `channels`.",
            "请改为 `{suggestion}`，或在 `channels` 下定义 `{found}`。",
        ),
    ),
    problem_code(
        "case_reader_itself",
        "channels: {app: {case_readers: [app], …}}",
        (
            "A channel always reads its own cases.",
            "渠道总能读取自己的办件。",
        ),
        ("Remove it; others are: {allowed}.", "请删除；其他渠道：{allowed}。"),
    ),
    problem_code(
        "secret_shared",
        "one env:KEY in two channels",
        (
            "This reference is already used at {first}; a secret must tell one channel.",
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
            "The secret `{found}` cannot be used as a key (its value is not shown).",
            "密钥 `{found}` 无法作为调用密钥使用（其值不予显示）。",
        ),
        (
            "Use 1 to 512 visible ASCII characters on one line.",
            "请使用 1 至 512 个可见 ASCII 字符，单行。",
        ),
    ),
    problem_code(
        "callback_secret_unusable",
        "callback: {secret: env:SUFUBAN_CALLBACK_SECRET, …}, the variable holds a short password",
        (
            "The secret `{found}` cannot sign callbacks (its value is not shown).",
            "密钥 `{found}` 无法用于回调签名（其值不予显示）。",
        ),
        (
            "Use `whsec_` and 24 to 64 random bytes in Base64 (`openssl rand -base64 32` makes"
            " some), or at least 24 visible ASCII characters.",
            "请使用 `whsec_` 加 Base64 编码的 24 至 64 个随机字节（可用 `openssl rand -base64 32`"
            " 生成），或至少 24 个可见 ASCII 字符。",
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
