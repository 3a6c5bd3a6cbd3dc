"""`gateway explain`: the verdict, the steps and what is sent, for people and for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main

if TYPE_CHECKING:
    from pathlib import Path

ROUTES = """\
version: 1
departments:
  xishan-edu: {name: 无锡市锡山区教育局, phone: "0510-88880000", max_in_flight: 7}
  wuxi-hrss: {name: 无锡市人力资源和社会保障局}
channels:
  sufuban: {keys: [env:SUFUBAN_KEY], services: ["*"], rate: 2000/s}
  media: {keys: [env:MEDIA_KEY], services: ["edu.*"], rate: 50/s, burst: 100}
services:
  edu.payment:
    title: 锡山教育缴费
    department: xishan-edu
    methods: [GET, POST]
    timeout: 3s
    http:
      endpoints: [http://127.0.0.1:9101, {url: http://127.0.0.1:9102, weight: 2}]
      path: /api/v2/pay
  hrss.card:
    title: 社保卡补换
    department: wuxi-hrss
    kafka: {topic: hrss.card.requests, mode: accept, key: header:X-Subject}
"""
KEYS = {"SUFUBAN_KEY": "key-of-a-test", "MEDIA_KEY": "another-key-of-a-test"}


@pytest.fixture
def routes(tmp_path: Path) -> Path:
    path = tmp_path / "routes.yaml"
    path.write_text(ROUTES, encoding="utf-8")
    return path


def run(routes: Path, *arguments: str, env: dict[str, str] | None = None) -> Result:
    command = ["explain", *arguments, "--routes", str(routes)]
    return CliRunner().invoke(main, command, env=KEYS if env is None else env)


def explained(routes: Path, *arguments: str) -> dict[str, Any]:
    result = run(routes, *arguments, "--format", "json")
    shown: dict[str, Any] = json.loads(result.stdout)
    return shown


def test_a_request_that_is_taken_exits_0_and_shows_what_is_sent(routes: Path) -> None:
    result = run(routes, "GET", "/s/edu.payment/orders?id=1", "-H", "X-Api-Key: key-of-a-test")
    assert result.exit_code == 0
    assert "taken" in result.stdout
    assert "http://127.0.0.1:9102/api/v2/pay/orders?id=1" in result.stdout
    assert "key-of-a-test" not in result.stdout


def test_the_headers_that_are_added_and_removed_are_named(routes: Path) -> None:
    sent = explained(
        routes, "GET", "/s/edu.payment/", "-H", "X-Api-Key: key-of-a-test", "-H", "TE: trailers"
    )["sent"]
    assert {"Via", "X-Request-Id", "traceparent", "X-Gateway-Channel"} <= set(sent["added"])
    assert sent["removed"] == ["te", "x-api-key"]


def test_every_policy_is_listed_in_its_order_with_its_numbers(routes: Path) -> None:
    policies = explained(routes, "GET", "/s/edu.payment/", "--channel", "media")["policies"]
    assert [policy["name"] for policy in policies] == [
        "channel", "service", "grant", "method", "body size", "rate", "in flight", "deadline",
        "idempotency", "retry budget", "breaker", "balancer", "connect", "first byte", "retry",
    ]  # fmt: skip
    values = {policy["name"]: policy["values"] for policy in policies}
    assert values["rate"] == {"requests": 50, "seconds": 1.0, "burst": 100}
    assert values["in flight"] == {"department": "xishan-edu", "max_in_flight": 7}
    assert values["deadline"] == {"timeout": 3.0}
    assert values["retry budget"] == {"share": 0.2, "window": 10.0, "minimum": 3}
    assert [endpoint["weight"] for endpoint in values["balancer"]["endpoints"]] == [1, 2]


def test_an_unknown_service_is_refused_with_near_ones(routes: Path) -> None:
    result = run(routes, "GET", "/s/edu.paymet/", "-H", "X-Api-Key: key-of-a-test")
    assert result.exit_code == 1
    assert "service_unknown" in result.stdout
    assert "did you mean: edu.payment" in result.stdout


def test_near_services_are_only_those_that_the_channel_may_call(routes: Path) -> None:
    refusal = explained(routes, "GET", "/s/hrss.cart/", "--channel", "media")["refusal"]
    assert refusal["status"] == 404
    assert refusal["nearest"] == []


def test_a_channel_without_a_grant_is_refused(routes: Path) -> None:
    shown = explained(routes, "POST", "/s/hrss.card", "-H", "X-Api-Key: another-key-of-a-test")
    assert shown["taken"] is False
    assert shown["refusal"]["cause"] == "not_granted"
    assert shown["channel"] == {"id": "media", "name": None, "granted_by": []}


def test_a_wrong_method_names_those_that_are_allowed(routes: Path) -> None:
    refusal = explained(routes, "PUT", "/s/edu.payment/", "--channel", "sufuban")["refusal"]
    assert (refusal["status"], refusal["allow"]) == (405, ["GET", "POST"])


def test_a_record_is_shown_with_topic_key_and_headers(routes: Path) -> None:
    sent = explained(
        routes, "POST", "/s/hrss.card/new", "--channel", "sufuban", "-H", "X-Subject: DEMO-1"
    )["sent"]
    assert (sent["transport"], sent["topic"], sent["key"]) == (
        "kafka", "hrss.card.requests", "DEMO-1",
    )  # fmt: skip
    headers = dict(sent["headers"])
    assert headers["ce_type"] == "hrss.card.request"
    assert headers["ce_httppath"] == "/new"


def test_every_policy_of_a_kafka_service_is_listed_in_its_order(routes: Path) -> None:
    policies = explained(routes, "POST", "/s/hrss.card", "--channel", "sufuban")["policies"]

    assert [policy["name"] for policy in policies][7:] == [
        "deadline", "record key", "schema", "idempotency", "case", "outbox", "reply",
    ]  # fmt: skip
    values = {policy["name"]: policy["values"] for policy in policies}
    assert values["idempotency"] == {"idempotency": "optional", "repeat": "join"}
    assert values["outbox"]["durability"] == "spill"


@pytest.mark.parametrize(
    ("profile", "name", "value"),
    [
        ("cloudevents", "ce_replyto", "card.replies.{instance}"),
        ("spring", "kafka_replyTopic", "card.replies.{instance}"),
        ("nestjs", "kafka_replyTopic", "card.replies.{instance}"),
    ],
)
def test_a_record_is_shown_with_the_headers_of_its_profile(
    routes: Path, profile: str, name: str, value: str
) -> None:
    reply = f"mode: reply, profile: {profile}, reply_topic: 'card.replies.{{instance}}'"
    routes.write_text(ROUTES.replace("mode: accept", reply), encoding="utf-8")

    sent = explained(
        routes, "POST", "/s/hrss.card", "--channel", "sufuban", "-H", "X-Subject: DEMO-1"
    )["sent"]

    assert sent["profile"] == profile
    assert dict(sent["headers"])[name] == value


def test_a_missing_idempotency_key_is_refused_where_it_is_required(routes: Path) -> None:
    required = ROUTES.replace("    kafka:", "    idempotency: required\n    kafka:")
    routes.write_text(
        required.replace("    http:", "    idempotency: required\n    http:"), "utf-8"
    )

    for service in ("hrss.card", "edu.payment"):
        ask = ("POST", f"/s/{service}", "--channel", "sufuban", "-H", "X-Subject: DEMO-1")
        assert explained(routes, *ask)["refusal"]["cause"] == "idempotency_key_missing"
        assert explained(routes, *ask, "-H", 'Idempotency-Key: "a"')["taken"]


def test_the_record_key_is_missed_before_the_idempotency_key(routes: Path) -> None:
    required = ROUTES.replace("    kafka:", "    idempotency: required\n    kafka:")
    routes.write_text(required, encoding="utf-8")

    refusal = explained(routes, "POST", "/s/hrss.card", "--channel", "sufuban")["refusal"]
    assert refusal["cause"] == "record_key_missing"


def test_a_missing_record_key_is_refused(routes: Path) -> None:
    refusal = explained(routes, "POST", "/s/hrss.card", "--channel", "sufuban")["refusal"]
    assert (refusal["status"], refusal["cause"]) == (400, "record_key_missing")


def test_a_refused_path_is_said_to_be_refused(routes: Path) -> None:
    refusal = explained(routes, "GET", "/s/edu.payment/../x", "--channel", "sufuban")["refusal"]
    assert (refusal["status"], refusal["cause"]) == (400, "path_refused")


def test_keys_that_this_machine_lacks_are_named_and_channel_is_offered(routes: Path) -> None:
    empty = dict.fromkeys(KEYS, "")
    result = run(routes, "GET", "/s/edu.payment/", "-H", "X-Api-Key: key-of-a-test", env=empty)
    assert result.exit_code == 1
    assert "env:SUFUBAN_KEY" in result.stdout
    assert "--channel" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--channel", "nobody"), "no such channel"),
        (("-H", "no colon"), "Name: value"),
        (("--format", "xml"), "xml"),
    ],
)
def test_wrong_usage_exits_2(routes: Path, arguments: tuple[str, ...], said: str) -> None:
    result = run(routes, "GET", "/s/edu.payment/", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_file_that_cannot_be_read_exits_2(tmp_path: Path) -> None:
    result = run(tmp_path / "absent.yaml", "GET", "/s/edu.payment/")
    assert result.exit_code == 2
    assert "no such file" in result.stderr


def test_a_file_with_problems_exits_1_and_shows_them(routes: Path) -> None:
    routes.write_text(ROUTES.replace("version: 1", "version: 2"), encoding="utf-8")
    result = run(routes, "GET", "/s/edu.payment/")
    assert result.exit_code == 1
    assert f"{routes}:1:10:" in result.stderr


def test_an_announced_body_that_is_too_large_is_refused(routes: Path) -> None:
    key, length = "X-Api-Key: key-of-a-test", "Content-Length: 33554433"
    shown = explained(routes, "POST", "/s/edu.payment", "-H", key, "-H", length)

    assert shown["refusal"]["cause"] == "body_too_large"


@pytest.mark.parametrize("length", ["-1", "1, 2", "ten", ""])
def test_a_length_that_is_no_number_is_refused_as_on_the_wire(routes: Path, length: str) -> None:
    shown = explained(routes, "POST", "/s/edu.payment", "-H", f"Content-Length: {length}")

    assert shown["refusal"]["cause"] == "malformed_request"


def test_a_stranger_who_asks_for_an_unknown_service_is_told_the_nearest_here(routes: Path) -> None:
    result = run(routes, "GET", "/s/edu.paymnt")

    assert result.exit_code == 1
    assert "401 credentials_missing" in result.stdout
    assert "no service has the ID edu.paymnt\n  did you mean: edu.payment\n" in result.stdout
    assert explained(routes, "GET", "/s/edu.paymnt")["nearest_services"] == ["edu.payment"]


def test_the_host_of_a_target_in_absolute_form_is_the_host(routes: Path) -> None:
    target = "http://door.example/s/edu.payment"
    shown = explained(routes, "GET", target, "-H", "X-Api-Key: key-of-a-test")

    assert shown["taken"]


def test_numbers_for_people_have_units(routes: Path) -> None:
    text = run(routes, "GET", "/s/edu.payment", "-H", "X-Api-Key: key-of-a-test").stdout

    assert "  timeout: 3 s\n" in text
    assert "  max_body: 32MiB\n" in text
    assert "  methods: GET, POST\n" in text
    assert "at most 32MiB; above: 413" in text
    assert "{" not in text.replace("{service_id}", "")


@pytest.mark.parametrize("method", ["get", "G ET", "", "GET\r\n"])
def test_a_method_that_no_wire_brings_is_wrong_usage(routes: Path, method: str) -> None:
    result = run(routes, method, "/s/edu.payment")

    assert result.exit_code == 2
    assert "METHOD" in result.stderr


def test_a_header_that_is_not_well_formed_is_not_shown_it_may_be_a_key(routes: Path) -> None:
    result = run(routes, "GET", "/s/edu.payment", "-H", "X-Api-Key key-of-a-test")

    assert result.exit_code == 2
    assert "key-of-a-test" not in result.output


def test_a_service_whose_definition_has_problems_shows_them_and_others_are_explained(
    routes: Path,
) -> None:
    routes.write_text(ROUTES.replace("timeout: 3s", "timeout: 3 s"), encoding="utf-8")

    result = run(routes, "GET", "/s/edu.payment", "-H", "X-Api-Key: key-of-a-test")

    assert result.exit_code == 1
    assert "[bad_duration]" in result.stderr
    assert result.stdout == ""
    other = ("POST", "/s/hrss.card", "-H", "X-Api-Key: key-of-a-test", "-H", "X-Subject: a")
    assert run(routes, *other).exit_code == 0
