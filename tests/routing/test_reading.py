"""What one load collects: problems up to a number, each definition once, what is mentioned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.routing.reading import INVALID, MAX_PROBLEMS, Definition, Place, Reading, Section
from gateway.routing.yaml_nodes import Scalar
from tests.routing.files import GOOD, load

if TYPE_CHECKING:
    from pathlib import Path

KEY = Scalar("a", plain=True, line=3, column=5, end_line=3, end_column=6)


def test_a_place_knows_its_path_and_the_key_that_leads_to_it() -> None:
    place = Place(Reading(), "f").below(KEY).item(2, KEY)

    assert place.path == ("a", 2)
    assert place.at == (3, 5)


def test_a_problem_without_a_node_stands_at_the_key() -> None:
    reading = Reading()
    Place(reading, "f").below(KEY).problem("missing_key", allowed="name")

    assert (reading.problems[0].line, reading.problems[0].column) == (3, 5)


def test_only_a_problem_of_a_service_is_confined() -> None:
    reading = Reading()
    Place(reading, "f", service="x").problem("missing_key", allowed="name")
    assert reading.confined
    assert reading.refused == {"x"}

    Place(reading, "f").problem("missing_key", allowed="name")
    assert not reading.confined


def test_a_second_definition_spoils_the_first() -> None:
    reading = Reading()
    for line in (1, 2):
        key = Scalar("x", plain=True, line=line, column=1, end_line=line, end_column=2)
        reading.define(Section.SERVICES, Definition("x", key, Place(reading, "f"), "value"))

    assert reading.definitions[Section.SERVICES]["x"].value is INVALID
    assert [problem.code for problem in reading.problems] == ["duplicate_definition"]


def test_beyond_a_number_problems_are_counted_but_still_refuse(tmp_path: Path) -> None:
    extra = "".join(f"  tax.s{number}: {{title: t, department: edu}}\n" for number in range(1500))

    loaded = load(tmp_path, GOOD + extra)

    assert len(loaded.problems) == MAX_PROBLEMS + 1
    assert loaded.problems[-1].code == "too_many_problems"
    assert loaded.problems[-1].found == "500"
    assert len(loaded.refused) == 1500
    assert loaded.routes is not None
    assert len(loaded.routes.services) == 3
