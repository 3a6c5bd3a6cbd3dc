"""The demo as its user meets it, in processes of its own, from start to nothing left."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from gateway.demo.run import shipped_routes
from tests.demo.demo_process import ROOT, children, free_port, running_demo, until

if TYPE_CHECKING:
    from pathlib import Path
from contextlib import closing
from itertools import chain
from typing import Any


def test_it_ends_by_itself_with_a_summary_of_its_traffic(tmp_path: Path) -> None:
    with running_demo(tmp_path, "--traffic", "--seconds", "3") as demo:
        demo.until_ready()
        log = demo.log()
        until(lambda: "edu.payment from" in log.read_text("utf-8"), "no line of the traffic")
        assert demo.ended() == 0
        assert "edu.payment from" not in demo.output
        assert not log.parent.exists()
        summary = demo.output[demo.output.index("Summary: ") :].splitlines()
        assert int(summary[0].split()[1]) > 20
        assert any(line.split()[:2] == ["edu.payment", "none"] for line in summary[1:])
        demo.assert_nothing_is_left()


def test_the_printed_commands_work(tmp_path: Path) -> None:
    """Every service answers its printed request; Kafka's with a receipt and with a reply."""
    with running_demo(tmp_path, environ={"SUFUBAN_KEY": "from-the-environment"}) as demo:
        demo.until_ready()
        entry, key = demo.address("entry"), {"X-Api-Key": "from-the-environment"}
        paid = ask(entry, "/s/edu.payment/orders?pupil=DEMO-0001", key)
        assert paid["pupil"] == "DEMO-0001"
        pension = ask(entry, "/s/hrss.pension-query/accounts?subject=DEMO-0001", key)
        assert pension["account"]["months_paid"] == 214
        key["X-Subject"] = "DEMO-0001"
        receipt = ask(entry, "/s/hrss.card-replacement", key, b"{}")
        assert receipt["durability"] == "kafka"
        assert "from-the-environment" not in demo.output
        demo.interrupt()
        assert demo.ended() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything(tmp_path: Path, number: int) -> None:
    with running_demo(tmp_path, "--traffic") as demo:
        demo.until_ready()
        demo.interrupt(number)
        assert demo.ended() == 0
        assert "Summary: " in demo.output
        demo.assert_nothing_is_left()


def test_a_signal_ends_everything_while_it_starts(tmp_path: Path) -> None:
    with running_demo(tmp_path) as demo:
        until(lambda: bool(children(demo.process.pid)), "no child")
        demo.look()
        demo.interrupt(signal.SIGTERM)
        assert demo.ended() == 0
        demo.assert_nothing_is_left()


def test_it_ends_cleanly_after_broker_and_departments_were_killed(tmp_path: Path) -> None:
    with running_demo(tmp_path) as demo:
        demo.until_ready()
        for pid in demo.seen:
            os.kill(pid, signal.SIGKILL)
        demo.interrupt()
        assert demo.ended() == 0
        demo.assert_nothing_is_left()


def test_it_ends_cleanly_while_the_broker_hangs(tmp_path: Path) -> None:
    with running_demo(tmp_path) as demo:
        demo.until_ready()
        for pid in demo.seen:
            os.kill(pid, signal.SIGSTOP)
        demo.interrupt()
        assert demo.ended() == 0
        demo.assert_nothing_is_left()


def test_the_children_end_when_the_demo_is_killed(tmp_path: Path) -> None:
    with running_demo(tmp_path, "--traffic") as demo:
        demo.until_ready()
        demo.process.kill()
        demo.process.wait()
        demo.assert_nothing_is_left()


def test_a_department_port_in_use_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    with socket.socket() as taken:
        port = listen(taken)
        ports = chain([port], iter(free_port, None))
        with running_demo(tmp_path, port_of=lambda: next(ports)) as demo:
            assert demo.ended() == 1
            assert f"Port {port} is in use" in demo.output
            demo.assert_nothing_is_left()


def test_an_entry_port_in_use_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    with socket.socket() as taken:
        port = listen(taken)
        with running_demo(tmp_path, "--listen", f"127.0.0.1:{port}") as demo:
            demo.look()
            assert demo.ended() == 1
            assert str(port) in demo.output
            demo.assert_nothing_is_left()


def test_the_extra_that_the_broker_needs_is_named() -> None:
    without = "import sys; sys.modules['confluent_kafka'] = None"
    command = [sys.executable, "-c", f"{without}; from gateway.cli.demo import demo; demo()"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert ended.returncode == 1
    assert "pip install 'gateway[demo]'" in ended.stderr


def test_the_shipped_routes_are_beside_the_package() -> None:
    assert shipped_routes() == ROOT / "routes.yaml"


def listen(taken: socket.socket) -> int:
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    port: int = taken.getsockname()[1]
    return port


def ask(
    address: tuple[str, int], target: str, headers: dict[str, str], content: bytes | None = None
) -> dict[str, Any]:
    connection = http.client.HTTPConnection(*address, timeout=10)
    with closing(connection):
        connection.request("POST" if content else "GET", target, content, headers)
        found: dict[str, Any] = json.loads(connection.getresponse().read())
        return found
