"""Seconds on the command line: what is a number of them and what is not."""

from __future__ import annotations

import click
import pytest

from gateway.cli.seconds import Seconds


@pytest.mark.parametrize(("text", "seconds"), [("0", 0.0), ("2.5", 2.5), ("1e3", 1000.0)])
def test_a_number_from_zero_is_taken(text: str, seconds: float) -> None:
    assert Seconds().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "30s", ""])
def test_what_is_no_number_of_seconds_is_wrong_usage(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Seconds().convert(text, None, None)
