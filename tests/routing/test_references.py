"""Names that refer to others: looked up over all files, without one mistake giving two problems."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.routing.file_format import FILE
from gateway.routing.reading import Place, Reading
from gateway.routing.references import check_references
from gateway.routing.yaml_nodes import Allowance, read_document
from tests.routing.files import GOOD, changed, load, write

if TYPE_CHECKING:
    from pathlib import Path


def codes(folder: Path, text: str) -> list[str]:
    return [problem.code for problem in load(folder, text).problems]


def test_a_department_of_another_file_is_found(tmp_path: Path) -> None:
    write(tmp_path, "departments: {hrss: {name: 人社局}}\n", "b.yaml")
    text = changed("  hrss: {name: 人社局}\n", "") + "include: [b.yaml]\n"

    assert codes(tmp_path, text) == []


def test_a_broken_department_counts_as_defined(tmp_path: Path) -> None:
    assert codes(tmp_path, changed("{name: 人社局}", "{nam: 人社局}")) == ["unknown_key"]
    assert codes(tmp_path, changed("{name: 人社局}", "[]")) == ["wrong_type"]


def test_a_department_with_an_impossible_id_counts_as_defined(tmp_path: Path) -> None:
    text = changed("  hrss: {name", "  人社: {name").replace("department: hrss", "department: 人社")

    assert codes(tmp_path, text) == ["bad_id"]


def test_a_grant_of_a_broken_service_counts_as_matching(tmp_path: Path) -> None:
    text = changed("title: 缴费", "titel: 缴费").replace('"edu.*"', "edu.payment")

    assert codes(tmp_path, text) == ["unknown_key"]


@pytest.mark.parametrize("section", ["departments", "services"])
@pytest.mark.parametrize("value", ["[]", "no", "", "&x {}"])
def test_an_unreadable_section_counts_as_defining_everything(
    section: str, value: str, tmp_path: Path
) -> None:
    text = "version: 1\nchannels: {c: {keys: [env:K], services: [a.b]}}\n"
    service = "services: {a.b: {title: t, department: d, http: {endpoints: [http://h:1]}}}\n"
    other = service if section == "departments" else ""

    assert len(codes(tmp_path, f"{text}{other}{section}: {value}\n")) == 1 + (value == "&x {}")


def test_an_unknown_part_of_the_file_may_be_the_one_that_defines(tmp_path: Path) -> None:
    assert codes(tmp_path, changed("departments:", "offices:")) == ["unknown_key"]


def test_the_known_departments_are_listed_in_part(tmp_path: Path) -> None:
    many = "".join(f"  d{number}: {{name: x}}\n" for number in range(50))
    text = changed("channels:\n", many + "channels:\n").replace("department: edu", "department: 无")

    problem = load(tmp_path, text).problems[0]

    assert problem.allowed is not None
    assert problem.allowed.endswith(", …")
    assert problem.allowed.count(",") == 20


def test_one_secret_in_one_channel_twice_is_a_doubled_item(tmp_path: Path) -> None:
    assert codes(tmp_path, changed("[env:APP_KEY]", "[env:A, env:A]")) == ["duplicate_item"]


def test_a_grant_must_match_something_even_the_one_for_all(tmp_path: Path) -> None:
    text = 'version: 1\nchannels: {c: {keys: [env:K], services: ["*"]}}\nservices: {}\n'

    assert codes(tmp_path, text) == ["grant_without_service"]


def test_the_file_may_lack_every_part(tmp_path: Path) -> None:
    loaded = load(tmp_path, "version: 1\n")

    assert loaded.problems == ()
    assert loaded.routes is not None


def test_grants_that_cost_too_many_comparisons_are_refused() -> None:
    document = read_document(GOOD.encode(), Allowance())
    assert document.root is not None
    reading = Reading()
    FILE.read(document.root, Place(reading, "f"))

    check_references(reading, comparisons=1)

    assert [(problem.code, problem.path) for problem in reading.problems] == [
        ("too_many_values", "channels.media.services[0]")
    ]
