"""Who asked, for the department: `Forwarded` (RFC 7239) and the `X-Forwarded-*` family.

Room rule: as `gateway.entry`. What a caller says about earlier hops is believed only when the
caller is a configured proxy; from anybody else it is replaced.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from gateway import errors
from gateway.errors import Fault

__all__ = ["ForwardedFields"]

_HOST: Final = re.compile(
    rb"(?=.{0,255}\Z)(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._~-]*)(?::[0-9]{0,5})?"
)
_CACHED: Final = 4096

Consumed = dict[bytes, bytes]


class ForwardedFields:
    """Makes the header lines; `trusted` are the networks of proxies in front of the gateway."""

    def __init__(self, trusted: tuple[IPv4Network | IPv6Network, ...]) -> None:
        self._trusted = trusted
        self._direct: dict[tuple[str, bytes], bytes] = {}
        self._proxies: dict[str, bool] = {}

    def lines(self, peer: str, consumed: Consumed) -> bytes:
        """Return the lines for a request from `peer`; raises `Fault` for a broken Host."""
        host = consumed.get(b"host", b"")
        if self._trusted and self._is_proxy(peer):
            return _appended(peer, host, consumed)
        lines = self._direct.get((peer, host))
        if lines is None:
            if _HOST.fullmatch(host) is None:
                raise Fault(errors.MALFORMED_REQUEST)
            if len(self._direct) >= _CACHED:
                self._direct.clear()
            self._direct[peer, host] = lines = _lines(
                _element(peer, host, b"http"), peer.encode(), b"http", host
            )
        return lines

    def _is_proxy(self, peer: str) -> bool:
        known = self._proxies.get(peer)
        if known is None:
            if len(self._proxies) >= _CACHED:
                self._proxies.clear()
            known = self._proxies[peer] = _within(peer, self._trusted)
        return known


def _within(peer: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address  # how IPv4 looks to a listener on `::`
    return any(address in network for network in networks)


def _appended(peer: str, host: bytes, consumed: Consumed) -> bytes:
    host = consumed.get(b"x-forwarded-host", host)
    if _HOST.fullmatch(host) is None:
        raise Fault(errors.MALFORMED_REQUEST)
    proto = b"https" if consumed.get(b"x-forwarded-proto", b"").lower() == b"https" else b"http"
    chain = consumed.get(b"x-forwarded-for")
    earlier = consumed.get(b"forwarded")
    if earlier is None and chain is not None:
        earlier = _elements(chain)
    element = _element(peer, host, proto)
    return _lines(
        element if earlier is None else earlier + b", " + element,
        peer.encode() if chain is None else chain + b", " + peer.encode(),
        proto,
        host,
    )


def _elements(chain: bytes) -> bytes:
    """What `X-Forwarded-For` says, as `Forwarded` says it (RFC 7239 §7.4)."""
    nodes = (node.strip() for node in chain.decode("latin-1").split(","))
    return b", ".join(b"for=" + _node(node) for node in nodes)


def _element(peer: str, host: bytes, proto: bytes) -> bytes:
    """One hop as RFC 7239 §4 writes it."""
    field = b';host="%b"' % host if host else b""
    return b"for=%b%b;proto=%b" % (_node(peer), field, proto)


def _node(address: str) -> bytes:
    """An IPv6 address stands in brackets and quotes; what is no address is not known (§6)."""
    try:
        version = ip_address(address).version
    except ValueError:
        return b"unknown"
    return (f'"[{address}]"' if version == 6 else address).encode("ascii")


def _lines(forwarded: bytes, chain: bytes, proto: bytes, host: bytes) -> bytes:
    lines = b"Forwarded: %b\r\nX-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\n"
    lines %= (forwarded, chain, proto)
    return lines + b"X-Forwarded-Host: %b\r\n" % host if host else lines
