"""Chinese or English, as the caller asks (RFC 9110 §12.5.4).

Room rule: as `gateway.entry`; pure. Chinese is the default: the door belongs to a province.
"""

from __future__ import annotations

from typing import Final, Literal

__all__ = ["Language", "choose_language"]

Language = Literal["zh", "en"]

_DEFAULT: Final[Language] = "zh"


def choose_language(accept: bytes) -> Language:
    """Return the language with the highest weight; broken parts are ignored."""
    best: Language = _DEFAULT
    weight = 0.0
    for part in accept.decode("latin-1").split(","):
        tag, _, parameters = part.strip().lower().partition(";")
        language = _language(tag.strip())
        quality = _quality(parameters)
        if language is not None and quality > weight:
            best, weight = language, quality
    return best


def _language(tag: str) -> Language | None:
    primary = tag.partition("-")[0]
    if primary == "zh":
        return "zh"
    if primary == "en":
        return "en"
    return _DEFAULT if tag == "*" else None


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if not name.strip():
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
