"""`gateway serve` as it is typed: options, environment, and what it says to wrong ones."""

from __future__ import annotations

import json
import re
import signal
import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.doubles.caller import Caller
from tests.doubles.gateway import APP_KEY, WITH_KEY, http_service, replace_file, routes_text
from tests.doubles.origin import Origin, reply
from tests.whole.process import gateway_process, run_to_its_end
from tests.whole.scraping import until_scraped

if TYPE_CHECKING:
    from pathlib import Path

    from tests.whole.process import GatewayProcess


@pytest.fixture
def routes(tmp_path: Path) -> Path:
    """A good routes file whose only endpoint refuses connections."""
    text = routes_text(http_service("edu.payment", "http://127.0.0.1:1", retry="{attempts: 1}"))
    return replace_file(tmp_path / "routes.yaml", text)


async def refusal(*arguments: str, environ: dict[str, str] | None = None) -> dict[str, Any]:
    """What a gateway that cannot start says: one line, and exit status 1."""
    status, process = await run_to_its_end(*arguments, environ=environ)
    assert (status, len(process.err), process.out) == (1, 1, []), process.err
    line: dict[str, Any] = json.loads(process.err[0])
    assert line["level"] == "critical"
    assert "traceback" not in line
    return line


# --- wrong usage --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        (("--log-format", "json", "--listne", "127.0.0.1:0"), {}),
        (("--log-format=json", "--max-connections", "many"), {}),
        (("--listne", "127.0.0.1:0"), {"GATEWAY_LOG_FORMAT": "json"}),
    ],
)
async def test_where_json_is_asked_for_wrong_usage_is_a_json_line_too(
    arguments: tuple[str, ...], environ: dict[str, str]
) -> None:
    status, process = await run_to_its_end(*arguments, environ=environ)
    assert (status, process.out) == (2, [])
    (line,) = map(json.loads, process.err)
    assert (line["level"], "--" in line["message"]) == ("critical", True)


async def test_an_unknown_option_is_wrong_usage_and_the_nearest_is_named() -> None:
    status, process = await run_to_its_end("--listne", "127.0.0.1:0")
    assert (status, process.out) == (2, [])
    assert "--listen" in process.err[-1]


@pytest.mark.parametrize(
    ("option", "value"),
    [("--log-format", "xml"), ("--max-connections", "0"), ("--drain-time", "nan")],
)
async def test_a_value_that_is_not_allowed_is_wrong_usage(option: str, value: str) -> None:
    status, process = await run_to_its_end(option, value)
    assert (status, process.out) == (2, [])
    assert option in process.err[-1]


@pytest.mark.parametrize("option", ["--listen", "--ops"])
async def test_an_address_that_is_none_is_refused_by_name(option: str) -> None:
    message = (await refusal(option, "a..b:80"))["message"]
    assert message.startswith(f"{option}: 'a..b:80'")
    assert "HOST:PORT" in message


@pytest.mark.parametrize("option", ["--listen", "--ops"])
async def test_an_address_of_another_machine_is_refused_by_name(option: str, routes: Path) -> None:
    message = (await refusal("--routes", str(routes), option, "192.0.2.1:0"))["message"]
    assert option in message
    assert "192.0.2.1" in message


async def test_a_broker_address_that_is_none_is_refused_by_name() -> None:
    message = (await refusal("--kafka", "a:9092,b"))["message"]
    assert "--kafka" in message
    assert "'b' is not HOST:PORT" in message


async def test_networks_of_proxies_are_checked() -> None:
    message = (await refusal("--trusted-proxies", "10.0.0.0/8,ten"))["message"]
    assert message.startswith("--trusted-proxies: 'ten'")


# --- the routes file at start -------------------------------------------------------------------


async def test_a_routes_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    message = (await refusal("--routes", str(tmp_path / "none.yaml")))["message"]
    assert "none.yaml" in message
    assert "--routes" in message


async def test_a_folder_is_no_routes_file(tmp_path: Path) -> None:
    assert "folder" in (await refusal("--routes", str(tmp_path)))["message"]


async def test_any_problem_refuses_the_start_all_are_shown_and_no_port_is_opened(
    tmp_path: Path,
) -> None:
    text = routes_text(
        http_service("edu.payment", "127.0.0.1:1"),
        http_service("edu.school", "http://127.0.0.1:1", timeout="1:30"),
    ).replace("env:MEDIA_KEY", "env:ABSENT")
    file = str(replace_file(tmp_path / "routes.yaml", text))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        # had it come to listening, it would have complained about the port instead
        line = await refusal("--routes", file, "--ops", f"127.0.0.1:{port}")
    places = re.findall(r"routes\.yaml:(\d+):(\d+): \[(\w+)\]", line["message"])
    assert [code for *_, code in places] == [
        "endpoint_without_scheme",
        "bad_duration",
        "secret_absent",
    ]
    assert "nothing was started" in line["message"]
    assert "gateway check" in line["message"]


# --- options and environment --------------------------------------------------------------------


async def test_the_environment_sets_what_no_option_does_and_the_option_wins(routes: Path) -> None:
    environ = {
        "GATEWAY_ROUTES": str(routes),
        "GATEWAY_LOG_FORMAT": "text",
        "GATEWAY_LISTEN": "nonsense",
        "GATEWAY_OPS": "nonsense",
        "GATEWAY_DRAIN_TIME": "1",
    }
    async with gateway_process(environ=environ) as running:
        await running.until(lambda: bool(running.err))
        running.signal(signal.SIGTERM)
        assert await running.ended() == 0
    first = running.err[0]
    assert "listening entry=127.0.0.1:" in first
    assert "kafka=None" in first
    with pytest.raises(json.JSONDecodeError):
        json.loads(first)


async def test_a_wrong_value_in_the_environment_is_named(routes: Path) -> None:
    environ = {"GATEWAY_ROUTES": str(routes), "GATEWAY_KAFKA": "nonsense"}
    assert "--kafka" in (await refusal(environ=environ))["message"]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"USERNAME": "made-up", "PASSWORD": "made-up-secret"}, "PLAINTEXT"),
        ({"SECURITY_PROTOCOL": "SSL", "CA": "/made-up.pem"}, "/made-up.pem"),
        ({"PASSWORD": "file:/made-up/password"}, "/made-up/password"),
    ],
)
async def test_wrong_security_of_kafka_is_refused_without_showing_secrets(
    routes: Path, settings: dict[str, str], named: str
) -> None:
    environ = {f"GATEWAY_KAFKA_{name}": value for name, value in settings.items()}
    arguments = ("--routes", str(routes), "--kafka", "127.0.0.1:9092")
    message = (await refusal(*arguments, environ=environ))["message"]
    assert named in message
    assert "made-up-secret" not in message


# --- every line is JSON -------------------------------------------------------------------------


def assert_all_json(running: GatewayProcess) -> None:
    for line in (*running.out, *running.err):
        assert isinstance(json.loads(line), dict), line


async def test_every_line_is_json_also_with_all_warnings_on_and_kafka_away(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("made-up-secret\n", "utf-8")
    async with Origin(reply(b"paid")) as origin:
        text = routes_text(http_service("edu.payment", origin.url))
        file = str(replace_file(tmp_path / "routes.yaml", text))
        environ = {
            "PYTHONWARNINGS": "always",
            "GATEWAY_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "GATEWAY_KAFKA_SASL_MECHANISM": "SCRAM-SHA-256",
            "GATEWAY_KAFKA_USERNAME": "made-up-user",
            "GATEWAY_KAFKA_PASSWORD": f"file:{password}",
        }
        arguments = ("--routes", file, "--kafka", "127.0.0.1:1", "--log-format", "json")
        async with gateway_process(*arguments, python=("-X", "dev"), environ=environ) as running:
            entry, ops = await running.addresses()
            async with Caller(entry) as caller:
                await caller.ask("GET", "/s/edu.payment", WITH_KEY)
                await caller.send(b"nonsense\r\n\r\n")
                await caller.closed()
            await running.message("Kafka cannot be reached")
            replace_file(tmp_path / "routes.yaml", text + "nonsense: 1\n")
            running.signal(signal.SIGHUP)
            await running.message("unknown_key")
            await until_scraped(
                ops, lambda s: s.total("gateway_routes_reloads_total", result="refused") >= 1
            )
            running.signal(signal.SIGTERM)
            assert await running.ended() == 0
    assert_all_json(running)
    assert [json.loads(line)["status"] for line in running.out] == [200, 400]
    assert "made-up-secret" not in "".join(running.err)
    assert APP_KEY not in "".join((*running.out, *running.err))
