"""How single values are written, and what was meant when they are written otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.routing import notations
from gateway.routing.model import UNLIMITED, Endpoint, KeyRule, KeySource, Rate
from gateway.routing.notations import Refused, is_internal

if TYPE_CHECKING:
    import re


def match(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    found = pattern.fullmatch(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1ms", 0.001), ("0.5s", 0.5), ("3s", 3.0), ("1.5m", 90.0), ("2h", 7200.0), ("1d", 86400.0)],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert notations.duration(match(notations.DURATION, text)) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["0s", "0.0m", "0.1ms", "31d", "999999999d"])
def test_a_duration_is_above_zero_and_not_endless(text: str) -> None:
    value = notations.duration(match(notations.DURATION, text))

    assert isinstance(value, Refused)
    assert value.code == "out_of_range"


@pytest.mark.parametrize(
    "text",
    [
        "3",
        "3 s",
        "3S",
        "3sec",
        "s",
        "-3s",
        "+3s",
        "03s",
        "1e3s",
        "３s",
        ".5s",
        "3.s",
        "1m30s",
        "9" * 10 + "s",
    ],
)
def test_nothing_else_is_a_duration(text: str) -> None:
    assert notations.DURATION.fullmatch(text) is None


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("3", "3s"), ("3 s", "3s"), ("3S", "3s"), ("3 seconds", "3s"), ("500msec", "500ms"),
        ("5min", "5m"), ("2小时", "2h"), ("1:30", "90s"), ("1m30s", "90s"), ("1h 30m", "5400s"),
        ("007s", "7s"), ("soon", None), ("-3s", None), ("", None), ("3 fortnights", None),
        ("3s or so", None),
    ],
)  # fmt: skip
def test_what_was_meant_by_a_duration(text: str, meant: str | None) -> None:
    assert notations.repair_duration(text) == meant


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("2000/s", Rate(2000, 1.0)),
        ("50/m", Rate(50, 60.0)),
        ("5/h", Rate(5, 3600.0)),
        ("1/d", Rate(1, 86400.0)),
        ("unlimited", Rate(UNLIMITED, 1.0)),
    ],
)
def test_a_rate_is_a_number_for_a_time(text: str, rate: Rate) -> None:
    assert notations.rate(match(notations.RATE, text)) == rate


@pytest.mark.parametrize("text", ["0/s", "-1/s", "5/ms", "5 /s", "5", "1.5/s", "05/s", "Unlimited"])
def test_nothing_else_is_a_rate(text: str) -> None:
    assert notations.RATE.fullmatch(text) is None


@pytest.mark.parametrize(
    ("text", "meant"),
    [("50", "50/s"), ("50 / s", "50/s"), ("50/sec", "50/s"), ("50/min", "50/m"), ("50rps", "50/s"),
     ("50/ms", None), ("fast", None)],
)  # fmt: skip
def test_what_was_meant_by_a_rate(text: str, meant: str | None) -> None:
    assert notations.repair_rate(text) == meant


@pytest.mark.parametrize(
    ("text", "size"), [("1KiB", 1024), ("32MiB", 32 << 20), ("1GiB", 1 << 30), ("1024GiB", 1 << 40)]
)
def test_a_size_is_a_number_and_a_binary_unit(text: str, size: int) -> None:
    assert notations.size(match(notations.SIZE, text)) == size


def test_a_size_is_limited() -> None:
    assert isinstance(notations.size(match(notations.SIZE, "1025GiB")), Refused)


@pytest.mark.parametrize(
    ("text", "meant"),
    [("32MB", "32MiB"), ("32 MiB", "32MiB"), ("32m", "32MiB"), ("1000", "1KiB"), ("0", None),
     ("much", None)],
)  # fmt: skip
def test_what_was_meant_by_a_size(text: str, meant: str | None) -> None:
    assert notations.repair_size(text) == meant


@pytest.mark.parametrize(("text", "share"), [("20%", 0.2), ("0.5%", 0.005), ("100%", 1.0)])
def test_a_share_is_a_percentage(text: str, share: float) -> None:
    assert notations.share(match(notations.SHARE, text)) == pytest.approx(share)


@pytest.mark.parametrize("text", ["0%", "101%", "100.1%"])
def test_a_share_is_above_zero_and_at_most_all(text: str) -> None:
    assert isinstance(notations.share(match(notations.SHARE, text)), Refused)


@pytest.mark.parametrize(
    ("text", "meant"), [("0.2", "20%"), ("20", "20%"), ("20 %", "20%"), ("half", None)]
)
def test_what_was_meant_by_a_share(text: str, meant: str | None) -> None:
    assert notations.repair_share(text) == meant


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("http://127.0.0.1:9101", Endpoint("http", "127.0.0.1", 9101)),
        ("https://Pay.Example.gov.cn:443", Endpoint("https", "pay.example.gov.cn", 443)),
        ("http://demo_department:80", Endpoint("http", "demo_department", 80)),
        ("http://[::1]:8080", Endpoint("http", "::1", 8080)),
    ],
)
def test_an_endpoint_is_scheme_host_and_port(text: str, endpoint: Endpoint) -> None:
    assert notations.endpoint(match(notations.URL, text)) == endpoint


@pytest.mark.parametrize(
    "text",
    ["http://h:65536", "http://1.2.3:80", "http://1.2.3.256:80", "http://[::g]:1", "http://[1:2]:1",
     "http://-h:1", "http://h-:1", "http://a..b:1", "http://.:1"],
)  # fmt: skip
def test_a_host_or_port_that_cannot_be_is_no_endpoint(text: str) -> None:
    found = notations.URL.fullmatch(text)

    assert found is None or notations.endpoint(found) == Refused("bad_endpoint")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("127.0.0.1:9101", "http://127.0.0.1:9101"),
        ("http://h", "http://h:80"),
        ("https://h", "https://h:443"),
        ("HTTP://h:1/", "http://h:1"),
        ("http://h:1/a?b#c", "http://h:1"),
        ("http:/h:1", "http://h:1"),
        ("http://[::1]", "http://[::1]:80"),
        ("http://u:p@h:1", None),
        ("ftp://h:1", None),
        ("http://h:x", None),
        ("http://", None),
    ],
)
def test_what_was_meant_by_an_endpoint(text: str, meant: str | None) -> None:
    assert notations.repair_endpoint(text) == meant


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://u:p@h:1", "http://***@h:1"),
        ("u:p@h:1", "***@h:1"),
        ("http://a@b@h:1", "http://***@h:1"),
        ("http://h:1?a=b#c", "http://h:1?***"),
        ("http://h:1#c", "http://h:1#***"),
        ("http://h:1", "http://h:1"),
    ],
)
def test_credentials_in_a_url_are_not_shown(text: str, shown: str) -> None:
    assert notations.hide_credentials(text) == shown


@pytest.mark.parametrize("text", ["/a", "/api/v2", "/a.b/~c", "/%E7%BC%B4", "/a:b@c"])
def test_a_path_begins_with_a_slash(text: str) -> None:
    assert notations.PATH.fullmatch(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "/",
        "/a/",
        "//a",
        "/a//b",
        "/.",
        "/a/../b",
        "/a?b",
        "/a#b",
        "/a b",
        "/%",
        "/%2f",
        "/%2E%2e",
        "/%00",
        "/缴",
        "\\a",
    ],
)
def test_a_path_that_the_entry_would_refuse_is_none(text: str) -> None:
    assert notations.PATH.fullmatch(text) is None


@pytest.mark.parametrize(("text", "meant"), [("api/", "/api"), ("//a\\b/", "/a/b"), ("/", None)])
def test_what_was_meant_by_a_path(text: str, meant: str | None) -> None:
    assert notations.repair_path(text) == meant


@pytest.mark.parametrize("text", ["a", "a.b-c_d", "A" * 64, "..."])
def test_an_id_is_short_and_plain(text: str) -> None:
    assert notations.ID.fullmatch(text)


@pytest.mark.parametrize("text", ["", ".", "..", "a b", "a/b", "教育", "a" * 65, "a*", "a\n"])
def test_nothing_else_is_an_id(text: str) -> None:
    assert notations.ID.fullmatch(text) is None


@pytest.mark.parametrize(
    ("text", "good"),
    [("a" * 249, True), ("a" * 250, False), ("..", False), ("a/b", False), ("A_b-c.d", True)],
)
def test_a_topic_follows_the_rule_of_kafka(text: str, good: bool) -> None:  # noqa: FBT001  # a table's column
    assert bool(notations.TOPIC.fullmatch(text)) == good


def test_a_key_comes_from_a_header_or_the_query() -> None:
    assert notations.key_rule(match(notations.KEY_RULE, "header:X-Subject")) == KeyRule(
        KeySource.HEADER, "X-Subject"
    )
    assert notations.key_rule(match(notations.KEY_RULE, "query:subject")) == KeyRule(
        KeySource.QUERY, "subject"
    )


@pytest.mark.parametrize("name", ["X-Api-Key", "authorization", "COOKIE", "Proxy-Authorization"])
def test_credentials_never_become_a_key(name: str) -> None:
    rule = notations.key_rule(match(notations.KEY_RULE, f"header:{name}"))

    assert rule == Refused("bad_key_rule")


@pytest.mark.parametrize("text", ["env:A", "env:_a9", "file:/run/secrets/a", "file:keys/a b"])
def test_a_reference_names_a_variable_or_a_file(text: str) -> None:
    assert str(notations.secret(match(notations.SECRET, text))) == text


@pytest.mark.parametrize("text", ["env:", "env:9A", "env:A-B", "env: A", "file:", "file: /a", "A"])
def test_nothing_else_is_a_reference(text: str) -> None:
    assert notations.SECRET.fullmatch(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "Yes",
        "on",
        "y",
        "~",
        "null",
        "1",
        "-1",
        "1.5",
        "1e3",
        "0x1f",
        "0o7",
        "010",
        "1_000",
        "1:30",
        ".5",
        ".inf",
        ".NaN",
        "2026-01-01",
        "2026-1-1T10:00:00Z",
        "<<",
    ],
)
def test_some_texts_are_not_text_to_every_reader_of_yaml(text: str) -> None:
    assert notations.NOT_TEXT.fullmatch(text)


@pytest.mark.parametrize(
    "text", ["not", "1.2.3", "0510-88880000", "edu.payment", "1a", "-", "v1", "缴费", "12:ab"]
)
def test_other_texts_are(text: str) -> None:
    assert notations.NOT_TEXT.fullmatch(text) is None


def test_full_width_and_curly_signs_become_plain() -> None:
    assert notations.half_width("“３ｓ”") == "3s"


@pytest.mark.parametrize(
    ("host", "internal"),
    [
        ("localhost", True),
        ("a.localhost", True),
        ("printer.local", True),
        ("LOCALHOST.", True),
        ("10.0.0.1", True),
        ("169.254.169.254", True),
        ("::1", True),
        ("fd00::1", True),
        (None, False),
        ("8.8.8.8", False),
        ("app.example", False),
        ("localhost.example", False),
    ],
)
def test_an_internal_host_is_known_by_its_name(host: str | None, internal: bool) -> None:  # noqa: FBT001  # a table's column
    assert is_internal(host) is internal
