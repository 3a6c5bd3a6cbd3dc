"""Single mistakes in the good file: what is written, and the one problem that has to come of it."""

# ruff: noqa: E501  # a mistake stays on one line, so that the table can be read

from __future__ import annotations

from typing import Final, NamedTuple

from tests.routing.files import GOOD, changed

__all__ = ["ELSEWHERE", "FILES", "MISTAKES", "Mistake"]


class Mistake(NamedTuple):
    """`old` becomes `new`; the problem stands at `line`:`column` of `file`.

    It is confined to `service`.
    """

    code: str
    old: str
    new: str
    line: int
    column: int
    path: str = ""
    suggestion: str | None = None
    service: str | None = None
    file: str = "routes.yaml"

    @property
    def text(self) -> str:
        return changed(self.old, self.new) if self.old else self.new


PAYMENT: Final = 'services["edu.payment"]'
CARD: Final = 'services["hrss.card"]'
PENSION: Final = 'services["hrss.pension"]'

FILES: Final = {
    "folder/good.json": b'{"type": "object", "properties": {"name": {"$ref": "#/$defs/a"}}, "$defs": {"a": {}}}',
    "folder/comma.json": b'{\n  "type": "object",\n}\n',
    "folder/type.json": b'{\n  "properties": {"age": {\n    "type": "nubmer"}}\n}\n',
    "folder/draft.json": b'{"$schema": "http://json-schema.org/draft-07/schema#"}',
    "folder/away.json": b'{\n  "properties": {"a": {"$ref": "other.json"}}}',
    "folder/large.json": b'{"title": "' + b"x" * (1 << 20) + b'"}',
}
"""Files that stand beside the routes file; `folder` is a folder."""


def _in_payment(
    code: str, old: str, new: str, place: tuple[int, int], path: str, suggestion: str | None = None
) -> Mistake:
    return Mistake(code, old, new, *place, f"{PAYMENT}{path}", suggestion, "edu.payment")


def _in_channel(
    code: str, old: str, new: str, place: tuple[int, int], path: str, suggestion: str | None = None
) -> Mistake:
    """A mistake in what stands behind the rate of the channel `app`, or in its list of readers."""
    new = new.replace("SECRET", "env:APP_SIGNS")
    return Mistake(code, old, new, *place, f"channels.app.{path}", suggestion)


def _in_pension(
    code: str, new: str, place: tuple[int, int], path: str, suggestion: str | None = None
) -> Mistake:
    """A mistake in what stands behind the topic for replies."""
    old = "reply_topic: pension.replies"
    return Mistake(
        code, old, f"{old}, {new}", *place, f"{PENSION}{path}", suggestion, "hrss.pension"
    )


def _in_card(
    code: str, old: str, new: str, place: tuple[int, int], path: str, suggestion: str | None = None
) -> Mistake:
    return Mistake(code, old, new, *place, f"{CARD}{path}", suggestion, "hrss.card")


BYTES_AND_YAML: Final = (
    Mistake("file_empty", "", "", 1, 1),
    Mistake("file_empty", "", "# nothing yet\n", 1, 1),
    Mistake("control_character", "教育局", "教\x00局", 3, 16),
    Mistake("control_character", "教育局", "教\u202e局", 3, 16),
    Mistake("control_character", "App,", "App\x85,", 6, 18),
    Mistake("control_character", "", "a: 1\rb: 2\rc: 3\r", 1, 5),
    Mistake("yaml_syntax", "title: 缴费", "title: a: b", 10, 13, PAYMENT),
    Mistake("yaml_syntax", "    title: 缴费", "    title 缴费", 10, 5, "services"),
    Mistake("yaml_syntax", "    title: 缴费", "   title: 缴费", 11, 15, PAYMENT),
    Mistake("yaml_syntax", "    timeout: 3s", "      timeout: 3s", 13, 7, PAYMENT),
    Mistake("yaml_syntax", "title: 缴费", "title: @x", 10, 12, f"{PAYMENT}.title"),
    Mistake("yaml_syntax", "    timeout: 3s", "   timeout: 3s", 13, 4, "services"),
    Mistake("yaml_syntax", "key: header:X", "key: header: X", 24, 51, f"{CARD}.kafka"),
    Mistake("tab_indentation", "    timeout: 3s", "\ttimeout: 3s", 13, 1, PAYMENT),
    Mistake("full_width_punctuation", "timeout: 3s", "timeout：3s", 13, 12, PAYMENT, ":"),
    Mistake("full_width_punctuation", "title: 缴费", "title： 缴费", 10, 10, "services", ":"),
    _in_payment("full_width_punctuation", "[GET, POST]", "[GET，POST]", (12, 18), ".methods[0]", ","),
    Mistake("full_width_punctuation", '["edu.*"]', '[edu.payment、"*"]', 7, 58, "channels.media.services[0]", ","),
    Mistake("wide_blank", "    timeout: 3s", "\u3000\u3000timeout: 3s", 13, 1),
    Mistake("wide_blank", "    timeout: 3s", "\xa0   timeout: 3s", 13, 1),
    Mistake("wide_blank", "timeout: 3s", "timeout:\u30003s", 13, 13, PAYMENT),
    Mistake("quote_not_closed", "timeout: 3s", 'timeout: "3s', 13, 14, f"{PAYMENT}.timeout"),
    Mistake("quote_not_closed", '"0510-1"', '"0510-1', 3, 27, "departments.edu"),
    Mistake("bracket_not_closed", "[GET, POST]", "[GET, POST", 12, 14, f"{PAYMENT}.methods"),
    Mistake("bracket_not_closed", "weight: 2}]", "weight: 2]", 18, 42, f"{PAYMENT}.http.endpoints"),
    Mistake("bracket_not_closed", "kafka: {topic: card", "kafka: {{topic: card", 24, 12, f"{CARD}.kafka"),
    Mistake("quotes_needed", "reply_topic: pension.replies", "reply_topic: p.{instance}", 28, 55, f"{PENSION}.kafka", '"p.{instance}"'),
    Mistake("quotes_needed", "path: /api/v2", "path: {version}/api", 19, 13, f"{PAYMENT}.http", '"{version}/api"'),
    Mistake("quotes_needed", "[env:APP_KEY]", "[made-{up}]", 6, 27, "channels.app.keys"),
    Mistake("too_deep", "[GET, POST]", "[" * 20, 12, 27, f"{PAYMENT}.methods" + "[0]" * 13),
    Mistake("multiple_documents", "", GOOD + "---\nversion: 1\n", 29, 1),
    Mistake("multiple_documents", "", GOOD + "...\n# and then\n  title: a\n", 31, 3),
    Mistake("directive", "", "# first\n%YAML 1.1\n---\n" + GOOD, 2, 1),
    _in_payment("alias", "timeout: 3s", "timeout: *slow", (13, 14), ".timeout"),
    _in_payment("alias", "title: 缴费", "title: &t 缴费", (10, 12), ".title"),
    _in_payment("alias", "timeout: 3s", "timeout: &t", (13, 14), ".timeout"),
    Mistake("alias", '["*"]', "[*]", 6, 52, "channels.app.services[0]", '"*"'),
    Mistake("alias", '["edu.*"]', "[*.payment]", 7, 47, "channels.media.services[0]", '"*.payment"'),
    Mistake("alias", '["edu.*"]', "[*payment]", 7, 47, "channels.media.services[0]", '"*payment"'),
    _in_payment("tag", "title: 缴费", "title: !!str 5", (10, 12), ".title"),
    _in_payment("tag", "timeout: 3s", "timeout: !run [3s]", (13, 14), ".timeout"),
    _in_payment("merge_key", "    timeout: 3s", "    <<: {timeout: 3s}", (13, 5), ""),
    _in_payment("complex_key", "timeout: 3s", "timeout: {{ x }}", (13, 15), ".timeout"),
)  # fmt: skip

KEYS_AND_TYPES: Final = (
    _in_payment("unknown_key", "timeout: 3s", "timeuot: 3s", (13, 5), ".timeuot", "timeout"),
    _in_payment("unknown_key", "title: 缴费", "titel: 缴费", (10, 5), ".titel", "title"),
    _in_payment("unknown_key", "    http:", "    htpp:", (17, 5), ".htpp", "http"),
    _in_payment("unknown_key", "max_body: 1MiB", "maxBody: 1MiB", (14, 5), ".maxBody", "max_body"),
    _in_payment("unknown_key", "timeout: 3s", "colour: 3s", (13, 5), ".colour"),
    _in_payment("unknown_key", "{attempts: 3", "{attempts:3", (15, 13), '.retry["attempts:3"]', "attempts: 3"),
    _in_payment("unknown_key", "{attempts: 3", "{attempts：3", (15, 13), '.retry["attempts：3"]', "attempts: 3"),
    Mistake("unknown_key", "departments:", "departements:", 2, 1, "departements", "departments"),
    Mistake("unknown_key", "departments:", "offices:", 2, 1, "offices"),
    Mistake("unknown_key", "services:\n  edu", "sevices:\n  edu", 8, 1, "sevices", "services"),
    Mistake("unknown_key", "rate: 20/s", "rates: 20/s", 6, 58, "channels.app.rates", "rate"),
    Mistake("unknown_key_hidden", "rate: 20/s", "Xy7-made-up: 20/s", 6, 58, "channels.app"),
    Mistake("unknown_key_hidden", "rate: 20/s", "rate:20/s", 6, 58, "channels.app", "rate: …"),
    _in_payment("duplicate_key", "timeout: 3s", "title: 又", (13, 5), ".title"),
    Mistake("duplicate_key", "version: 1\n", "version: 1\nversion: 1\n", 2, 1, "version"),
    Mistake("missing_key", "version: 1\n", "", 1, 1, "version", "version: 1"),
    Mistake("missing_key", "{name: 人社局}", "{}", 4, 3, "departments.hrss.name"),
    _in_payment("missing_key", "    department: edu\n", "", (9, 3), ".department"),
    _in_card("missing_key", "topic: card, ", "", (24, 5), ".kafka.topic"),
    Mistake("missing_key", "keys: [file:/run/media], ", "", 7, 3, "channels.media.keys"),
    _in_payment("wrong_type", "[GET, POST]", "GET", (12, 14), ".methods", "[GET]"),
    _in_payment("wrong_type", "timeout: 3s", "timeout: [3s]", (13, 14), ".timeout"),
    Mistake("wrong_type", '["*"]', '"*"', 6, 51, "channels.app.services", '["*"]'),
    Mistake("wrong_type", "[env:APP_KEY]", "env:APP_KEY", 6, 26, "channels.app.keys"),
    Mistake("wrong_type", "", "- a\n- b\n", 1, 1),
    _in_payment("empty_value", "timeout: 3s", "timeout:", (13, 13), ".timeout"),
    _in_payment("empty_value", "timeout: 3s", "timeout: ~", (13, 14), ".timeout"),
    _in_payment("empty_list", "[GET, POST]", "[]", (12, 14), ".methods"),
    Mistake("too_many_items", "[env:APP_KEY]", "[env:A, env:B, env:C]", 6, 26, "channels.app.keys"),
    _in_payment("duplicate_item", "[GET, POST]", "[GET, GET]", (12, 20), ".methods[1]"),
    _in_payment("duplicate_item", "{url: https://h.example:9102, weight: 2}", "http://127.0.0.1:9101", (18, 42), ".http.endpoints[1]"),
    _in_payment("quotes_needed", "title: 缴费", "title: no", (10, 12), ".title", '"no"'),
    _in_payment("quotes_needed", "title: 缴费", "title: 1:30", (10, 12), ".title", '"1:30"'),
    _in_payment("quotes_needed", "title: 缴费", "title: 2026-01-01", (10, 12), ".title", '"2026-01-01"'),
    Mistake("quotes_needed", '"320205"', "320205", 3, 43, "departments.edu.area", '"320205"'),
    Mistake("quotes_needed", '"0510-1"', "05101", 3, 27, "departments.edu.phone", '"05101"'),
    Mistake("quotes_needed", "  hrss.card:", "  no:", 21, 3, "services.no", '"no"', "no"),
    Mistake("quotes_refused", "max_in_flight: 200", 'max_in_flight: "200"', 3, 68, "departments.edu.max_in_flight", "200"),
)  # fmt: skip

VALUES: Final = (
    Mistake("bad_version", "version: 1", "version: 2", 1, 10, "version", "1"),
    Mistake("bad_version", "version: 1", 'version: "1"', 1, 10, "version", "1"),
    Mistake("bad_version", "version: 1", "version: 1.0", 1, 10, "version", "1"),
    Mistake("bad_number", "burst: 7", "burst: 0x10", 7, 76, "channels.media.burst", "16"),
    Mistake("bad_number", "burst: 7", "burst: 1_000", 7, 76, "channels.media.burst", "1000"),
    Mistake("bad_number", "burst: 7", "burst: 7.0", 7, 76, "channels.media.burst", "7"),
    Mistake("bad_number", "burst: 7", "burst: ７", 7, 76, "channels.media.burst", "7"),
    _in_payment("bad_number", "attempts: 3", "attempts: 010", (15, 23), ".retry.attempts", "10"),
    _in_payment("out_of_range", "attempts: 3", "attempts: 0", (15, 23), ".retry.attempts"),
    _in_payment("out_of_range", "weight: 2", "weight: 1001", (18, 80), ".http.endpoints[1].weight"),
    _in_payment("out_of_range", "weight: 2", "weight: -1", (18, 80), ".http.endpoints[1].weight"),
    _in_payment("out_of_range", "timeout: 3s", "timeout: 0s", (13, 14), ".timeout"),
    _in_payment("out_of_range", "timeout: 3s", "timeout: 31d", (13, 14), ".timeout"),
    _in_payment("out_of_range", "failures: 25%", "failures: 101%", (16, 25), ".breaker.failures"),
    _in_payment("bad_boolean", "idempotent: true", "idempotent: yes", (15, 38), ".retry.idempotent", "true"),
    _in_payment("bad_boolean", "idempotent: true", 'idempotent: "false"', (15, 38), ".retry.idempotent", "false"),
    _in_payment("bad_duration", "timeout: 3s", "timeout: 1:30", (13, 14), ".timeout", "90s"),
    _in_payment("bad_duration", "timeout: 3s", "timeout: 3 s", (13, 14), ".timeout", "3s"),
    _in_payment("bad_duration", "timeout: 3s", "timeout: 3sec", (13, 14), ".timeout", "3s"),
    _in_payment("bad_duration", "timeout: 3s", "timeout: 1m30s", (13, 14), ".timeout", "90s"),
    _in_payment("bad_duration", "timeout: 3s", "timeout: 3", (13, 14), ".timeout", "3s"),
    _in_payment("bad_duration", "timeout: 3s", "timeout: 3秒", (13, 14), ".timeout", "3s"),
    _in_payment("bad_duration", "timeout: 3s", "timeout: soon", (13, 14), ".timeout"),
    Mistake("bad_rate", "rate: 20/s", "rate: 20", 6, 64, "channels.app.rate", "20/s"),
    Mistake("bad_rate", "rate: 20/s", "rate: 20 / s", 6, 64, "channels.app.rate", "20/s"),
    Mistake("bad_rate", "rate: 20/s", "rate: 20/min", 6, 64, "channels.app.rate", "20/m"),
    Mistake("bad_rate", "rate: 20/s", "rate: 0/s", 6, 64, "channels.app.rate"),
    _in_payment("bad_size", "max_body: 1MiB", "max_body: 10MB", (14, 15), ".max_body", "10MiB"),
    _in_payment("bad_size", "max_body: 1MiB", "max_body: 1 MiB", (14, 15), ".max_body", "1MiB"),
    _in_payment("bad_size", "max_body: 1MiB", "max_body: 1048576", (14, 15), ".max_body", "1024KiB"),
    _in_payment("bad_share", "share: 10%", "share: 0.1", (15, 60), ".retry.budget.share", "10%"),
    _in_payment("bad_share", "share: 10%", "share: 10 %", (15, 60), ".retry.budget.share", "10%"),
    _in_payment("bad_text", "title: 缴费", 'title: " "', (10, 12), ".title"),
    _in_payment("bad_text", "title: 缴费", 'title: ""', (10, 12), ".title"),
    _in_payment("bad_text", "title: 缴费", 'title: "a\\nb"', (10, 12), ".title", "a b"),
    Mistake("bad_id", "  hrss.card:", "  hrss card:", 21, 3, 'services["hrss card"]', "hrss-card", "hrss card"),
    Mistake("bad_id", "  hrss.card:", "  ..:", 21, 3, 'services[".."]', None, ".."),
    Mistake("bad_id", "  hrss.card:", '  "-":', 21, 3, 'services["-"]', None, "-"),
    Mistake("bad_id", "  edu.payment:", "  edu/payment:", 9, 3, 'services["edu/payment"]', "edu-payment", "edu/payment"),
    Mistake("bad_id", "  media:", "  融媒:", 7, 3, 'channels["融媒"]'),
    Mistake("bad_area", '"320205"', '"3202"', 3, 43, "departments.edu.area"),
    Mistake("bad_area", '"320205"', '"３２０２０５"', 3, 43, "departments.edu.area", '"320205"'),
    _in_payment("unknown_value", "[GET, POST]", "[get, POST]", (12, 15), ".methods[0]", "GET"),
    _in_card("unknown_value", "mode: accept", "mode: acept", (24, 32), ".kafka.mode", "accept"),
    _in_payment("endpoint_without_scheme", "[http://127.0.0.1:9101", "[127.0.0.1:9101", (18, 19), ".http.endpoints[0]", "http://127.0.0.1:9101"),
    _in_payment("endpoint_without_scheme", "[http://127.0.0.1:9101", "[ftp://127.0.0.1:9101", (18, 19), ".http.endpoints[0]"),
    _in_payment("endpoint_without_scheme", "[http://127.0.0.1:9101", "[localhost:9101", (18, 19), ".http.endpoints[0]", "http://localhost:9101"),
    _in_payment("bad_endpoint", "http://127.0.0.1:9101", "http://127.0.0.1:0", (18, 19), ".http.endpoints[0]"),
    _in_payment("bad_endpoint", "http://127.0.0.1:9101", "http://127.0.0.1", (18, 19), ".http.endpoints[0]", "http://127.0.0.1:80"),
    _in_payment("bad_endpoint", "http://127.0.0.1:9101", "http://127.0.0.1:9101/pay", (18, 19), ".http.endpoints[0]", "http://127.0.0.1:9101"),
    _in_payment("bad_endpoint", "http://127.0.0.1:9101", "http://127.0.0.1:70000", (18, 19), ".http.endpoints[0]"),
    _in_payment("bad_endpoint", "http://127.0.0.1:9101", "http://127.0.0.256:9101", (18, 19), ".http.endpoints[0]"),
    _in_payment("bad_endpoint", "https://h.example:9102", "HTTPS://h.example:9102", (18, 48), ".http.endpoints[1].url", "https://h.example:9102"),
    _in_payment("bad_path", "path: /api/v2", "path: api/v2/", (19, 13), ".http.path", "/api/v2"),
    _in_payment("bad_path", "path: /api/v2", "path: /api/../v2", (19, 13), ".http.path"),
    _in_payment("bad_path", "path: /api/v2", "path: /api?x=1", (19, 13), ".http.path"),
    _in_payment("bad_path", "path: /api/v2", "path: /教育", (19, 13), ".http.path", "/%E6%95%99%E8%82%B2"),
    _in_card("bad_topic", "topic: card", "topic: hrss/card", (24, 20), ".kafka.topic", "hrss.card"),
    _in_card("bad_topic", "topic: card", f"topic: {'a' * 250}", (24, 20), ".kafka.topic"),
    _in_card("bad_key_rule", "header:X-Subject", "X-Subject", (24, 45), ".kafka.key"),
    _in_card("bad_key_rule", "header:X-Subject", "Header:X-Subject", (24, 45), ".kafka.key", "header:X-Subject"),
    _in_card("bad_key_rule", "header:X-Subject", "header:X-Api-Key", (24, 45), ".kafka.key"),
    Mistake("literal_secret", "env:APP_KEY", "made-up-secret", 6, 27, "channels.app.keys[0]", "env:APP_KEY"),
    Mistake("bad_secret_reference", "env:APP_KEY", "env:MADE-UP", 6, 27, "channels.app.keys[0]", "env:APP_KEY"),
    Mistake("bad_grant", '["edu.*"]', '["edu/*"]', 7, 47, "channels.media.services[0]", "edu.*"),
    Mistake("bad_include", "", GOOD + 'include: [""]\n', 29, 11, "include[0]"),
    Mistake("bad_include", "", GOOD + "include: ['d\\*.yaml']\n", 29, 11, "include[0]", "d/*.yaml"),
)  # fmt: skip

RELATIONS: Final = (
    Mistake("duplicate_definition", "  hrss.card:", "  edu.payment:", 21, 3, PAYMENT, None, "edu.payment"),
    Mistake("duplicate_definition", "  hrss: {name", "  edu: {name: x}\n  hrss: {name", 4, 3, "departments.edu"),
    _in_payment("unknown_department", "department: edu", "department: edo", (11, 17), ".department", "edu"),
    _in_payment("unknown_department", "department: edu", "department: 教育局", (11, 17), ".department"),
    Mistake("grant_without_service", '["edu.*"]', '["edv.*"]', 7, 47, "channels.media.services[0]", "edu.*"),
    Mistake("grant_without_service", '["edu.*"]', "[edu.paymnt]", 7, 47, "channels.media.services[0]", "edu.payment"),
    _in_card("transport_missing", "    kafka: {topic: card, mode: accept, key: header:X-Subject}\n", "", (21, 3), ""),
    _in_card("transport_twice", "    kafka: {topic: card", "    http: {endpoints: [http://h:1]}\n    kafka: {topic: card", (25, 5), ".kafka"),
    _in_payment("weights_all_zero", "[http://127.0.0.1:9101, {url: https://h.example:9102, weight: 2}]", "[{url: http://h:1, weight: 0}]", (18, 7), ".http.endpoints"),
    Mistake("reply_topic_missing", "reply_topic: pension.replies, ", "", 28, 5, f"{PENSION}.kafka.reply_topic", None, "hrss.pension"),
    _in_card("reply_topic_refused", "mode: accept", "mode: accept, reply_topic: r", (24, 40), ".kafka.reply_topic"),
    Mistake("reply_topic_same", "pension.replies", "pension", 28, 42, f"{PENSION}.kafka.reply_topic", None, "hrss.pension"),
    Mistake("secret_shared", "file:/run/media", "env:APP_KEY", 7, 18, "channels.media.keys[0]"),
    Mistake("include_outside", "", GOOD + "include: [../a.yaml]\n", 29, 11, "include[0]"),
    Mistake("include_outside", "", GOOD + "include: [/etc/a.yaml]\n", 29, 11, "include[0]"),
    Mistake("include_missing", "", GOOD + "include: [a.yaml]\n", 29, 11, "include[0]"),
    Mistake("include_folder_missing", "", GOOD + 'include: ["none/*.yaml"]\n', 29, 11, "include[0]"),
    Mistake("include_folder_missing", "", GOOD + 'include: ["foldr/*.yaml"]\n', 29, 11, "include[0]", "folder/*.yaml"),
    Mistake("include_unreadable", "", GOOD + "include: [folder]\n", 29, 11, "include[0]"),
    Mistake("include_itself", "", GOOD + "include: [routes.yaml]\n", 29, 11, "include[0]"),
)  # fmt: skip

P: Final = 72
"""Where the part behind the topic for replies begins."""


def _card_schema(code: str, name: str, suggestion: str | None = None) -> Mistake:
    new = f"    schema: {{request: {name}}}\n    kafka: {{topic: card"
    place, path = (24, 23), ".schema.request"
    return _in_card(code, "    kafka: {topic: card", new, place, path, suggestion)


def _card_schema_file(code: str, name: str, line: int, column: int) -> Mistake:
    mistake = _card_schema(code, f"folder/{name}")
    return mistake._replace(line=line, column=column, file=f"folder/{name}")


KAFKA: Final = (
    _in_card("unknown_value", "mode: accept", "mode: evnt", (24, 32), ".kafka.mode", "event"),
    _in_card("reply_topic_refused", "mode: accept", "mode: event, reply_topic: r", (24, 39), ".kafka.reply_topic"),
    _in_card("max_waits_refused", "mode: accept", "mode: accept, max_waits: 5", (24, 40), ".kafka.max_waits"),
    _in_pension("out_of_range", "max_waits: 0", (28, P + 11), ".kafka.max_waits"),
    _in_pension("unknown_value", "profile: sprig", (28, P + 9), ".kafka.profile", "spring"),
    _in_pension("unknown_value", "durability: jurnal", (28, P + 12), ".kafka.durability", "journal"),
    _in_pension("bad_duration", "spill_after: 500 ms", (28, P + 13), ".kafka.spill_after", "500ms"),
    _in_pension("spill_after_too_long", "spill_after: 30s", (28, P + 13), ".kafka.spill_after"),
    _in_card("spill_after_too_long", "    kafka: {topic: card", "    timeout: 1s\n    kafka: {spill_after: 2s, topic: card", (25, 26), ".kafka.spill_after"),
    Mistake("bad_reply_topic", "reply_topic: pension.replies", 'reply_topic: "a.${instance}"', 28, 55, f"{PENSION}.kafka.reply_topic", "a.{instance}", "hrss.pension"),
    Mistake("bad_reply_topic", "reply_topic: pension.replies", 'reply_topic: "a.{host}"', 28, 55, f"{PENSION}.kafka.reply_topic", None, "hrss.pension"),
    Mistake("bad_reply_topic", "reply_topic: pension.replies", 'reply_topic: "{instance}.{instance}"', 28, 55, f"{PENSION}.kafka.reply_topic", None, "hrss.pension"),
    _in_pension("status_topic_same", "status_topic: pension", (28, P), ".kafka.status_topic"),
    _in_pension("bad_topic", "status_topic: a/b", (28, P + 14), ".kafka.status_topic", "a.b"),
    _in_card("status_topic_refused", "mode: accept", "mode: event, status_topic: s", (24, 39), ".kafka.status_topic"),
    _in_pension("state_map_without_topic", "state_map: {ok: closed}", (28, P), ".kafka.state_map"),
    _in_pension("unknown_value", "status_topic: s, state_map: {ok: acepted}", (28, P + 33), ".kafka.state_map.ok", "accepted"),
    _in_pension("unknown_value", "status_topic: s, state_map: {ok: published}", (28, P + 33), ".kafka.state_map.ok"),
    _in_pension("quotes_needed", "status_topic: s, state_map: {no: closed}", (28, P + 29), ".kafka.state_map.no", '"no"'),
    _in_pension("quotes_needed", "status_topic: s, state_map: {03: closed}", (28, P + 29), '.kafka.state_map["03"]', '"03"'),
    _in_pension("duplicate_key", 'status_topic: s, state_map: {3: closed, "3": closed}', (28, P + 40), '.kafka.state_map["3"]'),
    _in_pension("bad_text", "status_topic: s, state_map: {' ': closed}", (28, P + 29), '.kafka.state_map[" "]'),
    _in_pension("empty_value", "status_topic: s, state_map: {}", (28, P + 28), ".kafka.state_map"),
    _in_pension("wrong_type", "status_topic: s, state_map: [closed]", (28, P + 28), ".kafka.state_map"),
    _in_card("unknown_value", "    kafka: {topic: card", "    idempotency: requierd\n    kafka: {topic: card", (24, 18), ".idempotency", "required"),
    _in_card("unknown_value", "    kafka: {topic: card", "    repeat: joins\n    kafka: {topic: card", (24, 13), ".repeat", "join"),
    _in_payment("join_over_http", "timeout: 3s", "idempotency: optional\n    repeat: join", (14, 5), ".repeat", "repeat: conflict"),
    _in_payment("join_over_http", "timeout: 3s", "repeat: join", (13, 5), ".repeat", "repeat: conflict"),
    _in_payment("repeat_without_idempotency", "timeout: 3s", "repeat: conflict", (13, 5), ".repeat"),
    _in_card("repeat_without_idempotency", "    kafka: {topic: card", '    idempotency: "off"\n    repeat: join\n    kafka: {topic: card', (25, 5), ".repeat"),
)  # fmt: skip

SCHEMAS: Final = (
    _in_payment("schema_over_http", "timeout: 3s", "schema: {request: folder/good.json}", (13, 5), ".schema"),
    _in_card("reply_schema_refused", "    kafka: {topic: card", "    schema: {reply: folder/good.json}\n    kafka: {topic: card", (24, 14), ".schema.reply"),
    _in_card("empty_value", "    kafka: {topic: card", "    schema: {}\n    kafka: {topic: card", (24, 5), ".schema"),
    _in_card("unknown_key", "    kafka: {topic: card", "    schema: {request: folder/good.json, replay: folder/good.json}\n    kafka: {topic: card", (24, 41), ".schema.replay", "reply"),
    _card_schema("bad_include", '"folder\\\\good.json"', "folder/good.json"),
    _card_schema("schema_outside", "../good.json"),
    _card_schema("schema_outside", "/etc/good.json"),
    _card_schema("schema_outside", "folder/../../good.json"),
    _card_schema("schema_missing", "folder/god.json", "folder/good.json"),
    _card_schema("schema_missing", "none/good.json"),
    _card_schema("schema_unreadable", "folder"),
    _card_schema("schema_too_large", "folder/large.json"),
    _card_schema_file("schema_not_json", "comma.json", 3, 1),
    _card_schema_file("schema_invalid", "type.json", 3, 13),
    _card_schema_file("schema_draft", "draft.json", 1, 13),
    _card_schema_file("schema_reference", "away.json", 2, 32),
)  # fmt: skip

CALLBACKS: Final = (
    _in_channel("missing_key", "rate: 20/s", "rate: 20/s, callback: {url: https://a.example/x}", (6, 70), "callback.secret"),
    _in_channel("literal_secret", "rate: 20/s", "rate: 20/s, callback: {url: https://a.example/x, secret: made-up}", (6, 115), "callback.secret", "env:APP_CALLBACK_SECRET"),
    _in_channel("bad_callback_url", "rate: 20/s", "rate: 20/s, callback: {url: a.example/x, secret: SECRET}", (6, 86), "callback.url", "https://a.example/x"),
    _in_channel("bad_callback_url", "rate: 20/s", "rate: 20/s, callback: {url: https://a.example:0/x, secret: SECRET}", (6, 86), "callback.url"),
    _in_channel("callback_credentials", "rate: 20/s", "rate: 20/s, callback: {url: https://u:made-up@a.example/x, secret: SECRET}", (6, 86), "callback.url"),
    _in_channel("callback_credentials", "rate: 20/s", "rate: 20/s, callback: {url: https://a.example/x?token=made-up, secret: SECRET}", (6, 86), "callback.url"),
    _in_channel("callback_not_https", "rate: 20/s", "rate: 20/s, callback: {url: http://a.example/x, secret: SECRET}", (6, 81), "callback.url"),
    _in_channel("callback_internal", "rate: 20/s", "rate: 20/s, callback: {url: https://10.1.2.3/x, secret: SECRET}", (6, 81), "callback.url"),
    _in_channel("callback_internal", "rate: 20/s", "rate: 20/s, callback: {url: http://localhost:8080, secret: SECRET, internal: false}", (6, 81), "callback.url"),
    _in_channel("unknown_channel", "rate: 20/s", "rate: 20/s, case_readers: [medai]", (6, 85), "case_readers[0]", "media"),
    _in_channel("unknown_channel", "rate: 20/s", "rate: 20/s, case_readers: [nobody]", (6, 85), "case_readers[0]"),
    _in_channel("case_reader_itself", "rate: 20/s", "rate: 20/s, case_readers: [media, app]", (6, 92), "case_readers[1]"),
    _in_channel("duplicate_item", "rate: 20/s", "rate: 20/s, case_readers: [media, media]", (6, 92), "case_readers[1]"),
)  # fmt: skip

MISTAKES: Final = (
    *BYTES_AND_YAML,
    *KEYS_AND_TYPES,
    *VALUES,
    *RELATIONS,
    *KAFKA,
    *SCHEMAS,
    *CALLBACKS,
)

ELSEWHERE: Final = {
    "unreadable": "tests/routing/test_sources.py",
    "file_too_large": "tests/routing/test_sources.py",
    "not_utf8": "tests/routing/test_yaml_faults.py",
    "too_many_values": "tests/routing/test_yaml_nodes.py",
    "include_nested": "tests/routing/test_loader.py",
    "secret_absent": "tests/routing/test_secrets.py",
    "secret_unusable": "tests/routing/test_secrets.py",
    "callback_secret_unusable": "tests/routing/test_secrets.py",
    "secret_not_unique": "tests/routing/test_secrets.py",
    "too_many_problems": "tests/routing/test_reading.py",
}
"""Codes that need more than one text, and the test that makes each happen."""
