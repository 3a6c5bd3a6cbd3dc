"""Schemas beside the routes: found from the file that names them, part of the digest, bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.routing.difference import merge
from gateway.routing.loader import ContentDigest, load_routes
from gateway.routing.model import PayloadSchema
from gateway.routing.payload_schemas import MAX_SCHEMA, MAX_SCHEMAS, schema_contents
from tests.routing.files import GOOD, changed, load, write

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from gateway.routing.loader import Loaded
    from gateway.routing.model import Service

CARD = "    kafka: {topic: card"
PENSION = "    kafka: {topic: pension"


def with_schema(name: str, text: str = GOOD) -> str:
    return changed(CARD, f"    schema: {{request: {name}}}\n{CARD}", text)


def card(loaded: Loaded) -> Service:
    assert loaded.problems == ()
    assert loaded.routes is not None
    return loaded.routes.services["hrss.card"]


def test_the_service_has_what_is_in_its_files(tmp_path: Path) -> None:
    write(tmp_path, '{"type": "object"}', "schemas/a.json")
    write(tmp_path, '{"type": "array"}', "schemas/b.json")
    schemas = "    schema: {request: schemas/a.json, reply: ./schemas/../schemas/b.json}\n"

    loaded = load(tmp_path, changed(PENSION, f"{schemas}{PENSION}"))

    assert loaded.routes is not None
    service = loaded.routes.services["hrss.pension"]
    assert service.request_schema == PayloadSchema("schemas/a.json", {"type": "object"})
    assert service.reply_schema == PayloadSchema("schemas/b.json", {"type": "array"})
    assert loaded.schemas == ("schemas/a.json", "schemas/b.json")
    assert hash(service) == hash(service)


def test_a_path_begins_where_the_file_that_names_it_stands(tmp_path: Path) -> None:
    write(tmp_path, "{}", "schemas/a.json")
    service = "services: {tax.x: {title: t, department: hrss, schema: {request: ../schemas/a.json},"
    write(tmp_path, f"{service} kafka: {{topic: t, mode: event}}}}}}\n", "routes.d/tax.yaml")

    loaded = load(tmp_path, GOOD + "include: [routes.d/*.yaml]\n")

    assert loaded.problems == ()
    assert loaded.schemas == ("schemas/a.json",)


def test_a_bad_file_refuses_each_service_that_names_it_and_no_other(tmp_path: Path) -> None:
    write(tmp_path, "{", "a.json")
    text = changed(PENSION, f"    schema: {{request: a.json}}\n{PENSION}", with_schema("a.json"))

    loaded = load(tmp_path, text)

    assert [problem.code for problem in loaded.problems] == ["schema_not_json"] * 2
    assert loaded.refused == {"hrss.card", "hrss.pension"}
    assert loaded.routes is not None
    assert set(loaded.routes.services) == {"edu.payment"}


def test_nothing_of_a_file_that_is_not_json_is_shown(tmp_path: Path) -> None:
    write(tmp_path, "made-up-secret\n", "key.pem")

    loaded = load(tmp_path, with_schema("key.pem"))

    assert [problem.code for problem in loaded.problems] == ["schema_not_json"]
    assert "made-up-secret" not in repr(loaded)


def test_a_schema_that_changes_changes_digest_and_service(tmp_path: Path) -> None:
    schema = write(tmp_path, '{"type": "object"}', "a.json")
    path = write(tmp_path, with_schema("a.json"))
    digest, before = ContentDigest(path), load_routes(path)
    assert digest.current(before.schemas) == before.digest

    schema.write_text('{"type": "array"}')

    seen, after = digest.current(before.schemas), load_routes(path)
    assert before.digest != seen == after.digest
    assert before.routes is not None
    assert merge(before.routes, after).changed == {"hrss.card"}


def test_a_schema_that_comes_to_be_is_seen(tmp_path: Path) -> None:
    path = write(tmp_path, with_schema("late.json"))
    before = load_routes(path)
    digest = ContentDigest(path)
    assert [problem.code for problem in before.problems] == ["schema_missing"]
    assert digest.current(before.schemas) == before.digest

    write(tmp_path, "{}", "late.json")

    assert digest.current(before.schemas) == load_routes(path).digest != before.digest
    assert card(load_routes(path)).request_schema == PayloadSchema("late.json", {})


def test_all_files_together_are_bounded_and_the_digest_agrees(tmp_path: Path) -> None:
    services = ""
    for number in range(MAX_SCHEMAS // MAX_SCHEMA + 2):
        write(tmp_path, b'{"title": "%b"}' % (b"x" * (MAX_SCHEMA - 20)), f"{number}.json")
        services += (
            f"  s{number}: {{title: t, department: hrss, schema: {{request: {number}.json}},"
        )
        services += " kafka: {topic: t, mode: event}}\n"
    path = write(tmp_path, GOOD + services)

    loaded = load_routes(path)

    assert [problem.code for problem in loaded.problems] == ["schema_too_large"] * 2
    assert ContentDigest(path).current(loaded.schemas) == loaded.digest
    assert sum(len(data or b"") for _, data in schema_contents(path, loaded.schemas)) < (
        MAX_SCHEMAS + MAX_SCHEMA
    )


def test_a_link_out_of_the_folder_is_followed_as_with_included_files(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (tmp_path / "a.json").symlink_to(write(tmp_path_factory.mktemp("other"), "{}", "far.json"))

    assert card(load(tmp_path, with_schema("a.json"))).request_schema is not None
