"""From what runs and a new file to what runs next: one department's slip stops nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.routing.difference import Merged, merge
from tests.routing.files import GOOD, changed, load

if TYPE_CHECKING:
    from pathlib import Path


def reload(folder: Path, new: str, old: str = GOOD) -> Merged:
    running = load(folder, old).routes
    assert running is not None
    return merge(running, load(folder, new))


def test_the_same_file_changes_nothing(tmp_path: Path) -> None:
    merged = reload(tmp_path, GOOD)

    assert merged.applied
    assert not merged.added | merged.changed | merged.removed | merged.kept
    assert merged.unchanged == {"edu.payment", "hrss.card", "hrss.pension"}


def test_a_good_file_is_taken_over_whole(tmp_path: Path) -> None:
    new = changed("timeout: 3s", "timeout: 4s").replace("  hrss.card:", "  hrss.cards:")

    merged = reload(tmp_path, new)

    assert merged.added == {"hrss.cards"}
    assert merged.changed == {"edu.payment"}
    assert merged.removed == {"hrss.card"}
    assert merged.unchanged == {"hrss.pension"}
    assert merged.routes.services["edu.payment"].timeout == 4.0


def test_a_service_with_a_problem_stays_at_its_last_good_version(tmp_path: Path) -> None:
    new = changed("timeout: 3s", "timeout: 1:30").replace("title: 养老金", "title: 养老金查询")

    merged = reload(tmp_path, new)

    assert merged.applied
    assert merged.kept == {"edu.payment"}
    assert [problem.code for problem in merged.refused["edu.payment"]] == ["bad_duration"]
    assert merged.routes.services["edu.payment"].timeout == 3.0
    assert merged.routes.services["hrss.pension"].title == "养老金查询"
    assert merged.changed == {"hrss.pension"}


def test_a_new_service_with_a_problem_stays_absent(tmp_path: Path) -> None:
    merged = reload(tmp_path, GOOD + "  tax.x: {title: 税}\n")

    assert merged.refused.keys() == {"tax.x"}
    assert merged.kept == frozenset()
    assert "tax.x" not in merged.routes.services
    assert len(merged.routes.services) == 3


def test_a_kept_service_keeps_its_department(tmp_path: Path) -> None:
    new = changed(
        '  edu: {name: 教育局, phone: "0510-1", area: "320205", max_in_flight: 200}\n', ""
    )

    merged = reload(tmp_path, new)

    assert [problem.code for problem in merged.refused["edu.payment"]] == ["unknown_department"]
    assert merged.routes.departments["edu"].name == "教育局"


def test_a_service_that_is_defined_twice_is_kept(tmp_path: Path) -> None:
    merged = reload(tmp_path, GOOD + "  edu.payment: {title: 别的, department: hrss}\n")

    assert merged.kept == {"edu.payment"}
    assert merged.routes.services["edu.payment"].title == "缴费"


def test_grants_are_those_of_the_new_file(tmp_path: Path) -> None:
    new = changed("timeout: 3s", "timeout: 1:30").replace('services: ["*"]', 'services: ["hrss.*"]')

    assert reload(tmp_path, new).routes.channels["app"].services == ("hrss.*",)


def test_any_other_problem_changes_nothing(tmp_path: Path) -> None:
    new = changed("timeout: 3s", "timeout: 4s").replace("rate: 20/s", "rate: 20")

    merged = reload(tmp_path, new)

    assert not merged.applied
    assert not merged.added | merged.changed | merged.removed | merged.kept
    assert merged.routes.services["edu.payment"].timeout == 3.0


def test_nothing_is_removed_while_an_id_cannot_be_read(tmp_path: Path) -> None:
    new = changed("  hrss.card:", "  hrss card:").replace("title: 养老金", "title: 养老金查询")

    merged = reload(tmp_path, new)

    assert merged.kept == {"hrss.card"}
    assert merged.changed == {"hrss.pension"}
    assert merged.removed == frozenset()


def test_a_service_without_problems_can_be_removed(tmp_path: Path) -> None:
    new = GOOD[: GOOD.index("  hrss.pension")].replace("timeout: 3s", "timeout: 1:30")

    merged = reload(tmp_path, new)

    assert merged.removed == {"hrss.pension"}
    assert merged.kept == {"edu.payment"}
