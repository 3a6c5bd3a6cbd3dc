"""Files: bounded reads, includes that stay in their folder, a digest of what is there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from gateway.routing.sources import (
    MAX_FILE,
    Found,
    Included,
    UnreadableFileError,
    digest_of,
    find_included,
    included_files,
    read_bounded,
    read_main,
)
from tests.routing.files import load, write

if TYPE_CHECKING:
    from pathlib import Path


def names(main: Path, item: str) -> list[str]:
    return [path.relative_to(main.parent).as_posix() for path in find_included(main, item).paths]


@pytest.fixture
def main(tmp_path: Path) -> Path:
    for name in ("d/b.yaml", "d/a.yaml", "d/c.yml", "d/.hidden.yaml", "e/f/x.yaml", "top.yaml"):
        write(tmp_path, b"", name)
    return write(tmp_path, b"version: 1\n")


def test_a_pattern_finds_files_in_the_order_of_their_names(main: Path) -> None:
    assert names(main, "d/*.yaml") == ["d/a.yaml", "d/b.yaml"]
    assert names(main, "./d/?.y*ml") == ["d/a.yaml", "d/b.yaml", "d/c.yml"]
    assert names(main, "*/*/[xy].yaml") == ["e/f/x.yaml"]
    assert names(main, "d/.*.yaml") == ["d/.hidden.yaml"]


def test_a_pattern_may_find_nothing_in_a_folder_that_exists(main: Path) -> None:
    assert find_included(main, "d/*.json") == Found()
    assert find_included(main, "none/*.yaml").code == "include_folder_missing"


@pytest.mark.parametrize("item", ["../a", "d/../../a", "/etc/a", "d/../a", "d\\a", "C:/a"])
def test_nothing_outside_the_folder_is_included(item: str, main: Path) -> None:
    assert find_included(main, item).code == "include_outside"


def test_a_plain_name_must_exist_and_be_another_file(main: Path) -> None:
    assert names(main, "d/a.yaml") == ["d/a.yaml"]
    assert find_included(main, "d/x.yaml").code == "include_missing"
    assert "a.yaml" in find_included(main, "d/x.yaml").names
    assert find_included(main, "d").code == "include_unreadable"
    assert find_included(main, "routes.yaml").code == "include_itself"
    assert find_included(main, "./").code == "bad_include"


def test_links_are_followed_also_out_of_the_folder(
    main: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    write(other, b"services: {}\n", "far.yaml")
    (main.parent / "link").symlink_to(other)

    assert names(main, "link/*.yaml") == ["link/far.yaml"]


def test_a_link_to_nowhere_is_told_and_not_left_out(main: Path) -> None:
    (main.parent / "d" / "z.yaml").symlink_to("gone")

    found = list(included_files(main, ["d/*.yaml"]))

    assert found[-1] == Included(0, "d/z.yaml", code="include_unreadable")


def test_a_file_is_read_once_whatever_names_it(main: Path) -> None:
    found = included_files(main, ["d/*.yaml", "d/a.yaml", "*.yaml", "*/b.yaml"])

    assert [file.name for file in found] == ["d/a.yaml", "d/b.yaml", "top.yaml"]


def test_a_read_takes_one_byte_more_than_the_limit(tmp_path: Path) -> None:
    path = write(tmp_path, b"x" * 100)

    assert read_bounded(path, 10) == b"x" * 11


def test_a_large_file_is_a_problem(tmp_path: Path) -> None:
    loaded = load(tmp_path, b"#" * (MAX_FILE + 1))

    assert [problem.code for problem in loaded.problems] == ["file_too_large"]


def test_a_large_included_file_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path, b"#" * (MAX_FILE + 1), "a.yaml")
    loaded = load(tmp_path, "version: 1\ninclude: [a.yaml]\n")

    assert [problem.code for problem in loaded.problems] == ["file_too_large"]


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "loop", "below a file"])
def test_a_main_file_that_cannot_be_read_says_why(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to("x")
    elif kind == "below a file":
        path = write(tmp_path, b"", "file") / "x"

    with pytest.raises(UnreadableFileError) as caught:
        read_main(path)

    problem = caught.value.problem
    assert (problem.code, problem.line, problem.column) == ("unreadable", 1, 1)
    assert problem.found
    assert problem.found != "the system cannot read it"


def test_the_digest_tells_names_contents_and_order_apart() -> None:
    contents: list[list[tuple[str, bytes | None]]] = [
        [("a", b"1"), ("b", b"2")],
        [("b", b"2"), ("a", b"1")],
        [("a", b"12"), ("b", b"")],
        [("a1", b""), ("b", b"2")],
        [("a", None), ("b", b"2")],
        [("a", b"1")],
    ]

    assert len({digest_of(files) for files in contents}) == len(contents)


def test_a_name_that_the_system_cannot_take_is_told(main: Path) -> None:
    assert find_included(main, "x" * 1000).code == "include_unreadable"
    assert read_reason(main.parent / ("x" * 1000)) == "the name is too long"
    assert read_reason(main.parent / "a\0b") == "it is not a regular file"


def read_reason(path: Path) -> str | None:
    with pytest.raises(UnreadableFileError) as caught:
        read_main(path)
    return caught.value.problem.found
