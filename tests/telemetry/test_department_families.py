from __future__ import annotations

from gateway.telemetry.department_families import DEPARTMENT_FAMILIES
from gateway.telemetry.families import FAMILIES


def test_the_series_of_departments_are_part_of_the_one_table() -> None:
    names = [family.name for family in FAMILIES]
    start = names.index(DEPARTMENT_FAMILIES[0].name)
    assert FAMILIES[start : start + len(DEPARTMENT_FAMILIES)] == DEPARTMENT_FAMILIES
