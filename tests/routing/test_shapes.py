"""Mappings: one mistake gives one problem, and rules across keys wait for good keys."""

from __future__ import annotations

from gateway.routing.kinds import WholeNumber
from gateway.routing.reading import INVALID, Place, Reading, Section
from gateway.routing.shapes import Definitions, Key, Shape, WeightedEndpoint
from gateway.routing.value_kinds import ID, URL
from gateway.routing.yaml_nodes import Allowance, read_document

NUMBER = WholeNumber(0, 9)


def sum_is_small(present: object, values: dict[str, int], place: Place) -> bool:
    del present
    if values.get("first", 0) + values.get("second", 0) < 10:
        return True
    place.problem("out_of_range", found="sum", allowed="a small sum")
    return False


PAIR = Shape(
    {"first": Key(NUMBER, "…", required=True), "second": Key(NUMBER, "…")}, rules=(sum_is_small,)
)


def read(shape: Shape | WeightedEndpoint, text: str) -> tuple[object, list[str]]:
    node = read_document(text.encode(), Allowance()).root
    assert node is not None
    reading = Reading()
    return shape.read(node, Place(reading, "f")), [problem.code for problem in reading.problems]


def test_good_keys_are_handed_on() -> None:
    assert read(PAIR, "{second: 2, first: 1}") == ({"first": 1, "second": 2}, [])
    assert read(PAIR, "{first: 1}") == ({"first": 1}, [])


def test_a_misspelt_key_is_not_missing_as_well() -> None:
    assert read(PAIR, "{frist: 1}") == (INVALID, ["unknown_key"])


def test_the_value_of_a_misspelt_key_is_read_as_the_one_that_was_meant() -> None:
    assert read(PAIR, "{frist: 10}") == (INVALID, ["unknown_key", "out_of_range"])


def test_a_key_that_resembles_one_that_is_there_was_not_meant_as_it() -> None:
    assert read(PAIR, "{first: 1, frist: 10}") == (INVALID, ["unknown_key"])


def test_a_key_that_resembles_nothing_does_not_hide_a_missing_one() -> None:
    assert read(PAIR, "{colour: 1}") == (INVALID, ["unknown_key", "missing_key"])


def test_every_doubled_key_names_the_first() -> None:
    assert read(PAIR, "{first: 1, first: 2, first: 3}") == (INVALID, ["duplicate_key"] * 2)


def test_a_rule_looks_across_keys() -> None:
    assert read(PAIR, "{first: 5, second: 5}") == (INVALID, ["out_of_range"])


def test_a_mapping_that_is_not_whole_lacks_nothing() -> None:
    assert read(PAIR, "{<<: {}}")[1] == []


def test_an_endpoint_is_a_url_or_a_mapping_with_one() -> None:
    shape = Shape({"url": Key(URL, "…", required=True), "weight": Key(NUMBER, "…")})
    endpoint = WeightedEndpoint(URL, shape)

    plain, _ = read(endpoint, "http://h:1")
    weighted, _ = read(endpoint, "{url: http://h:1, weight: 3}")
    assert (getattr(plain, "weight", None), getattr(weighted, "weight", None)) == (1, 3)
    assert read(endpoint, "{weight: 3}") == (INVALID, ["missing_key"])


def test_definitions_are_collected_good_and_broken() -> None:
    reading = Reading()
    node = read_document(b"{a: {first: 1}, b: {}, 'c d': {first: 1}}", Allowance()).root
    assert node is not None
    section = Definitions(Section.SERVICES, ID, PAIR, lambda **values: values)

    section.read(node, Place(reading, "f", ("services",)))

    defined = reading.definitions[Section.SERVICES]
    assert {name: definition.value for name, definition in defined.items()} == {
        "a": {"id": "a", "first": 1},
        "b": INVALID,
        "c d": INVALID,
    }
    assert reading.refused == {"b", "c d"}
    assert reading.unreadable_ids
