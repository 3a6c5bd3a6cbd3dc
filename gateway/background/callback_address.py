"""Where a callback may go: never to an address inside, unless the routes say so.

Room rule: as `gateway.background`. A URL in the routes is somebody's wish; a name that it holds
may be made to point into the network behind the gateway, so what counts is the address that is
connected to, looked at after the name was resolved and for every attempt anew.
"""

from __future__ import annotations

from ipaddress import ip_address
from socket import AddressFamily
from typing import TYPE_CHECKING

from aiohttp.abc import AbstractResolver
from aiohttp.resolver import DefaultResolver

if TYPE_CHECKING:
    from aiohttp.abc import ResolveResult

__all__ = ["InternalAddressError", "PublicResolver", "is_public"]


class InternalAddressError(OSError):
    """The host is, or resolves to, an address that is not public."""


def is_public(address: str) -> bool:
    """Tell whether an IP address is reachable by everybody (IANA's special-purpose registries).

    An IPv6 address that carries an IPv4 one is judged by what it carries.
    """
    parsed = ip_address(address)
    carried = getattr(parsed, "ipv4_mapped", None) or getattr(parsed, "sixtofour", None)
    if carried is not None:
        parsed = carried
    return parsed.is_global and not parsed.is_multicast


class PublicResolver(AbstractResolver):
    """Resolves as aiohttp does, and refuses a host of whose addresses one is not public."""

    def __init__(self) -> None:
        self._resolver = DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: AddressFamily = AddressFamily.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if not all(is_public(result["host"]) for result in found):
            raise InternalAddressError("the host's address is not public")
        return found

    async def close(self) -> None:
        await self._resolver.close()
