from __future__ import annotations

import pytest

from gateway.handling.preference import NO_PREFERENCE, Preference, preference


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], NO_PREFERENCE),
        ([b"respond-async"], Preference(at_once=True, wait=None)),
        ([b"wait=10"], Preference(at_once=False, wait=10.0)),
        ([b"respond-async, wait=10"], Preference(at_once=True, wait=10.0)),
        ([b"respond-async", b"wait=10"], Preference(at_once=True, wait=10.0)),
        ([b"Respond-Async; foo=1, WAIT = 3"], Preference(at_once=True, wait=3.0)),
        ([b'wait="5"'], Preference(at_once=False, wait=5.0)),
        ([b"wait=0"], Preference(at_once=False, wait=0.0)),
        ([b"wait=5, wait=9"], Preference(at_once=False, wait=5.0)),
    ],
)
def test_what_the_caller_prefers_is_read_from_all_lines(
    lines: list[bytes], expected: Preference
) -> None:
    assert preference([(b"Prefer", line) for line in lines]) == expected


@pytest.mark.parametrize(
    "value",
    [b"", b",", b"wait", b"wait=", b"wait=-1", b"wait=1.5", b"wait=9999999", b"wait=1s", b"async"],
)
def test_what_cannot_be_read_is_passed_over(value: bytes) -> None:
    assert preference([(b"prefer", value), (b"preferred", b"wait=3")]) is NO_PREFERENCE


def test_the_answer_says_which_preference_was_followed() -> None:
    assert NO_PREFERENCE.applied == b""
    assert preference([(b"Prefer", b"wait=7")]).applied == b"Preference-Applied: wait=7\r\n"
    both = preference([(b"Prefer", b"wait=7, respond-async")])
    assert both.applied == b"Preference-Applied: respond-async\r\n"
