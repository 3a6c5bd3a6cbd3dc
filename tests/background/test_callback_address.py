from __future__ import annotations

import pytest

from gateway.background.callback_address import InternalAddressError, PublicResolver, is_public


@pytest.mark.parametrize("address", ["1.1.1.1", "223.5.5.5", "2400:3200::1"])
def test_an_address_that_everybody_reaches_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0",  # noqa: S104  # nobody binds to it here
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fd00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::",
    ],
)  # fmt: skip
def test_an_address_inside_is_not_however_it_is_written(address: str) -> None:
    assert not is_public(address)


async def test_a_name_that_leads_inside_is_not_resolved() -> None:
    resolver = PublicResolver()
    with pytest.raises(InternalAddressError):
        await resolver.resolve("localhost", 80)
    await resolver.close()
