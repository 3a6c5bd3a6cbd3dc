"""Process settings: what flags and environment say, checked once and frozen.

Room rule: values only; who reads flags is `gateway.cli`. Routes have their own type and their own
life, in `gateway.routing`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from gateway.errors import StartError
from gateway.http.listener import DEFAULT_TIMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.http.server import Times
    from gateway.kafka.connection import KafkaConnection
    from gateway.routing.model import SecretRef

__all__ = [
    "Address",
    "LogFormat",
    "Settings",
    "parse_address",
    "parse_cases",
    "parse_instance",
    "parse_networks",
]

LogFormat = Literal["json", "text"]
Network = IPv4Network | IPv6Network


class Address(NamedTuple):
    """Host and port to listen on; port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Settings:
    """How this process runs; times in seconds, sizes in bytes.

    `data` is the folder of spool and case store; `cases` is `sqlite` or a `postgresql://` URL,
    which may hold a password; `instance` is a name that no other gateway has, for reply topics of
    one's own.
    `secrets` are values for references of the routes file that are not to be looked up.
    """

    routes: Path
    listen: Address
    ops: Address
    kafka: KafkaConnection | None = None
    data: Path = Path("data")
    cases: str = field(default="sqlite", repr=False)
    instance: str = "gateway"
    spool_limit: int = 1 << 30
    cases_kept: float = 90 * 86_400.0
    log_format: LogFormat = "json"
    trusted_proxies: tuple[Network, ...] = ()
    max_connections: int = 10_000
    drain_time: float = 30.0
    reload_every: float = 1.0
    times: Times = DEFAULT_TIMES
    secrets: Mapping[SecretRef, str] = field(default_factory=dict, repr=False)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)


def parse_address(text: str, option: str) -> Address:
    """Read `HOST:PORT` or `[IPv6]:PORT`; raises `StartError` that names the option."""
    host, colon, port = text.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not _is_host(host) or not _is_port(port):
        raise StartError(
            f"{option}: {text!r} is not an address; write HOST:PORT with a port from 0 to 65535, "
            "for example 127.0.0.1:8080 or [::1]:8080"
        )
    return Address(host, int(port))


def _is_host(text: str) -> bool:
    try:
        return bool(text.encode("idna"))
    except UnicodeError:  # an empty label, as in a..b, or one of more than 63 characters
        return False


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535


def parse_cases(text: str) -> str:
    """Check what `--cases` says; raises `StartError` that never shows a password."""
    if text == "sqlite" or text.startswith(("postgresql://", "postgres://")):
        return text
    raise StartError("--cases is neither sqlite nor a URL that begins with postgresql://.")


def parse_instance(text: str) -> str:
    """Check a name that becomes part of file and topic names; raises `StartError`."""
    if re.fullmatch(r"[A-Za-z0-9._-]{1,49}", text) is None:
        raise StartError("--instance is 1 to 49 letters, digits, dots, hyphens and underscores.")
    return text


def parse_networks(text: str, option: str) -> tuple[Network, ...]:
    """Read a comma-separated list of networks; raises `StartError` that names the option."""
    networks: list[Network] = []
    for part in filter(None, (item.strip() for item in text.split(","))):
        try:
            networks.append(ip_network(part))
        except ValueError as error:
            raise StartError(
                f"{option}: {part!r} is not a network ({error}); write for example 10.0.0.0/8"
            ) from None
    return tuple(networks)
