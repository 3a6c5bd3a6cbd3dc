"""Who asked, as the department is told (RFC 7239)."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from gateway import errors
from gateway.entry.forwarded import ForwardedFields
from gateway.errors import Fault

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))
HOST = {b"host": b"app.test"}
TOLD = {
    b"x-forwarded-for": b"198.51.100.7, 10.0.0.9",
    b"x-forwarded-proto": b"https",
    b"x-forwarded-host": b"sufuban.test",
    b"forwarded": b"for=198.51.100.7;proto=https, for=10.0.0.9",
}


def fields(peer: str, consumed: dict[bytes, bytes], *, trusted: bool = True) -> dict[str, str]:
    lines = ForwardedFields(TRUSTED if trusted else ()).lines(peer, consumed).decode()
    assert lines.endswith("\r\n")
    return dict(line.split(": ", 1) for line in lines.removesuffix("\r\n").split("\r\n"))


def test_a_caller_is_named_with_host_and_protocol() -> None:
    assert fields("192.0.2.1", HOST) == {
        "Forwarded": 'for=192.0.2.1;host="app.test";proto=http',
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "app.test",
    }


def test_an_address_of_version_6_stands_in_brackets_and_quotes() -> None:
    told = fields("2001:db9::1", HOST)
    assert told["Forwarded"] == 'for="[2001:db9::1]";host="app.test";proto=http'
    assert told["X-Forwarded-For"] == "2001:db9::1"


@pytest.mark.parametrize("peer", ["192.0.2.1", "2001:db9::1", ""])
def test_what_a_stranger_says_about_earlier_hops_is_replaced(peer: str) -> None:
    assert fields(peer, HOST | TOLD) == fields(peer, HOST)


def test_without_configured_proxies_nobody_is_one() -> None:
    assert fields("10.1.2.3", HOST | TOLD, trusted=False) == fields("10.1.2.3", HOST, trusted=False)


@pytest.mark.parametrize("peer", ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::5"])
def test_what_a_proxy_of_ours_says_is_kept_and_the_proxy_appended(peer: str) -> None:
    node = f'"[{peer}]"' if ":" in peer else peer
    assert fields(peer, HOST | TOLD) == {
        "Forwarded": "for=198.51.100.7;proto=https, for=10.0.0.9, "
        f'for={node};host="sufuban.test";proto=https',
        "X-Forwarded-For": f"198.51.100.7, 10.0.0.9, {peer}",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "sufuban.test",
    }


def test_a_proxy_that_knows_only_the_old_fields_is_understood() -> None:
    chain = b"198.51.100.7, 2001:db8::7, secret;host=x"
    told = fields("10.1.2.3", HOST | {b"x-forwarded-for": chain})
    assert told["Forwarded"] == (
        'for=198.51.100.7, for="[2001:db8::7]", for=unknown, '
        'for=10.1.2.3;host="app.test";proto=http'
    )


@pytest.mark.parametrize("proto", [b"ftp", b"https, http", b"javascript", b""])
def test_a_protocol_is_one_of_two(proto: bytes) -> None:
    told = fields("10.1.2.3", HOST | {b"x-forwarded-proto": proto})
    assert told["X-Forwarded-Proto"] == "http"


@pytest.mark.parametrize(
    "host", [b"a.test", b"a.test:8080", b"[::1]", b"[::1]:8080", b"10.0.0.1", b"a-b_c.test"]
)
def test_an_honest_host(host: bytes) -> None:
    assert fields("192.0.2.1", {b"host": host})["X-Forwarded-Host"] == host.decode()


@pytest.mark.parametrize(
    "host", [b"a b", b"a/b", b"u@a", b"a,b", b'a"b', b"a:b", b"a:80:80", b"[::1", b"::1", b"a\xff",
             b"a" * 256, b"a;b"]
)  # fmt: skip
@pytest.mark.parametrize("name", [b"host", b"x-forwarded-host"])
def test_a_broken_host_is_refused(name: bytes, host: bytes) -> None:
    with pytest.raises(Fault) as caught:
        fields("10.1.2.3", {b"host": b"app.test", name: host})
    assert caught.value.cause is errors.MALFORMED_REQUEST
    if name == b"host":
        with pytest.raises(Fault):
            fields("192.0.2.1", {name: host})


def test_without_a_host_none_is_told() -> None:
    told = fields("192.0.2.1", {})
    assert told["Forwarded"] == "for=192.0.2.1;proto=http"
    assert "X-Forwarded-Host" not in told


def test_a_caller_without_address_is_unknown() -> None:
    assert fields("", HOST)["Forwarded"].startswith("for=unknown;")


def test_many_hosts_do_not_fill_the_memory() -> None:
    forwarded = ForwardedFields(())
    for number in range(10_000):
        forwarded.lines("192.0.2.1", {b"host": b"h%d" % number})
    assert len(forwarded._direct) <= 4096  # noqa: SLF001  # the bound has no other sight
