"""Every kind of mistake: it can happen, stands where it was made, and comes alone."""

from __future__ import annotations

from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING

import pytest

from gateway.routing.problem_codes import PROBLEM_CODES, ProblemCode
from tests.routing.files import load, write
from tests.routing.mistakes import ELSEWHERE, FILES, MISTAKES, Mistake

if TYPE_CHECKING:
    from gateway.routing.loader import Loaded

ROOT = Path(__file__).parent.parent.parent


def load_beside_files(folder: Path, text: str) -> Loaded:
    for name, data in FILES.items():
        write(folder, data, name)
    return load(folder, text)


@pytest.mark.parametrize(
    "mistake", MISTAKES, ids=lambda mistake: f"{mistake.code}:{mistake.new[-30:]!a}"
)
def test_one_mistake_gives_one_problem_at_its_place(mistake: Mistake, tmp_path: Path) -> None:
    loaded = load_beside_files(tmp_path, mistake.text)

    found = [
        (p.code, p.line, p.column, p.path, p.suggestion, p.service, p.file) for p in loaded.problems
    ]
    code, _, _, *place, file = mistake
    assert found == [(code, *place, str(tmp_path / file))]


@pytest.mark.parametrize(
    "mistake", MISTAKES, ids=lambda mistake: f"{mistake.code}:{mistake.new[-30:]!a}"
)
def test_only_a_mistake_inside_one_service_lets_the_rest_apply(
    mistake: Mistake, tmp_path: Path
) -> None:
    loaded = load_beside_files(tmp_path, mistake.text)

    assert (loaded.routes is not None) == (mistake.service is not None)
    if loaded.routes is not None:
        assert loaded.refused == {mistake.service}
        assert mistake.service not in loaded.routes.services
        assert len(loaded.routes.services) >= 1


def test_every_kind_of_mistake_is_made_to_happen() -> None:
    assert {mistake.code for mistake in MISTAKES} | ELSEWHERE.keys() == PROBLEM_CODES.keys()
    for code, test in ELSEWHERE.items():
        assert f'"{code}"' in (ROOT / test).read_text("utf-8")


@pytest.mark.parametrize("kind", PROBLEM_CODES.values(), ids=lambda kind: kind.code)
def test_texts_are_whole_in_both_languages(kind: ProblemCode) -> None:
    known = {"found", "allowed", "suggestion", "first"}
    for text in (kind.message, kind.fix, kind.fix_suggested):
        english = {name for _, name, _, _ in Formatter().parse(text.en) if name}
        chinese = {name for _, name, _, _ in Formatter().parse(text.zh) if name}
        assert english == chinese <= known
        assert text.en.endswith(".")
        assert text.zh.endswith(("。", "）"))
