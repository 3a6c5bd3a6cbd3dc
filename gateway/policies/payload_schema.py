"""Whether a body keeps to the JSON Schema of its service, and where it does not.

Room rule: a decision. The texts are ours, made from the rule and its limits alone: what stands in
the body may be about a person, so no value is ever shown, and neither is a property's name unless
the schema has it, because an ID number may stand there as well.

JSON Schema 2020-12 with `format` as an assertion. Patterns are matched in linear time (Rust's
`regex`), so no body can make one run away. Schemas are read and judged by `gateway.routing`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

import jsonschema_rs
import orjson

from gateway.errors import Text, Violation
from gateway.routing.json_schema import compiled_schema

__all__ = ["MOST", "PARTS", "PayloadCheck"]

MOST: Final = 50
"""Violations that are told of one body; a last entry, of rule `more`, says that there are others.
"""

PARTS: Final = 4096
"""Members and items of a body up to which all its violations are looked for: each of them costs
about three microseconds. Of a larger body the first one is told."""

WORK: Final = 1 << 28
"""Parts times bytes up to which the same holds: the library copies the value of each violation."""

LONGEST_SHOWN: Final = 200

_TEXTS: Final = {
    "minimum": ("must be at least {limit}", "不得小于 {limit}"),
    "maximum": ("must be at most {limit}", "不得大于 {limit}"),
    "exclusiveMinimum": ("must be greater than {limit}", "必须大于 {limit}"),
    "exclusiveMaximum": ("must be less than {limit}", "必须小于 {limit}"),
    "multipleOf": ("must be a multiple of {multiple_of}", "必须是 {multiple_of} 的倍数"),
    "minLength": ("must have at least {limit} characters", "至少应有 {limit} 个字符"),
    "maxLength": ("must have at most {limit} characters", "最多只能有 {limit} 个字符"),
    "minItems": ("must have at least {limit} items", "至少应有 {limit} 项"),
    "maxItems": ("must have at most {limit} items", "最多只能有 {limit} 项"),
    "minProperties": ("must have at least {limit} properties", "至少应有 {limit} 个属性"),
    "maxProperties": ("must have at most {limit} properties", "最多只能有 {limit} 个属性"),
    "minContains": ("has too few items of the required form", "符合要求的项过少"),
    "maxContains": ("has too many items of the limited form", "受数量限制的项过多"),
    "contains": ("must have an item of the required form", "必须含有符合要求的项"),
    "uniqueItems": ("must not have the same item twice", "各项不得重复"),
    "unevaluatedItems": ("has items that are not allowed", "含有不允许的项"),
    "pattern": ("must match the pattern {pattern}", "必须符合正则表达式 {pattern}"),
    "format": ("must have the format {format}", "必须符合 {format} 格式"),
    "enum": ("must be one of {options}", "只能取以下值之一：{options}"),
    "const": ("must be {expected_value}", "必须为 {expected_value}"),
    "required": ("lacks the property {property}", "缺少属性 {property}"),
    "anyOf": ("has none of the allowed forms", "不符合任何一种允许的形式"),
    "oneOf": ("must have exactly one of the allowed forms", "必须恰好符合一种允许的形式"),
    "not": ("has a form that is excluded", "属于被排除的形式"),
    "falseSchema": ("is not allowed", "不允许出现"),
}  # fmt: skip
"""What is allowed, by keyword; the fields are those of the library's error kinds."""

_EXAMPLES: Final = {
    "date": "2024-01-31",
    "date-time": "2024-01-31T09:30:00+08:00",
    "time": "09:30:00+08:00",
    "duration": "P3D",
    "email": "name@example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/path",
    "uuid": "123e4567-e89b-12d3-a456-426614174000",
}

_TYPES: Final = {
    "object": ("an object", "对象"),
    "array": ("an array", "数组"),
    "string": ("a string", "字符串"),
    "integer": ("an integer", "整数"),
    "number": ("a number", "数字"),
    "boolean": ("true or false", "布尔值"),
    "null": ("null", "空值"),
}

_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')

_WRONG_TYPE: Final = Violation(
    "",
    "contentMediaType",
    Text(
        "The content type has to be application/json or end with +json",
        "内容类型必须为 application/json 或以 +json 结尾",
    ),
)
_EMPTY: Final = Violation("", "json", Text("The body is empty", "请求体为空"))
_TOO_DEEP: Final = Violation(
    "", "depth", Text("The body is nested too deeply: 250 levels at most", "嵌套过深，最多 250 层")
)
_REPEATED: Final = Violation(
    "",
    "uniqueNames",
    Text("An object has the same property more than once", "对象中同一属性出现多次"),
)
_MORE: Final = Violation(
    "",
    "more",
    Text(
        f"There are more violations than the {MOST} shown",
        f"问题不止以上 {MOST} 处，其余未列出",
    ),
)
_ONLY_FIRST: Final = Violation(
    "",
    "more",
    Text(
        "The body is large, so only its first violation was looked for; there may be more",
        "数据较大，仅检查到第一处问题，可能还有其他问题",
    ),
)


class PayloadCheck:
    """A schema, compiled once. Raises ValueError for one that the loader of routes refuses."""

    def __init__(self, document: Mapping[str, object]) -> None:
        self._validator: Final = compiled_schema(document)
        self._known: Final = frozenset(_names(document))

    def problems(self, body: bytes, content_type: bytes | None) -> tuple[Violation, ...]:
        """Return what is wrong with `body`, in two languages; nothing when it keeps to the schema.

        A body without a content type is read as JSON. Beyond the schema a body is refused that is
        no JSON (RFC 8259) or holds a property twice (RFC 7493, 2.3). Numbers beyond 64 bits are
        compared as the nearest double, as most readers of JSON do. Safe to call from any thread.
        """
        if content_type and not _is_json(content_type):
            return (_WRONG_TYPE,)
        if not body:
            return (_EMPTY,)
        try:
            value = orjson.loads(body)
            if _has_repeated_names(body, value):
                return (_REPEATED,)
            if self._validator.is_valid(value):
                return ()
            return self._violations(value, thorough=_is_small(body))
        except orjson.JSONDecodeError as error:
            return (_unreadable(error),)
        except (orjson.JSONEncodeError, ValueError):  # both libraries, beyond 250 levels
            return (_TOO_DEEP,)

    def _violations(self, value: object, *, thorough: bool) -> tuple[Violation, ...]:
        if not thorough:
            try:
                self._validator.validate(value)
            except jsonschema_rs.ValidationError as error:
                return (self._violation(error, value), _ONLY_FIRST)
        errors = _unfolded(self._validator.iter_errors(value))
        # A set with an order: places that are not told apart are told once.
        found = dict.fromkeys(self._violation(error, value) for error in errors)
        return (*islice(found, MOST), *((_MORE,) if len(found) > MOST else ()))

    def _violation(self, error: jsonschema_rs.ValidationError, value: object) -> Violation:
        rule = _rule(error)
        known = [*_known_part(value, error.instance_path, self._known)]
        text = self._text(rule, error.kind)
        if len(known) < len(error.instance_path):
            text = Text(f"an unknown property in it {text.en}", f"其中一个未知属性：{text.zh}")
        return Violation(_pointer(known), rule, text)

    def _text(self, rule: str, kind: jsonschema_rs.ValidationErrorKind) -> Text:
        if isinstance(kind, jsonschema_rs.ValidationErrorKind.PropertyNames):
            inner = self._text(_rule(kind.error), kind.error.kind)
            return Text(f"has a property whose name {inner.en}", f"有属性名不合要求：{inner.zh}")
        fields = kind.as_dict()
        if rule in ("additionalProperties", "unevaluatedProperties"):
            return self._unexpected(fields["unexpected"])
        if rule == "type":
            return _type_text(fields["types"])
        texts = _TEXTS.get(rule)
        if texts is None:
            return Text(f"breaks the rule {rule}", f"违反规则 {rule}")
        shown = {name: _shown(field) for name, field in fields.items() if name != "context"}
        if rule == "format":
            shown["format"] = _format_text(fields["format"])
        return Text(texts[0].format(**shown), texts[1].format(**shown))

    def _unexpected(self, names: list[str]) -> Text:
        """Name the properties that stand elsewhere in the schema, and count the others."""
        known = [_shown(name) for name in names if name in self._known]
        unknown = len(names) - len(known)
        if unknown == 1:
            counted = Text("an unknown property", "1 个未知属性")
        else:
            counted = Text(f"{unknown} unknown properties", f"{unknown} 个未知属性")
        named = ", ".join(known[:MOST])
        en = [counted.en] * (unknown > 0) + [named] * bool(known)
        zh = [counted.zh] * (unknown > 0) + [named] * bool(known)
        return Text(f"must not have {' and '.join(en)}", f"不允许含有 {'和 '.join(zh)}")


# --- the schema ---------------------------------------------------------------------------------


def _names(schema: object) -> Iterator[str]:
    """Yield the names of properties that stand anywhere in a schema."""
    if isinstance(schema, Mapping):
        for keyword, value in schema.items():
            if keyword in ("properties", "dependentRequired", "dependentSchemas"):
                yield from _own_names(value)
            elif keyword == "required" and isinstance(value, list | tuple):
                yield from (name for name in value if isinstance(name, str))
            yield from _names(value)
    elif isinstance(schema, list | tuple):
        for value in schema:
            yield from _names(value)


def _own_names(members: object) -> Iterator[str]:
    if isinstance(members, Mapping):
        for name, value in members.items():
            yield name
            if isinstance(value, list | tuple):
                yield from (other for other in value if isinstance(other, str))


# --- the body -----------------------------------------------------------------------------------


def _is_json(content_type: bytes) -> bool:
    """RFC 8259, 11, and the suffix of RFC 6839, 3.1; parameters mean nothing to JSON."""
    media_type = content_type.partition(b";")[0].strip().lower()
    return media_type == b"application/json" or media_type.endswith(b"+json")


def _unreadable(error: orjson.JSONDecodeError) -> Violation:
    if error.msg.startswith("depth limit"):
        return _TOO_DEEP
    place = Text(
        f"line {error.lineno}, column {error.colno}", f"第 {error.lineno} 行第 {error.colno} 列"
    )
    if error.msg.startswith("number is infinity"):
        text = Text(
            f"The body has a number beyond the range of a double ({place.en})",
            f"数字超出双精度浮点数的范围（{place.zh}）",
        )
    else:
        text = Text(
            f"The body is not JSON in UTF-8 ({place.en})", f"不是 UTF-8 编码的 JSON（{place.zh}）"
        )
    return Violation("", "json", text)


def _has_repeated_names(body: bytes, value: object) -> bool:
    """Tell whether an object holds a name twice: reading kept the last, and a colon is missing."""
    written = orjson.dumps(value)
    if b"\\u003" not in body and body.count(b":") == written.count(b":"):
        return False
    return _STRING.sub(b"", body).count(b":") > _STRING.sub(b"", written).count(b":")


def _is_small(body: bytes) -> bool:
    parts = body.count(b",") + body.count(b"{") + body.count(b"[")
    return parts <= PARTS and parts * len(body) <= WORK


# --- what the library found ---------------------------------------------------------------------


def _unfolded(
    errors: Iterable[jsonschema_rs.ValidationError],
) -> Iterator[jsonschema_rs.ValidationError]:
    """Yield the errors, and those of the form that was meant where there is a choice of forms."""
    for error in errors:
        yield error
        kind = error.kind
        if isinstance(
            kind,
            jsonschema_rs.ValidationErrorKind.AnyOf
            | jsonschema_rs.ValidationErrorKind.OneOfNotValid,
        ):
            meant = [form for form in kind.context if _may_be_meant(form, error.instance_path)]
            if len(meant) == 1:
                yield from _unfolded(meant[0])


def _may_be_meant(errors: list[jsonschema_rs.ValidationError], place: list[str | int]) -> bool:
    """A form is not meant when the value is of another type, or another value tells the form."""
    return not any(
        error.kind.name in ("const", "enum")
        or (error.kind.name == "type" and error.instance_path == place)
        for error in errors
    )


def _rule(error: jsonschema_rs.ValidationError) -> str:
    last = error.schema_path[-1] if error.schema_path else ""
    return last if last in ("minContains", "maxContains") else error.kind.name


def _known_part(
    value: Any, path: Iterable[str | int], known: frozenset[str]
) -> Iterator[str | int]:
    """Yield the way to a place in `value` as far as the schema knows it.

    The library gives a name that is a number as one, so only the body tells names from items.
    """
    for token in path:
        if isinstance(value, dict):
            token = str(token)  # noqa: PLW2901  # as it stands in the body
            if token not in known or token not in value:
                return
        value = value[token]
        yield token


def _pointer(path: Iterable[str | int]) -> str:
    """RFC 6901."""
    return "".join(f"/{str(token).replace('~', '~0').replace('/', '~1')}" for token in path)


def _type_text(types: list[str]) -> Text:
    named = [_TYPES[name] for name in sorted(types, key="null".__eq__)]
    return Text(
        f"must be {' or '.join(en for en, _ in named)}", f"必须是{'或'.join(zh for _, zh in named)}"
    )


def _format_text(name: str) -> str:
    example = _EXAMPLES.get(name)
    return name if example is None else f"{name} ({example})"


def _shown(value: Any) -> str:
    """Return a value of the schema as JSON, cut when it is long."""
    if isinstance(value, list):
        text = ", ".join(map(_shown, value))
    else:
        text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
