"""A service as written: what its transport decides, and what its timeout does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.routing.model import Idempotency, Repeat, Service
from tests.routing.files import changed, load

if TYPE_CHECKING:
    from pathlib import Path

CARD = "    kafka: {topic: card"
PAYMENT = "    timeout: 3s\n"


def service(folder: Path, id_: str, old: str, new: str) -> Service:
    loaded = load(folder, changed(old, new))
    assert loaded.problems == ()
    assert loaded.routes is not None
    return loaded.routes.services[id_]


def test_over_kafka_a_key_is_optional_and_a_repeated_one_joins(tmp_path: Path) -> None:
    card = service(tmp_path, "hrss.card", CARD, CARD)

    assert (card.idempotency, card.repeat) == (Idempotency.OPTIONAL, Repeat.JOIN)


def test_over_http_a_key_is_not_looked_at(tmp_path: Path) -> None:
    payment = service(tmp_path, "edu.payment", PAYMENT, PAYMENT)

    assert (payment.idempotency, payment.repeat) == (Idempotency.OFF, Repeat.CONFLICT)


@pytest.mark.parametrize("written", ["required", "optional", "off", '"off"'])
def test_what_is_written_holds(written: str, tmp_path: Path) -> None:
    card = service(tmp_path, "hrss.card", CARD, f"    idempotency: {written}\n{CARD}")

    assert card.idempotency == written.strip('"')


def test_over_http_a_repeated_key_conflicts(tmp_path: Path) -> None:
    lines = f"    idempotency: required\n    repeat: conflict\n{PAYMENT}"
    payment = service(tmp_path, "edu.payment", PAYMENT, lines)

    assert (payment.idempotency, payment.repeat) == (Idempotency.REQUIRED, Repeat.CONFLICT)


@pytest.mark.parametrize(("timeout", "spill"), [("10s", 0.5), ("500ms", 0.25), ("200ms", 0.1)])
def test_a_short_timeout_leaves_half_of_it_to_the_brokers(
    timeout: str, spill: float, tmp_path: Path
) -> None:
    card = service(tmp_path, "hrss.card", CARD, f"    timeout: {timeout}\n{CARD}")

    assert card.kafka is not None
    assert card.kafka.spill_after == spill


def test_the_time_of_another_file_s_service_is_not_taken_for_this_one_s(tmp_path: Path) -> None:
    both = "    timeout: 1s\n    kafka: {spill_after: 900ms, topic: card"
    text = changed(CARD, both).replace("reply_topic: pension.replies", "reply_topic: p")

    assert load(tmp_path, text).problems == ()


def test_a_schema_over_http_is_one_problem_whatever_it_names(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    text = changed(PAYMENT, f"    schema: {{request: a.json, reply: a.json}}\n{PAYMENT}")

    assert [problem.code for problem in load(tmp_path, text).problems] == ["schema_over_http"]
