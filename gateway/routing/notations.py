"""How single values are written: durations, rates, sizes, shares, IDs, endpoints, topics, keys.

Room rule: pure functions from a text to a value. What is not well written comes back as
`Refused`, with the nearest right way to write it where one can be told.
"""

from __future__ import annotations

import ipaddress
import math
import re
import unicodedata
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from gateway.errors import Text
from gateway.routing.model import (
    UNLIMITED,
    Endpoint,
    KeyRule,
    KeySource,
    Rate,
    SecretKind,
    SecretRef,
)

__all__ = [
    "AREA", "CALLBACK_URL", "DURATION", "GRANT", "ID", "KEY_RULE", "NOT_TEXT", "PATH", "RATE",
    "REPLY_TOPIC", "SECRET", "SHARE", "SIZE", "TOPIC", "URL", "Refused", "callback_url",
    "duration", "endpoint", "half_width", "hide_credentials", "is_internal", "key_rule", "rate",
    "repair_callback_url", "repair_duration", "repair_endpoint", "repair_path", "repair_rate",
    "repair_reply_topic", "repair_share", "repair_size", "secret", "share", "size",
]  # fmt: skip


class Refused(NamedTuple):
    """A value that cannot stand: the problem's code, what is allowed, how to write it."""

    code: str
    allowed: Text | None = None
    suggestion: str | None = None


_NUMBER: Final = r"(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,3})?"
DURATION: Final = re.compile(rf"({_NUMBER})(ms|s|m|h|d)")
RATE: Final = re.compile(r"([1-9][0-9]{0,8})/([smhd])|unlimited")
SIZE: Final = re.compile(r"([1-9][0-9]{0,8})(KiB|MiB|GiB)")
SHARE: Final = re.compile(r"((?:0|[1-9][0-9]{0,2})(?:\.[0-9]{1,3})?)%")
ID: Final = re.compile(r"(?!(?:\.{1,2}|-)$)[A-Za-z0-9._-]{1,64}")
GRANT: Final = re.compile(r"[A-Za-z0-9._*-]{1,64}")
TOPIC: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")
AREA: Final = re.compile(r"[0-9]{6}|[0-9]{9}|[0-9]{12}")
KEY_RULE: Final = re.compile(
    r"(header):([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64})|(query):([A-Za-z0-9._~-]{1,64})"
)
SECRET: Final = re.compile(r"(env):([A-Za-z_][A-Za-z0-9_]{0,127})|(file):(\S(?:.{0,1022}\S)?)")
PATH: Final = re.compile(
    r"(?:/(?!\.{1,2}(?:/|$))(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%(?!00|2[Ee]|2[Ff]|5[Cc])[0-9A-Fa-f]{2})+){1,32}"
)
URL: Final = re.compile(
    r"(https?)://(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253}):([1-9][0-9]{0,4})"
)
REPLY_TOPIC: Final = re.compile(
    r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}"
    r"|(?=[A-Za-z0-9._{}-]{11,200}$)[A-Za-z0-9._-]*\{instance\}[A-Za-z0-9._-]*"
)
CALLBACK_URL: Final = re.compile(
    r"(https?)://(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::([1-9][0-9]{0,4}))?"
    r"(?:/[A-Za-z0-9._~!$&'()*+,=:%-]*)*"
)

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES: Final = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_LONGEST_DURATION: Final = 30 * 86400.0
_LARGEST_BODY: Final = 1 << 40
_PATH_SIGNS: Final = "%!$&'()*+,;=:@"
_CREDENTIALS: Final = {"x-api-key", "authorization", "proxy-authorization", "cookie"}

NOT_TEXT: Final = re.compile(
    r"~|<<|=|[Nn]ull|NULL|[Tt]rue|TRUE|[Ff]alse|FALSE|[Yy]es|YES|[Nn]o|NO|[Oo]n|ON|[Oo]ff|OFF|[YyNn]"
    r"|[-+]?(?:0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*(?::[0-5]?[0-9])*(?:\.[0-9_]*)?"
    r"(?:[eE][-+]?[0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?|\.(?:inf|Inf|INF))"
    r"|\.(?:nan|NaN|NAN)|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?"
)
"""Texts without quotes that some YAML reader takes for null, a boolean, a number or a date
(YAML 1.1 and the core schema of 1.2)."""


def half_width(text: str) -> str:
    """The text with full-width characters as half-width ones and without curly quotes."""
    return unicodedata.normalize("NFKC", text).strip().strip("“”‘’\"'`")


def duration(match: re.Match[str]) -> float | Refused:
    """Seconds of a number and a unit."""
    seconds = float(match[1]) * _SECONDS[match[2]]
    if not 0.001 <= seconds <= _LONGEST_DURATION:
        return Refused("out_of_range", Text("from 1ms to 30d", "从 1ms 到 30d"))
    return seconds


_UNITS: Final = {
    "ms": "ms", "msec": "ms", "millis": "ms", "毫秒": "ms",
    "": "s", "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "秒": "s",
    "m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m", "分": "m", "分钟": "m",
    "h": "h", "hr": "h", "hour": "h", "hours": "h", "小时": "h", "时": "h",
    "d": "d", "day": "d", "days": "d", "天": "d", "日": "d",
}  # fmt: skip


def repair_duration(text: str) -> str | None:
    """`3 s`, `3sec`, `3` and `3秒` mean `3s`; `1:30` and `1m30s` mean `90s`."""
    clock = re.fullmatch(r"([0-9]{1,4}):([0-5]?[0-9])", text)
    if clock:
        return f"{int(clock[1]) * 60 + int(clock[2])}s"
    pieces = re.findall(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s*([^\W\d_]*)\s*", text[:40])
    if not pieces or "".join(map("".join, pieces)) != re.sub(r"\s", "", text):
        return None
    units = [_UNITS.get(unit.lower()) for _, unit in pieces]
    if len(pieces) == 1:
        return units[0] and f"{_plain(pieces[0][0])}{units[0]}"
    if not all(units):
        return None
    total = sum(
        float(n) * _SECONDS[unit or "s"] for (n, _), unit in zip(pieces, units, strict=True)
    )
    return f"{total:g}s"


def _plain(number: str) -> str:
    return re.sub(r"^0+(?=[0-9])", "", number)


def rate(match: re.Match[str]) -> Rate:
    """Requests per second, minute, hour or day."""
    if match[0] == "unlimited":
        return Rate(UNLIMITED, 1.0)
    return Rate(int(match[1]), _SECONDS[match[2]])


def repair_rate(text: str) -> str | None:
    """`50`, `50/sec`, `50 / s` and `50rps` mean `50/s`; `50/min` means `50/m`."""
    match = re.fullmatch(
        r"([0-9]{1,9})\s*(?:r?/|per|rp(?=[smhd]\b)|次?/|次每|)\s*([^\W\d_]*)", text
    )
    if match is None:
        return None
    unit = _UNITS.get(match[2].lower())
    return f"{_plain(match[1])}/{unit}" if unit and unit != "ms" else None


def size(match: re.Match[str]) -> int | Refused:
    """Bytes."""
    count = int(match[1]) * _BYTES[match[2]]
    if count > _LARGEST_BODY:
        return Refused("out_of_range", Text("at most 1024GiB", "最多 1024GiB"))
    return count


def repair_size(text: str) -> str | None:
    """`32 MiB`, `32MB`, `32m` and `32mib` mean `32MiB`; plain bytes are rounded up to KiB."""
    match = re.fullmatch(r"([0-9]{1,15})\s*(?:([kmg])i?)?b?", text.lower())
    if match is None or not int(match[1]):
        return None
    if match[2] is None:
        return f"{math.ceil(int(match[1]) / 1024)}KiB"
    return f"{int(match[1])}{match[2].upper()}iB"


def share(match: re.Match[str]) -> float | Refused:
    """A share between 0 and 1 from a percentage."""
    value = float(match[1]) / 100
    if not 0 < value <= 1:
        return Refused("out_of_range", Text("above 0% and at most 100%", "大于 0% 且不超过 100%"))
    return value


def repair_share(text: str) -> str | None:
    """`0.2`, `20 %` and `20` mean `20%`."""
    match = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,5})?)\s*%?", text)
    if match is None:
        return None
    number = float(match[1])
    return f"{number * 100 if number < 1 and '%' not in text else number:g}%"


def key_rule(match: re.Match[str]) -> KeyRule | Refused:
    """Where a record's key comes from; RFC 9110 section 5.1 for the names of headers."""
    if match[1] and match[2].lower() in _CREDENTIALS:
        return Refused("bad_key_rule")
    return KeyRule(KeySource(match[1] or match[3]), match[2] or match[4])


def secret(match: re.Match[str]) -> SecretRef:
    """A reference to a secret."""
    return SecretRef(SecretKind(match[1] or match[3]), match[2] or match[4])


def endpoint(match: re.Match[str]) -> Endpoint | Refused:
    """An endpoint of weight 1; the host is a name, an IPv4 or an IPv6 address in brackets."""
    host, port = match[2].strip("[]").lower(), int(match[3])
    if port > 65535 or not _is_host(host):
        return Refused("bad_endpoint")
    return Endpoint(match[1], host, port)


def _is_host(host: str) -> bool:
    if ":" in host or re.fullmatch(r"[0-9.]+", host):
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return False
        return True
    labels = host.removesuffix(".").split(".")
    return all(re.fullmatch(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", label) for label in labels)


def callback_url(match: re.Match[str]) -> str | Refused:
    """The URL as written: scheme, host, port where there is one, path."""
    if not _is_host(match[2].strip("[]").lower()) or int(match[3] or 443) > 65535:
        return Refused("bad_callback_url")
    return match[0]


def repair_callback_url(text: str) -> str | None:
    """With a scheme, in lower case."""
    text = re.sub(
        r"^(https?):/*", lambda match: f"{match[1].lower()}://", text, flags=re.IGNORECASE
    )
    return text if "://" in text else f"https://{text}"


def is_internal(host: str | None) -> bool:
    """Whether the host is, by its name alone, no address of the public network."""
    name = (host or "").lower().removesuffix(".")
    try:
        return not ipaddress.ip_address(name).is_global
    except ValueError:
        return name == "localhost" or name.endswith((".localhost", ".local", ".internal"))


def repair_endpoint(text: str) -> str | None:
    """Scheme, host and port alone, with the port that the scheme stands for where it lacks."""
    text = re.sub(
        r"^(https?):/*", lambda match: f"{match[1].lower()}://", text, flags=re.IGNORECASE
    )
    if "://" not in text:
        text = f"http://{text}"
    if "@" in text:
        return None
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host:
        return None
    host = f"[{host}]" if ":" in host else host
    if port is None:
        port = 443 if parts.scheme == "https" else 80
    return f"{parts.scheme}://{host}:{port}"


def hide_credentials(url: str) -> str:
    """The URL with what may hold a secret (user part, parameters, query, fragment) left out."""
    head, at, rest = url.rpartition("@")
    scheme = re.match(r"[A-Za-z]*://", head)
    shown = f"{scheme[0] if scheme else ''}***@{rest}" if at else rest
    return re.sub(r"([?#;]).*", r"\1***", shown)


def repair_reply_topic(text: str) -> str:
    """`${instance}`, `{{ instance }}` and `<instance>` mean `{instance}`."""
    text = re.sub(r"\$?[{<]+\s*instance\s*[}>]+", "{instance}", text, flags=re.IGNORECASE)
    return re.sub(r"[\s/:]+", ".", text)


def repair_path(text: str) -> str | None:
    """With one `/` before each segment and none at the end; other characters are encoded."""
    if not text.isprintable() or "?" in text or "#" in text:
        return None
    segments = [segment for segment in text.replace("\\", "/").split("/") if segment]
    return "".join(f"/{quote(segment, safe=_PATH_SIGNS)}" for segment in segments) or None
