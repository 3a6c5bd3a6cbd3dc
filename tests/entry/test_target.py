"""Which service a target names, and which paths do not get past the door."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import errors
from gateway.entry.target import Target, authority, read_target, split_target
from gateway.errors import Cause, Fault

REFUSED = [
    "/..", "/.", "/../a", "/./a", "/a/..", "/a/.", "/..;a/b", "/.;/b", "//", "/a//b", "//a",
    "/%2e", "/%2E%2e", "/a%2fb", "/a%2Fb", "/a%5cb", "/a\\b", "/%00", "/a%1f", "/a%7F", "/a%0a",
    "/%252e", "/%252F", "/a%25%32%65", "/a%2525", "/a%", "/a%2", "/a%g0", "/a%u002e", "/a b",
    "/a\tb", "/a\x00", "/a\x7f", "/é", "/a#b", "/学",
]  # fmt: skip
TAKEN = [
    "", "/", "/a", "/a/", "/a/b", "/.well-known/a", "/...", "/..a", "/a..", "/a.b", "/~a",
    "/a;b=c", "/a,b", "/%E5%AD%A6", "/a%20b", "/a%25", "/a%25zz", "/a:b@c!$&'()*+=",
]  # fmt: skip


def cause(target: str, named: bytes | None = None) -> Cause:
    with pytest.raises(Fault) as caught:
        read_target(target, named)
    return caught.value.cause


@pytest.mark.parametrize("rest", TAKEN)
@pytest.mark.parametrize("query", ["", "a=b", "a=%00&b=../..//", "?"])
def test_a_plain_path_is_taken_as_it_is(rest: str, query: str) -> None:
    mark = "?" if query else ""
    assert read_target(f"/s/a.b{rest}{mark}{query}", None) == Target("a.b", rest, query)
    named = read_target(f"/x{rest}{mark}{query}", b"a.b")
    assert named == Target("a.b", f"/x{rest}", query)


@pytest.mark.parametrize("rest", REFUSED)
def test_a_path_with_two_readings_is_refused(rest: str) -> None:
    assert cause(f"/s/a.b{rest}") is errors.PATH_REFUSED
    assert cause(f"/s/a.b/x{rest}?q") is errors.PATH_REFUSED
    assert cause(f"/x{rest}", b"a.b") is errors.PATH_REFUSED


@pytest.mark.parametrize("service", ["..", ".", "a%2fb", "a%2e", "a\\b"])
def test_a_service_id_is_no_way_around_that(service: str) -> None:
    assert cause(f"/s/{service}") is errors.PATH_REFUSED
    assert cause(f"/s/{service}/x") is errors.PATH_REFUSED


def test_a_fragment_never_comes_over_the_wire() -> None:
    assert cause("/s/a.b/x?a#b") is errors.PATH_REFUSED


@given(st.text(st.sampled_from("/.%2eE5cCfF;\\a01?#"), max_size=12))
def test_no_path_that_is_taken_has_a_dot_segment_after_decoding_once_or_twice(rest: str) -> None:
    try:
        target = read_target(f"/s/a.b/{rest}", None)
    except Fault:
        return
    for decoded in (target.path, unquote(target.path), unquote(unquote(target.path))):
        segments = decoded.replace("\\", "/").split("/")[1:]
        assert not {".", ".."} & {segment.split(";")[0] for segment in segments}
        assert "" not in segments[:-1]
        assert "\x00" not in decoded


@given(st.text(max_size=20))
def test_whatever_comes_is_taken_or_refused_with_a_cause(target: str) -> None:
    with suppress(Fault):
        assert read_target(target, None).service_id


@pytest.mark.parametrize("target", ["/", "/x", "/s", "/s/", "/s/?a", "/S/a.b", "*", "/s/?/a.b"])
def test_a_target_may_name_no_service(target: str) -> None:
    assert cause(target) is errors.SERVICE_MISSING


def test_path_and_header_may_agree() -> None:
    assert read_target("/s/a.b/x", b"a.b") == Target("a.b", "/x", "")


@pytest.mark.parametrize("named", [b"a.c", b"A.B", b"a.b ", b"", "é".encode()])
def test_path_and_header_must_not_disagree(named: bytes) -> None:
    assert cause("/s/a.b/x", named) is errors.SERVICE_AMBIGUOUS


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("http://h/s/a.b/x?q", "/s/a.b/x", "q"),
        ("HTTPS://h:8443/s/a.b", "/s/a.b", ""),
        ("http://h", "/", ""),
        ("http://h?q", "/", "q"),
    ],
)
def test_absolute_form_is_read_like_origin_form(target: str, path: str, query: str) -> None:
    assert split_target(target) == (path, query)
    assert authority(target) in {"h", "h:8443"}


@pytest.mark.parametrize(
    "target", ["", "h:443", "ftp://h/", "http:///s/a.b", "http://u@h/", "http:/s/a.b", "s/a.b"]
)
def test_every_other_form_is_refused(target: str) -> None:
    assert cause(target, b"a.b") is errors.PATH_REFUSED
    assert authority(target) is None
