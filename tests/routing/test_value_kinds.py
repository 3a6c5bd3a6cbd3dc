"""The kinds of single values: what each suggests when a value is nearly right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.routing import value_kinds
from gateway.routing.notations import Refused

if TYPE_CHECKING:
    from gateway.routing.kinds import Notation


@pytest.mark.parametrize(
    ("kind", "text", "meant"),
    [
        (value_kinds.ID, "edu payment", "edu-payment"),
        (value_kinds.ID, "ｅｄｕ", "edu"),
        (value_kinds.ID, "教育", None),
        (value_kinds.TOPIC, "a/b", "a.b"),
        (value_kinds.KEY_RULE, "header: X-Subject", "header:X-Subject"),
        (value_kinds.KEY_RULE, "Query=a", "query:a"),
        (value_kinds.DURATION, "“3s”", "3s"),
        (value_kinds.RATE, "５０/s", "50/s"),
        (value_kinds.SIZE, "1gb", "1GiB"),
        (value_kinds.SHARE, "２０％", "20%"),
        (value_kinds.AREA, "３２０２０５", "320205"),
        (value_kinds.PATH, "api", "/api"),
        (value_kinds.URL, "http://h/", "http://h:80"),
        (value_kinds.REPLY_TOPIC, "a.${instance}", "a.{instance}"),
        (value_kinds.REPLY_TOPIC, "a/<INSTANCE>", "a.{instance}"),
        (value_kinds.REPLY_TOPIC, "{instance}", None),
        (value_kinds.CALLBACK_URL, "app.example/x", "https://app.example/x"),
        (value_kinds.CALLBACK_URL, "HTTPS://app.example", "https://app.example"),
        (value_kinds.CALLBACK_URL, "https://app.example/x#y", None),
        (value_kinds.STATE_WORD, " ok ", "ok"),
        (value_kinds.SCHEMA_FILE, "a\\b.json", "a/b.json"),
        (value_kinds.TEXT, "a\nb", "a b"),
        (value_kinds.TEXT, " ", None),
    ],
)
def test_a_value_that_is_nearly_right_is_put_right(
    kind: Notation, text: str, meant: str | None
) -> None:
    refused = kind.parse(text)

    assert isinstance(refused, Refused)
    assert refused.suggestion == meant


@pytest.mark.parametrize("name", value_kinds.__all__)
def test_what_a_kind_suggests_it_takes(name: str) -> None:
    kind: Notation = getattr(value_kinds, name)
    for text in (
        "３ｓ",
        "50",
        "1gb",
        "０.２",
        "a b",
        "h:1",
        "api/",
        "header X",
        "３２０２０５",
        " x ",
    ):
        refused = kind.parse(text)
        if isinstance(refused, Refused) and refused.suggestion is not None:
            assert not isinstance(kind.parse(refused.suggestion), Refused)
