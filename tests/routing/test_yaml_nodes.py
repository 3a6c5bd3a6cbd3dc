"""YAML without opinions: raw texts with places; what the format has no use for is refused."""

from __future__ import annotations

import pytest

from gateway.errors import Text
from gateway.routing.yaml_nodes import (
    Allowance,
    Broken,
    Document,
    Entry,
    Mapping,
    Scalar,
    Sequence,
    read_document,
)

PLAIN = "plain"
QUOTED = "quoted"


def read(text: str | bytes, values: int = 1000) -> Document:
    data = text if isinstance(text, bytes) else text.encode()
    return read_document(data, Allowance(values))


def scalar(text: str, style: str, *place: int) -> Scalar:
    return Scalar(text, style == PLAIN, *place)


def test_nodes_carry_raw_text_quoting_and_places() -> None:
    document = read("a: 'x'\nb: [é中, {c: no}]\n")

    assert document == Document(
        Mapping(
            [
                Entry(scalar("a", PLAIN, 1, 1, 1, 2), scalar("x", QUOTED, 1, 4, 1, 7)),
                Entry(
                    scalar("b", PLAIN, 2, 1, 2, 2),
                    Sequence(
                        [
                            scalar("é中", PLAIN, 2, 5, 2, 7),
                            Mapping(
                                [
                                    Entry(
                                        scalar("c", PLAIN, 2, 10, 2, 11),
                                        scalar("no", PLAIN, 2, 13, 2, 15),
                                    )
                                ],
                                2, 9, 2, 16,
                            ),
                        ],
                        2, 4, 2, 17,
                    ),
                ),
            ],
            1, 1, 3, 1,
        ),
        [],
        "a: 'x'\nb: [é中, {c: no}]\n",
        complete=True,
    )  # fmt: skip


@pytest.mark.parametrize("text", ["1:30", "no", "010", "0x10", "1_000", "~", "2026-01-01"])
def test_no_type_is_decided(text: str) -> None:
    assert read(text).root == scalar(text, PLAIN, 1, 1, 1, len(text) + 1)


def test_duplicate_keys_stay_visible() -> None:
    root = read("a: 1\na: 2\n").root

    assert isinstance(root, Mapping)
    assert [entry.key.text for entry in root.entries] == ["a", "a"]


def test_the_place_counts_without_a_byte_order_mark() -> None:
    root = read(b"\xef\xbb\xbfa: 1\n").root

    assert isinstance(root, Mapping)
    assert root.entries[0].key.column == 1


def test_an_alias_of_a_refused_anchor_is_not_told_again() -> None:
    document = read("a: &x 1\nb: *x\nc: *y\n")

    assert [(fault.code, fault.line) for fault in document.faults] == [("alias", 1), ("alias", 3)]


def test_a_merge_key_is_told_once_and_its_mapping_is_not_whole() -> None:
    document = read("a: {<<: *base, b: 1}\n")

    assert [fault.code for fault in document.faults] == ["merge_key"]
    assert isinstance(document.root, Mapping)
    inner = document.root.entries[0].value
    assert isinstance(inner, Mapping)
    assert not inner.whole
    assert [entry.key.text for entry in inner.entries] == ["b"]


def test_a_tagged_value_cannot_be_used() -> None:
    document = read("a: !!int 5\n")

    assert [fault.found for fault in document.faults] == ["!!int"]
    assert isinstance(document.root, Mapping)
    assert document.root.entries[0].value == Broken(1, 4, 1, 11)


def test_a_syntax_error_keeps_the_complete_definitions_and_the_name_of_the_broken_one() -> None:
    document = read("s:\n  one: {a: 1}\n  two: {a: {b: [\n")

    assert not document.complete
    assert isinstance(document.root, Mapping)
    section = document.root.entries[0].value
    assert isinstance(section, Mapping)
    assert not section.whole
    one, two = section.entries
    assert isinstance(one.value, Mapping)
    assert isinstance(two.value, Broken)


def test_nothing_behind_the_document_is_given_to_the_parser() -> None:
    document = read("a: 1\n...\n# fine\n\n{{{{ @\n")

    assert [(fault.code, fault.line) for fault in document.faults] == [("multiple_documents", 5)]
    assert read("a: 1\n...\n# fine\n").faults == []


def test_all_files_share_one_allowance_of_values() -> None:
    allowance = Allowance(10)
    first = read_document(b"[a, b, c]", allowance)
    second = read_document(b"[a, b, c, d, e, f]", allowance)

    assert first.complete
    assert [fault.code for fault in second.faults] == ["too_many_values"]
    assert [fault.allowed for fault in second.faults] == [Text("10 values", "10 个")]


@pytest.mark.parametrize("depth", [15, 16, 17])
def test_the_depth_is_limited(depth: int) -> None:
    document = read("[" * depth + "]" * depth)

    assert document.complete == (depth <= 16)
    assert [fault.code for fault in document.faults] == ["too_deep"] * (depth > 16)


def test_a_value_that_is_missing_at_the_end_stands_at_the_end() -> None:
    root = read("? a").root

    assert isinstance(root, Mapping)
    assert root.entries[0].value == scalar("", PLAIN, 1, 4, 1, 4)


def test_a_tagged_key_or_list_is_told_and_read_on() -> None:
    document = read("!x a: !y [b]\n")

    assert [fault.found for fault in document.faults] == ["!x", "!y"]
    assert isinstance(document.root, Mapping)
    assert isinstance(document.root.entries[0].value, Sequence)
