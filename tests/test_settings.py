"""Settings: what an option may say, and what it is told otherwise."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path

import pytest

from gateway.errors import StartError
from gateway.settings import (
    Address,
    Settings,
    parse_address,
    parse_cases,
    parse_instance,
    parse_networks,
)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("localhost:0", "localhost", 0),
        ("[::1]:8080", "::1", 8080),
        ("0.0.0.0:65535", "0.0.0.0", 65535),  # noqa: S104  # an address to read, not to bind
        ("网关.example:80", "网关.example", 80),
    ],
)
def test_an_address_is_host_and_port(text: str, host: str, port: int) -> None:
    assert parse_address(text, "--listen") == Address(host, port)


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "8080", "127.0.0.1", ":8080", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:-1"),
        *("127.0.0.1:65536", "127.0.0.1:80 ", "127.0.0.1:٨٠", "a..b:80", f"{'a' * 64}:80"),
        *("127.0.0.1:" + "9" * 5000, "[]:80"),
    ],
)
def test_what_is_no_address_is_told_with_the_option_and_a_good_one(text: str) -> None:
    with pytest.raises(StartError, match=r"--listen: .*HOST:PORT.*127\.0\.0\.1:8080"):
        parse_address(text, "--listen")


@pytest.mark.parametrize("text", ["127.0.0.1:8080", "[::1]:8080"])
def test_an_address_reads_as_it_was_written(text: str) -> None:
    assert str(parse_address(text, "--listen")) == text


def test_networks_are_a_list() -> None:
    expected = (ip_network("10.0.0.0/8"), ip_network("192.0.2.1"), ip_network("fd00::/8"))
    assert parse_networks(" 10.0.0.0/8, 192.0.2.1,fd00::/8,", "--trusted-proxies") == expected
    assert parse_networks("", "--trusted-proxies") == ()


@pytest.mark.parametrize("text", ["ten", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8;fd00::/8"])
def test_what_is_no_network_is_told_with_the_option(text: str) -> None:
    with pytest.raises(StartError, match=re.escape(f"--trusted-proxies: {text!r}")):
        parse_networks(text, "--trusted-proxies")


def test_settings_do_not_change_and_do_not_show_the_environment() -> None:
    settings = Settings(
        Path("routes.yaml"), Address("::1", 0), Address("::1", 0), environ={"KEY": "made-up"}
    )
    assert "made-up" not in repr(settings)
    with pytest.raises(AttributeError):
        settings.routes = Path("other.yaml")  # type: ignore[misc]  # that is what is tested


@pytest.mark.parametrize("text", ["sqlite", "postgresql://u@h/db", "postgres://h/db"])
def test_cases_are_kept_in_one_of_two_stores(text: str) -> None:
    assert parse_cases(text) == text


def test_another_store_is_refused_without_showing_what_might_be_a_password() -> None:
    with pytest.raises(StartError, match="--cases") as caught:
        parse_cases("mysql://user:made-up-password@host/db")
    assert "made-up-password" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "a/b", "a b", "a" * 50, "..\n"])
def test_an_instance_is_a_name_that_files_and_topics_can_have(text: str) -> None:
    assert parse_instance("gw-1.example_2") == "gw-1.example_2"
    with pytest.raises(StartError, match="--instance"):
        parse_instance(text)
