"""The part `channels` of routes.yaml: who calls, with which keys, what, and how fast.

Room rule: as `gateway.routing.file_format`. A value of this part may be a secret that stands in
the wrong place, so what is not understood is not shown.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from gateway.errors import Text
from gateway.routing.kinds import Boolean, SecretReference, WholeNumber
from gateway.routing.lists import ListOf
from gateway.routing.model import Callback, Channel, Rate
from gateway.routing.notations import is_internal
from gateway.routing.shapes import Key, Shape
from gateway.routing.value_kinds import CALLBACK_URL, CHANNEL_REFERENCE, GRANT, RATE, TEXT

if TYPE_CHECKING:
    from gateway.routing.reading import Place
    from gateway.routing.yaml_nodes import Scalar

__all__ = ["CHANNEL", "CHANNEL_KEYS", "DEFAULT_RATE", "channel"]

DEFAULT_RATE: Final = Rate(100, 1.0)

_REFERENCE: Final = Text("env:NAME or file:/path", "env:变量名 或 file:/路径")


def channel(
    *, id: str, rate: Rate = DEFAULT_RATE, burst: int | None = None, **values: Any
) -> Channel:
    """Return the channel; its bucket holds the requests of one second when nothing is written."""
    size = max(1, math.ceil(rate.per_second)) if burst is None else burst
    return Channel(id=id, rate=rate, burst=size, **values)


def _address_rule(present: dict[str, Scalar], values: dict[str, Any], place: Place) -> bool:
    if "url" not in values or "internal" in present.keys() - values.keys():
        return True
    url = urlsplit(values["url"])
    if values.get("internal", False) or (url.scheme == "https" and not is_internal(url.hostname)):
        return True
    code = "callback_internal" if is_internal(url.hostname) else "callback_not_https"
    place.below(present["url"]).problem(
        code,
        found=values["url"],
        allowed=Text("https, or internal: true", "https，或 internal: true"),
    )
    return False


_CALLBACK: Final = Shape(
    {
        "url": Key(CALLBACK_URL, "Where changes of cases are told; https.", required=True),
        "secret": Key(
            SecretReference(_REFERENCE, purpose="CALLBACK_SECRET"),
            "Where the secret is kept that signs them (Standard Webhooks, whsec_…).",
            required=True,
        ),
        "internal": Key(
            Boolean(), "The address is inside the own network; http is taken.", default=False
        ),
    },
    build=Callback,
    rules=(_address_rule,),
    rules_schema={
        "if": {"properties": {"internal": {"const": True}}, "required": ["internal"]},
        "else": {"properties": {"url": {"pattern": "^https:"}}},
    },
    private=True,
)
CHANNEL: Final = Shape(
    {
        "name": Key(TEXT, "The channel's name for people."),
        "keys": Key(
            ListOf(
                SecretReference(_REFERENCE),
                Text("a list of one or two references to secrets", "一个或两个密钥引用的列表"),
                maximum=2,
                identity=str,
                secret=True,
            ),
            "Where the channel's one or two live keys are kept: env:NAME or file:/path.",
            required=True,
        ),
        "services": Key(
            ListOf(
                GRANT,
                Text("a list of service IDs and patterns", "服务编号和通配模式的列表"),
                maximum=10_000,
            ),
            "What the channel may call: service IDs and patterns with *.",
            required=True,
        ),
        "rate": Key(RATE, "Requests that the channel may send, in the long run.", default="100/s"),
        "burst": Key(
            WholeNumber(1, 1_000_000),
            "Requests that may come at once; the count of one second when it is not written.",
        ),
        "callback": Key(_CALLBACK, "Where the channel is told how its cases go on."),
        "case_readers": Key(
            ListOf(
                CHANNEL_REFERENCE,
                Text("a list of channel IDs", "渠道编号的列表"),
                maximum=1000,
            ),
            "Other channels that may read this one's cases.",
        ),
    },
    private=True,
)

CHANNEL_KEYS: Final = frozenset({**CHANNEL.keys, **_CALLBACK.keys})
"""Names that may be shown in a path below a channel."""
