"""What a terminal shows of a record: forms and sizes. The people here are made up."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.masked import masked_header, masked_headers, masked_key, masked_value


def test_of_json_the_structure_is_shown_and_nothing_that_stands_in_it() -> None:
    value = {"name": "某人", "age": 30, "ok": True, "none": None, "at": {"list": [1.5, "x"]}}
    assert masked_value(json.dumps(value).encode()) == {
        "name": "<string of 2>",
        "age": "<number of 2>",
        "ok": "<boolean>",
        "none": None,
        "at": {"list": ["<number of 3>", "<string of 1>"]},
    }


@pytest.mark.parametrize("name", ["110101199001010000", "a@b.example", "id-1234", "two words", ""])
def test_a_name_that_looks_like_data_is_not_shown(name: str) -> None:
    assert masked_value(json.dumps({name: 1}).encode()) == {
        f"<name 1, of {len(name)}>": "<number of 1>"
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (b"", "<0 bytes>, not JSON"),
        (b"made-up", "<7 bytes>, not JSON"),
        (b"1", "<number of 1>"),
        (b"[1,2,3,4,5]", [*["<number of 1>"] * 3, "… 2 more"]),
    ],
)
def test_other_values_are_shown_by_their_size(value: bytes | None, shown: Any) -> None:
    assert masked_value(value) == shown


def test_a_deep_or_wide_document_is_cut() -> None:
    assert "<array of 1>" in str(masked_value(b"[" * 500 + b"]" * 500))
    wide = masked_value(json.dumps({f"{chr(97 + i % 26)}{i}": i for i in range(999)}).encode())
    assert wide["…"] == "899 more"


def test_headers_are_shown_when_they_are_known_to_tell_nothing() -> None:
    headers = (("ce_id", b"id"), ("ce_httppath", b"/made-up"), ("Content-Type", b"a/b"))
    assert masked_headers(headers) == {
        "ce_id": "id",
        "ce_httppath": "<8 bytes>",
        "Content-Type": "a/b",
    }
    assert masked_header("kafka_correlationId", b"\0\1") == "0001"


def test_a_key_is_shown_by_its_size() -> None:
    assert masked_key(b"made-up") == "<7 bytes>"
    assert masked_key(None) is None


@given(
    st.recursive(
        st.just("SECRET") | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["a", "9999"]), inner),
    )
)
def test_no_string_and_no_number_of_any_document_is_shown(document: Any) -> None:
    text = str(masked_value(json.dumps(document).encode()))
    assert "SECRET" not in text
    assert "9999" not in text
