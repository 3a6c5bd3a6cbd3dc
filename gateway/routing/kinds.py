"""Kinds of values: each reads a node into a value of the model and prints itself as JSON Schema.

Room rule: a kind reports what is wrong at the node it was given, once, and returns INVALID; it
never raises. Types are decided here on the raw text, never by YAML's own resolution.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final, Protocol

from gateway.errors import Text
from gateway.routing import notations
from gateway.routing.nearest import Nearest
from gateway.routing.notations import NOT_TEXT, Refused, half_width
from gateway.routing.reading import INVALID, Place, Section
from gateway.routing.yaml_nodes import Broken, Node, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Boolean", "CallbackUrl", "Choice", "EndpointUrl", "JsonSchema", "Kind", "Notation", "Quotes",
    "SecretReference", "Version", "WholeNumber", "refuse_type", "scalar_of",
]  # fmt: skip

JsonSchema = dict[str, Any]

_LONGEST: Final = 200
"""Characters of a value for which a better way to write it is sought."""

_NOTHING: Final = re.compile(r"~|[Nn]ull|NULL|")


class Kind(Protocol):
    """What a value may be: `allowed` says it in words."""

    @property
    def allowed(self) -> Text: ...

    def read(self, node: Node, place: Place) -> Any:
        """Return the value, or INVALID after the problem has been reported."""

    def schema(self) -> JsonSchema:
        """Return the kind as JSON Schema 2020-12, as far as that can say it."""


class Quotes(Enum):
    """How a scalar has to be written."""

    FREE = auto()  # either way; the notation cannot be mistaken for another type
    TEXT = auto()  # quotes where YAML would see a number, a boolean, null or a date
    NEEDED = auto()


def refuse_type(node: Node, place: Place, allowed: Text, suggestion: str | None = None) -> Any:
    """Report a node of another sort than wanted (nothing for one whose fault is known)."""
    if place.path[:1] == (Section.CHANNELS.value,):
        place.reading.hide(node, place)
    if isinstance(node, Scalar) and node.plain and _NOTHING.fullmatch(node.text):
        place.problem("empty_value", node, found=node.text or None, allowed=allowed)
    elif isinstance(node, Scalar):
        found = Text("a single value", "单个值")
        place.problem("wrong_type", node, found=found, allowed=allowed, suggestion=suggestion)
    elif not isinstance(node, Broken) and node.whole:
        found = Text("a list", "列表") if isinstance(node, Sequence) else Text("a mapping", "映射")
        place.problem("wrong_type", node, found=found, allowed=allowed)
    return INVALID


def scalar_of(node: Node, place: Place, allowed: Text) -> Scalar | None:
    """The node as a single value that is there; None after the problem has been reported."""
    if isinstance(node, Scalar) and not (node.plain and _NOTHING.fullmatch(node.text)):
        return node
    refuse_type(node, place, allowed)
    return None


@dataclass(frozen=True, slots=True)
class Notation:
    """A text of a fixed form. `repair` turns what people write into what they meant.

    A value with `mention` is looked up once all files are read; where that look-up also decides
    about its form, `schema_pattern` is what the schema says of it.
    """

    code: str
    allowed: Text
    pattern: re.Pattern[str]
    convert: Callable[[re.Match[str]], Any] = lambda match: match[0]
    repair: Callable[[str], str | None] = lambda text: text
    quotes: Quotes = Quotes.FREE
    mention: str | None = None
    maximum: int | None = None
    schema_pattern: re.Pattern[str] | None = None

    def read(self, node: Node, place: Place) -> Any:
        scalar = scalar_of(node, place, self.allowed)
        if scalar is None:
            return INVALID
        value = self.parse(scalar.text)
        if isinstance(value, Refused):
            return self._refuse(value, scalar, place)
        if not self._well_quoted(scalar):
            quoted = f'"{scalar.text}"'
            place.problem(
                "quotes_needed", scalar, found=scalar.text, allowed=self.allowed, suggestion=quoted
            )
            return INVALID
        if self.mention is not None:
            place.reading.mention(self.mention, value, scalar, place)
        return value

    def parse(self, text: str) -> Any:
        """The value that `text` stands for, or `Refused` with the nearest text that is right."""
        match = self.pattern.fullmatch(text)
        value = Refused(self.code) if match is None else self.convert(match)
        if not isinstance(value, Refused) or value.code != self.code:
            return value
        meant = self.repair(half_width(text)) if len(text) <= _LONGEST else None
        if meant is None or meant == text or self._fails(meant):
            return value
        return Refused(self.code, suggestion=meant)

    def _fails(self, text: str) -> bool:
        match = self.pattern.fullmatch(text)
        return match is None or isinstance(self.convert(match), Refused)

    def _well_quoted(self, scalar: Scalar) -> bool:
        if not scalar.plain or self.quotes is Quotes.FREE:
            return True
        return self.quotes is Quotes.TEXT and not NOT_TEXT.fullmatch(scalar.text)

    def _refuse(self, refused: Refused, scalar: Scalar, place: Place) -> Any:
        allowed = refused.allowed or self.allowed
        suggestion = refused.suggestion
        if suggestion is not None and self.quotes is Quotes.NEEDED:
            suggestion = f'"{suggestion}"'
        place.problem(
            refused.code, scalar, found=scalar.text, allowed=allowed, suggestion=suggestion
        )
        return INVALID

    def schema(self) -> JsonSchema:
        pattern = (self.schema_pattern or self.pattern).pattern
        schema: JsonSchema = {"type": "string", "pattern": f"^(?:{pattern})$"}
        return schema if self.maximum is None else {**schema, "maxLength": self.maximum}


class EndpointUrl(Notation):
    """A notation whose wrong values may hold credentials; those are not shown."""

    __slots__ = ()

    def _refuse(self, refused: Refused, scalar: Scalar, place: Place) -> Any:
        shown = notations.hide_credentials(scalar.text)
        if shown != scalar.text:
            place.reading.hide(scalar, place)
        bare = re.match(r"\s*https?:", half_width(scalar.text), re.IGNORECASE) is None
        code = "endpoint_without_scheme" if bare else refused.code
        place.problem(
            code, scalar, found=shown, allowed=self.allowed, suggestion=refused.suggestion
        )
        return INVALID


class CallbackUrl(Notation):
    """A URL that may lie in the file for everybody to read: what could authenticate is refused."""

    __slots__ = ()

    def _refuse(self, refused: Refused, scalar: Scalar, place: Place) -> Any:
        place.reading.hide(scalar, place)
        shown = notations.hide_credentials(scalar.text)
        code = refused.code if shown == scalar.text else "callback_credentials"
        place.problem(
            code, scalar, found=shown, allowed=self.allowed, suggestion=refused.suggestion
        )
        return INVALID


@dataclass(frozen=True, slots=True)
class SecretReference:
    """A reference to a secret; whatever stands here instead may be the secret, so it is hidden.

    `purpose` ends the name of the variable that is suggested.
    """

    allowed: Text
    purpose: str = "KEY"

    def read(self, node: Node, place: Place) -> Any:
        match = notations.SECRET.fullmatch(node.text) if isinstance(node, Scalar) else None
        if match is not None and isinstance(node, Scalar):
            reference = notations.secret(match)
            place.reading.mention("secrets", reference, node, place)
            return reference
        place.reading.hide(node, place)
        if not isinstance(node, Scalar) or (node.plain and _NOTHING.fullmatch(node.text)):
            return refuse_type(node, place, self.allowed)
        begun = node.text.startswith(("env:", "file:"))
        code = "bad_secret_reference" if begun else "literal_secret"
        place.problem(code, node, allowed=self.allowed, suggestion=self._variable(place))
        return INVALID

    def schema(self) -> JsonSchema:
        return {"type": "string", "pattern": f"^(?:{notations.SECRET.pattern})$"}

    def _variable(self, place: Place) -> str | None:
        """A variable named after the channel; never made from what was found."""
        channel = str(place.path[1]) if len(place.path) > 1 else ""
        name = re.sub(r"[^A-Z0-9]+", "_", channel.upper()).strip("_")
        variable = f"env:{name}_{self.purpose}"
        return variable if notations.SECRET.fullmatch(variable) else None


@dataclass(frozen=True, slots=True)
class WholeNumber:
    """A whole number in decimal digits; `word` stands for `worth` where one is taken."""

    minimum: int
    maximum: int
    word: str | None = None
    worth: int = 0

    @property
    def allowed(self) -> Text:
        en, zh = (
            f"a whole number from {self.minimum} to {self.maximum}",
            f"{self.minimum} 至 {self.maximum} 的整数",
        )
        return Text(f"{en}, or {self.word}", f"{zh}，或 {self.word}") if self.word else Text(en, zh)

    def read(self, node: Node, place: Place) -> Any:
        scalar = scalar_of(node, place, self.allowed)
        if scalar is None:
            return INVALID
        if self.word is not None and scalar.text == self.word:
            return self.worth
        suggestion = self._meant(scalar.text)
        if not re.fullmatch(r"-?(?:0|[1-9][0-9]*)", scalar.text):
            code = "bad_number"
        elif not scalar.plain:
            code = "quotes_refused"
        elif len(scalar.text) > 10 or not self.minimum <= int(scalar.text) <= self.maximum:
            code, suggestion = "out_of_range", None
        else:
            return int(scalar.text)
        place.problem(code, scalar, found=scalar.text, allowed=self.allowed, suggestion=suggestion)
        return INVALID

    def _meant(self, text: str) -> str | None:
        text = half_width(text[:40])
        match = re.fullmatch(r"\+?([0-9][0-9_,]*)(?:\.0*)?", text)
        if match is not None:
            number = int(re.sub("[_,]", "", match[1]))
        elif re.fullmatch(r"0[xX][0-9a-fA-F]+|0o[0-7]+|0b[01]+", text):
            number = int(text, 0)
        else:
            return self.word if self.word and Nearest([self.word]).find(text) else None
        return str(number) if self.minimum <= number <= self.maximum else None

    def schema(self) -> JsonSchema:
        number = {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}
        return {"anyOf": [number, {"const": self.word}]} if self.word else number


@dataclass(frozen=True, slots=True)
class Version:
    """The integer 1."""

    allowed: Text = field(default=Text("the integer 1", "整数 1"))

    def read(self, node: Node, place: Place) -> Any:
        scalar = scalar_of(node, place, self.allowed)
        if scalar is None:
            return INVALID
        if scalar.plain and scalar.text == "1":
            return 1
        found = scalar.text if scalar.plain else f'"{scalar.text}"'
        place.problem("bad_version", scalar, found=found, allowed=self.allowed, suggestion="1")
        return INVALID

    def schema(self) -> JsonSchema:
        return {"type": "integer", "const": 1}


@dataclass(frozen=True, slots=True)
class Boolean:
    """`true` or `false`, exactly."""

    allowed: Text = field(default=Text("true or false", "true 或 false"))

    def read(self, node: Node, place: Place) -> Any:
        scalar = scalar_of(node, place, self.allowed)
        if scalar is None:
            return INVALID
        if scalar.plain and scalar.text in ("true", "false"):
            return scalar.text == "true"
        word = half_width(scalar.text[:10]).lower()
        meant = "true" if word in ("true", "yes", "on", "y", "1", "是") else None
        meant = "false" if word in ("false", "no", "off", "n", "0", "否") else meant
        place.problem(
            "bad_boolean", scalar, found=scalar.text, allowed=self.allowed, suggestion=meant
        )
        return INVALID

    def schema(self) -> JsonSchema:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    values: tuple[str, ...]
    convert: Callable[[str], Any] = str

    @property
    def allowed(self) -> Text:
        words = ", ".join(self.values)
        return Text(words, words)

    def read(self, node: Node, place: Place) -> Any:
        scalar = scalar_of(node, place, self.allowed)
        if scalar is None:
            return INVALID
        if scalar.text in self.values:
            return self.convert(scalar.text)
        near = Nearest(self.values).find(half_width(scalar.text[:200]))
        place.problem(
            "unknown_value",
            scalar,
            found=scalar.text,
            allowed=self.allowed,
            suggestion=near[0] if near else None,
        )
        return INVALID

    def schema(self) -> JsonSchema:
        return {"enum": list(self.values)}
