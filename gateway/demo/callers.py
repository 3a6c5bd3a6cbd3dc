"""Who calls in the demo: the channels of the routes, their keys and what each may call.

Keys that are nowhere to be found are made up for the demo and shown. A key that was there already
is never shown: the shell puts it into the commands.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, NamedTuple, Self

from gateway.routing.grants import matches
from gateway.routing.model import Channel, Routes, SecretKind, SecretRef, Service

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Callers"]


class Callers(NamedTuple):
    """`keys` are by channel; `made_up` by reference; `spoken` is the key as a shell writes it."""

    routes: Routes
    keys: Mapping[str, str]
    made_up: Mapping[SecretRef, str]
    spoken: Mapping[str, str]

    @classmethod
    def of(cls, routes: Routes, found: Mapping[SecretRef, str], folder: Path) -> Self:
        """Take the keys that were found and make up the others; `folder` is that of the routes."""
        references = {ref for channel in routes.channels.values() for ref in channel.keys}
        made_up = {ref: _token() for ref in sorted(references - found.keys())}
        values = {**found, **made_up}
        first = {channel.id: channel.keys[0] for channel in routes.channels.values()}
        keys = {channel: values[ref] for channel, ref in first.items()}
        spoken = {
            channel: made_up.get(ref) or _fetch(ref, folder) for channel, ref in first.items()
        }
        return cls(routes, keys, made_up, spoken)

    def may_call(self, channel: Channel, service: Service) -> bool:
        return any(matches(pattern, service.id) for pattern in channel.services)

    def granted(self) -> Iterator[tuple[Channel, Service]]:
        """Every channel with every service that it may call."""
        for channel in self.routes.channels.values():
            for service in self.routes.services.values():
                if self.may_call(channel, service):
                    yield channel, service


def _token() -> str:
    return "demo-" + secrets.token_urlsafe(18)


def _fetch(ref: SecretRef, folder: Path) -> str:
    return f"${ref.name}" if ref.kind is SecretKind.ENV else f"$(cat {folder / ref.name})"
