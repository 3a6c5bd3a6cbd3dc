"""Mistakes in a file as bytes and as YAML.

Room rule: texts only.
"""

from __future__ import annotations

from typing import Final

from gateway.routing.problem_codes.code import ProblemCode, problem_code

__all__ = ["OF_SYNTAX"]

OF_SYNTAX: Final[tuple[ProblemCode, ...]] = (
    # the bytes
    problem_code(
        "unreadable",
        "gateway check no-such-file.yaml",
        ("The file cannot be read: {found}.", "文件无法读取：{found}。"),
        (
            "Check the name, that it is a file, and its permissions.",
            "请检查文件名、文件类型和访问权限。",
        ),
    ),
    problem_code(
        "file_too_large",
        "a file of 17 MiB",
        ("The file is larger than {allowed}.", "文件超过 {allowed}。"),
        (
            "Move departments into files of their own and include them.",
            "请把各部门内容拆成单独文件，并用 include 引入。",
        ),
    ),
    problem_code(
        "file_empty",
        "# only a comment",
        ("The file says nothing.", "文件没有内容。"),
        (
            "Write at least `version: 1`, or remove the file.",
            "请至少写入 `version: 1`，或删除该文件。",
        ),
    ),
    problem_code(
        "not_utf8",
        "title: <text saved as GB18030>",
        ("The byte {found} is not UTF-8 text.", "字节 {found} 不是 UTF-8 文本。"),
        (
            "Save the file as UTF-8 (it may have been saved as GBK or UTF-16).",
            "请将文件另存为 UTF-8 编码（可能误存为 GBK 或 UTF-16）。",
        ),
    ),
    problem_code(
        "control_character",
        "title: a<U+0000>b",
        ("The character {found} is not allowed in the file.", "文件中不允许出现字符 {found}。"),
        ("Delete the character; it is often invisible.", "请删除该字符；它通常不可见。"),
    ),
    # YAML
    problem_code(
        "yaml_syntax",
        "title: a: b",
        ("This is not valid YAML: {found}.", "此处不符合 YAML 语法：{found}。"),
        (
            "Check indentation, colons and quotes here and on the line before.",
            "请检查本行及上一行的缩进、冒号和引号。",
        ),
    ),
    problem_code(
        "tab_indentation",
        "<TAB>title: a",
        ("A tab stands where YAML wants blanks.", "此处使用了制表符，YAML 要求用空格。"),
        (
            "Indent with blanks; let the editor turn tabs into blanks.",
            "请用空格缩进，并让编辑器把制表符转换为空格。",
        ),
    ),
    problem_code(
        "full_width_punctuation",
        "timeout：3s",
        (
            "The full-width character `{found}` does not separate anything in YAML.",
            "全角字符 `{found}` 在 YAML 中不起分隔作用。",
        ),
        ("Type the half-width character.", "请改用半角字符。"),
        (
            "Type the half-width `{suggestion}`, followed by a blank.",
            "请改用半角 `{suggestion}`，其后加一个空格。",
        ),
    ),
    problem_code(
        "wide_blank",
        "　　timeout: 3s",
        (
            "The blank {found} is none to YAML; it looks like one.",
            "空白字符 {found} 看似空格，但在 YAML 中不是空格。",
        ),
        (
            "Replace it with ordinary (half-width) blanks.",
            "请改用普通（半角）空格。",
        ),
    ),
    problem_code(
        "quote_not_closed",
        'title: "a',
        ("The quotation that begins here is never closed.", "从此处开始的引号没有闭合。"),
        ("Close it with the same quote on this line.", "请在本行用相同的引号闭合。"),
    ),
    problem_code(
        "bracket_not_closed",
        "methods: [GET, POST",
        (
            "The bracket `{found}` that opens here is not closed where it should be.",
            "从此处开始的括号 `{found}` 没有正确闭合。",
        ),
        ("Close it, and separate its items with commas.", "请闭合括号，并用逗号分隔各项。"),
    ),
    problem_code(
        "too_deep",
        "[[[[[[[[[[[[[[[[[[[[",
        ("The nesting is deeper than {allowed}.", "嵌套层数超过 {allowed}。"),
        (
            "No part of the file needs that; check brackets and indentation.",
            "本文件无需如此嵌套，请检查括号和缩进。",
        ),
    ),
    problem_code(
        "too_many_values",
        "a file with two million values",
        ("The files hold more than {allowed}.", "文件中的值超过 {allowed}。"),
        (
            "Split the installation, or remove what is not needed.",
            "请拆分配置，或删除不需要的内容。",
        ),
    ),
    problem_code(
        "multiple_documents",
        "--- second document",
        ("A second YAML document begins here.", "此处开始了第二个 YAML 文档。"),
        (
            "Keep one document a file; put the rest into a file that is included.",
            "每个文件只能有一个文档，其余内容请放入被引入的文件。",
        ),
    ),
    problem_code(
        "directive",
        "%YAML 1.1",
        ("YAML directives are not taken.", "不支持 YAML 指令。"),
        ("Delete the line that begins with `%`.", "请删除以 `%` 开头的行。"),
    ),
    problem_code(
        "alias",
        "timeout: *slow",
        (
            "Anchors and aliases (`&name`, `*name`) are not taken.",
            "不支持锚点和别名（`&name`、`*name`）。",
        ),
        (
            "Write the value out where it is used; quote a text that begins with `&` or `*`.",
            "请在使用处写出完整的值；以 `&` 或 `*` 开头的文本需加引号。",
        ),
        ("Quote it: `{suggestion}`.", "请加引号：`{suggestion}`。"),
    ),
    problem_code(
        "tag",
        "title: !!str 5",
        ("Tags (`!name`) are not taken.", "不支持标签（`!name`）。"),
        (
            "Delete the tag; quote a text that begins with `!`.",
            "请删除标签；以 `!` 开头的文本需加引号。",
        ),
    ),
    problem_code(
        "merge_key",
        "<<: *base",
        ("Merge keys (`<<`) are not taken.", "不支持合并键（`<<`）。"),
        (
            "Write the keys out; defaults need not be written at all.",
            "请逐项写出；与默认值相同的项可以不写。",
        ),
    ),
    problem_code(
        "complex_key",
        "[a, b]: c",
        (
            "A list or a mapping stands where a name is wanted.",
            "此处应为名称，却写成了列表或映射。",
        ),
        ("Write a plain name before the colon.", "请在冒号前写一个普通名称。"),
    ),
    # all
    problem_code(
        "too_many_problems",
        "a file with thousands of mistakes",
        ("{found} more problems are not listed.", "另有 {found} 个问题未列出。"),
        ("Mend those above first.", "请先处理以上问题。"),
    ),
)
