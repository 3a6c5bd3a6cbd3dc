"""Mistakes in JSON Schemas and in how services name them.

Room rule: texts only.
"""

from __future__ import annotations

from typing import Final

from gateway.routing.problem_codes.code import ProblemCode, problem_code

__all__ = ["OF_SCHEMAS"]

OF_SCHEMAS: Final[tuple[ProblemCode, ...]] = (
    # what the service says
    problem_code(
        "schema_over_http",
        "schema: {request: card.json}, http: …",
        (
            "Bodies go over http as they come; nothing reads or checks them.",
            "http 请求体原样转发，不读取也不检查。",
        ),
        (
            "Remove `schema`; it is for services with `kafka`.",
            "请删除 `schema`；它只用于 `kafka` 服务。",
        ),
    ),
    problem_code(
        "reply_schema_refused",
        "schema: {reply: card.json}, kafka: {mode: accept, …}",
        ("Mode `{found}` waits for no reply.", "`{found}` 模式不等待答复。"),
        ("Remove `reply`, or use mode `reply`.", "请删除 `reply`，或改用 `reply` 模式。"),
    ),
    # the file
    problem_code(
        "schema_outside",
        "schema: {request: ../../card.json}",
        (
            "`{found}` leaves the folder of the main file.",
            "`{found}` 超出了主文件所在的目录。",
        ),
        (
            "Keep schemas in that folder or below it; the path is relative to the file in which it"
            " stands.",
            "JSON Schema 文件须位于该目录或其下级目录；路径相对于写明它的文件。",
        ),
    ),
    problem_code(
        "schema_missing",
        "schema: {request: crad.json}",
        ("There is no file `{found}`.", "文件 `{found}` 不存在。"),
        ("Create it, or remove the entry.", "请创建该文件，或删除该项。"),
    ),
    problem_code(
        "schema_unreadable",
        "schema: {request: schemas}",
        ("`{found}` cannot be read as a file.", "`{found}` 无法作为文件读取。"),
        ("Name one regular file that may be read.", "请指明一个可读取的普通文件。"),
    ),
    problem_code(
        "schema_too_large",
        "a schema of 2 MiB",
        ("`{found}` is too large; {allowed}.", "`{found}` 过大；{allowed}。"),
        (
            "Leave out what checks nothing, such as descriptions and examples.",
            "请去掉不参与检查的内容，如说明和示例。",
        ),
    ),
    problem_code(
        "schema_not_json",
        '{"type": "object",}',
        ("This is not JSON: {found}.", "此处不符合 JSON 语法：{found}。"),
        (
            "Mend it here; JSON knows no comments and no comma before a closing bracket.",
            "请在此处修正；JSON 没有注释，右括号前不能有逗号。",
        ),
    ),
    problem_code(
        "schema_draft",
        '{"$schema": "http://json-schema.org/draft-07/schema#"}',
        ("`{found}` is not JSON Schema 2020-12.", "`{found}` 不是 JSON Schema 2020-12。"),
        (
            "Write the schema in that version and name it: `{allowed}`.",
            "请按该版本编写，并写明：`{allowed}`。",
        ),
    ),
    problem_code(
        "schema_invalid",
        '{"type": "nubmer"}',
        ("This is not a valid JSON Schema: {found}.", "此处不是合格的 JSON Schema：{found}。"),
        ("Mend it here; wanted is {allowed}.", "请在此处修正；应为{allowed}。"),
    ),
    problem_code(
        "schema_reference",
        '{"$ref": "https://schemas.example/card.json"}',
        (
            "`{found}` leads out of the file, or to nothing in it.",
            "`{found}` 指向文件之外，或指向文件中不存在的内容。",
        ),
        (
            "Put what is meant under `$defs` of this file and refer to it with `#/$defs/…`; nothing"
            " is fetched from elsewhere.",
            "请把所引用的内容放在本文件的 `$defs` 下，并用 `#/$defs/…` 引用；不会从别处获取。",
        ),
    ),
)
