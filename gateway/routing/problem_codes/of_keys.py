"""Mistakes in keys, and values of the wrong type.

Room rule: texts only.
"""

from __future__ import annotations

from typing import Final

from gateway.routing.problem_codes.code import ProblemCode, problem_code

__all__ = ["OF_KEYS"]

OF_KEYS: Final[tuple[ProblemCode, ...]] = (
    # keys and kinds
    problem_code(
        "unknown_key",
        "timeuot: 3s",
        ("There is no key `{found}` here.", "此处没有名为 `{found}` 的键。"),
        ("Remove it; the keys here are: {allowed}.", "请删除；此处可用的键：{allowed}。"),
    ),
    problem_code(
        "unknown_key_hidden",
        "channels: {sufuban: {Xy7-secret: x}}",
        (
            "A key is not known here (its name is not shown, it may be a secret).",
            "此处有未知的键（可能含密钥，不予显示）。",
        ),
        ("Remove it; the keys here are: {allowed}.", "请删除；此处可用的键：{allowed}。"),
    ),
    problem_code(
        "duplicate_key",
        "{timeout: 3s, timeout: 5s}",
        ("The key `{found}` is already at {first}.", "键 `{found}` 已在 {first} 出现。"),
        ("Keep one of the two.", "请只保留一处。"),
    ),
    problem_code(
        "missing_key",
        "departments: {wuxi-hrss: {}}",
        ("The key `{allowed}` is missing.", "缺少键 `{allowed}`。"),
        ("Add `{allowed}: …`.", "请添加 `{allowed}: …`。"),
        ("Add `{suggestion}`.", "请添加 `{suggestion}`。"),
    ),
    problem_code(
        "wrong_type",
        "methods: GET",
        ("Here stands {found}, but {allowed} is wanted.", "此处是{found}，应为{allowed}。"),
        ("Write {allowed}.", "请写成{allowed}。"),
    ),
    problem_code(
        "empty_value",
        "timeout:",
        ("The value is missing.", "缺少值。"),
        (
            "Write {allowed}; leave the entry out where it is not needed.",
            "请写成{allowed}；如不需要，请删除该项。",
        ),
    ),
    problem_code(
        "empty_list",
        "methods: []",
        ("The list is empty.", "列表为空。"),
        ("Write at least one item; wanted is {allowed}.", "请至少写一项：{allowed}。"),
    ),
    problem_code(
        "too_many_items",
        "keys: [env:A, env:B, env:C]",
        (
            "Here stand {found} items; {allowed} are allowed.",
            "此处有 {found} 项，最多允许 {allowed} 项。",
        ),
        ("Remove some.", "请删减。"),
    ),
    problem_code(
        "duplicate_item",
        "methods: [GET, GET]",
        ("`{found}` is already in this list at {first}.", "`{found}` 已在本列表 {first} 出现。"),
        ("Keep one of the two.", "请只保留一项。"),
    ),
    problem_code(
        "quotes_needed",
        "title: no",
        (
            "`{found}` without quotes is not text to YAML.",
            "未加引号的 `{found}` 在 YAML 中不是文本。",
        ),
        ("Put it in double quotes.", "请加上双引号。"),
        ("Quote it: `{suggestion}`.", "请加引号：`{suggestion}`。"),
    ),
    problem_code(
        "quotes_refused",
        'max_in_flight: "200"',
        ("A number stands without quotes.", "数字不加引号。"),
        ("Remove the quotes.", "请去掉引号。"),
        ("Remove the quotes: `{suggestion}`.", "请去掉引号：`{suggestion}`。"),
    ),
)
