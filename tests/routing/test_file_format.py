"""The definition of the file: its defaults are those of the model, in the file's notation."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from gateway.routing.channel_format import DEFAULT_RATE
from gateway.routing.file_format import FILE
from gateway.routing.model import (
    Breaker,
    Department,
    Ejection,
    Endpoint,
    HttpBackend,
    KafkaBackend,
    KafkaMode,
    Retry,
    RetryBudget,
    Service,
)
from gateway.routing.reading import Place, Reading
from gateway.routing.shapes import Definitions, Key, Shape
from gateway.routing.yaml_nodes import Allowance, read_document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.routing.kinds import Kind

KAFKA = KafkaBackend("topic", KafkaMode.ACCEPT)
SERVICE = Service("id", "title", "department", kafka=KAFKA)


def shape_of(*path: str) -> Shape:
    shape = FILE
    for name in path:
        kind: Any = shape.keys[name].kind
        shape = kind.shape if isinstance(kind, Definitions) else kind
    return shape


def defaults(shape: Shape) -> Iterator[tuple[str, Key]]:
    return ((name, key) for name, key in shape.keys.items() if key.default is not None)


def read(kind: Kind, written: object) -> object:
    text = str(written).lower() if isinstance(written, bool) else str(written).replace("'", "")
    node = read_document(text.encode(), Allowance()).root
    assert node is not None
    return kind.read(node, Place(Reading(), "f"))


@pytest.mark.parametrize(
    ("path", "model"),
    [
        (("departments",), Department("id", "name")),
        (("services",), SERVICE),
        (("services", "http"), HttpBackend((Endpoint("http", "h", 1),))),
        (("services", "http", "ejection"), Ejection()),
        (("services", "kafka"), KAFKA),
        (("services", "retry"), Retry()),
        (("services", "retry", "budget"), RetryBudget()),
        (("services", "breaker"), Breaker()),
    ],
)
def test_the_defaults_that_are_told_are_those_of_the_model(
    path: tuple[str, ...], model: Any
) -> None:
    told = dict(defaults(shape_of(*path)))

    assert told
    for name, key in told.items():
        assert read(key.kind, key.default) == getattr(model, name)


def test_every_plain_default_of_the_model_is_told() -> None:
    for path, model in (
        (("services",), Service),
        (("services", "breaker"), Breaker),
        (("services", "http"), HttpBackend),
    ):
        told = {name for name, _ in defaults(shape_of(*path))}
        plain = {f.name for f in fields(model) if isinstance(f.default, int | float | tuple)}
        assert plain <= told


def test_the_default_rate_is_told() -> None:
    key = shape_of("channels").keys["rate"]

    assert read(key.kind, key.default) == DEFAULT_RATE


def test_required_keys_are_those_of_the_contract() -> None:
    required = {
        path: {name for name, key in shape_of(*path).keys.items() if key.required}
        for path in ((), ("departments",), ("channels",), ("services",))
    }

    assert required == {
        (): {"version"},
        ("departments",): {"name"},
        ("channels",): {"keys", "services"},
        ("services",): {"title", "department"},
    }
