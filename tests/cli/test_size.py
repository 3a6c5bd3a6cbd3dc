from __future__ import annotations

import click
import pytest

from gateway.cli.size import Size


@pytest.mark.parametrize(
    ("text", "size"), [("1KiB", 1024), ("512MiB", 512 << 20), ("2GiB", 2 << 30), (7, 7)]
)
def test_a_size_is_a_number_and_a_unit(text: object, size: int) -> None:
    assert Size().convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "1", "1GB", "0MiB", "-1MiB", "1 MiB", "1.5GiB", "x"])
def test_anything_else_is_refused_with_the_form_that_is_meant(text: str) -> None:
    with pytest.raises(click.BadParameter, match="KiB, MiB or GiB"):
        Size().convert(text, None, None)
