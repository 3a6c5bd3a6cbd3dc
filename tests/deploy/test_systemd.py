"""The unit and its neighbours, as systemd's own tool sees them."""

from __future__ import annotations

import re
from configparser import ConfigParser
from dataclasses import fields
from typing import TYPE_CHECKING, Final

from gateway.cli.serve import serve
from gateway.settings import Settings
from tests.deploy.files import DEPLOY, read_yaml, run, tool

if TYPE_CHECKING:
    from pathlib import Path

UNIT: Final = DEPLOY / "gateway.service"
COMMAND: Final = "/opt/gateway/bin/gateway"
SETTINGS: Final = {str(parameter.envvar) for parameter in serve.params if parameter.envvar}
DATA: Final = "/var/lib/gateway"
MOST_EXPOSURE: Final = 15
"""Tenths of systemd's measure of exposure, which goes to 100."""


def analyze() -> str:
    return tool("systemd-analyze", "Debian's package systemd")


def option(name: str) -> str:
    """Return the value of an option that stands in the unit once."""
    (value,) = re.findall(rf"^{name}=(.*)$", UNIT.read_text(), flags=re.MULTILINE)
    return str(value)


def test_systemd_knows_every_line_of_the_unit(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace(f"ExecStart={COMMAND}", "ExecStart=/bin/true"))
    assert "Unknown" not in run(analyze(), "verify", copy)


def test_the_unit_is_hardened_to_systemd_s_own_measure() -> None:
    run(analyze(), "security", "--offline=true", f"--threshold={MOST_EXPOSURE}", UNIT)


def test_whoever_stops_the_gateway_waits_until_it_has_drained() -> None:
    gateway = read_yaml(DEPLOY / "compose.yaml")["services"]["gateway"]
    assert option("TimeoutStopSec") + "s" == gateway["stop_grace_period"]
    assert int(option("TimeoutStopSec")) > default("drain_time")


def test_there_are_file_descriptors_for_every_connection_and_as_many_to_departments() -> None:
    gateway = read_yaml(DEPLOY / "compose.yaml")["services"]["gateway"]
    assert int(option("LimitNOFILE")) == gateway["ulimits"]["nofile"]
    assert int(option("LimitNOFILE")) > 2 * default("max_connections")


def default(setting: str) -> float:
    (found,) = [field.default for field in fields(Settings) if field.name == setting]
    assert isinstance(found, int | float)
    return found


def test_the_unit_starts_the_command_that_the_image_starts() -> None:
    assert option("ExecStart") == f"{COMMAND} serve"
    assert f'ENTRYPOINT ["{COMMAND}"]' in (DEPLOY / "Dockerfile").read_text()


def test_the_data_folder_is_the_service_s_own_and_outlives_it() -> None:
    assert f"Environment=GATEWAY_DATA={DATA}" in UNIT.read_text().splitlines()
    assert f"/var/lib/{option('StateDirectory')}" == DATA
    assert option("StateDirectoryMode") == "0700"
    assert "RuntimeDirectory" not in UNIT.read_text()


def test_the_journal_s_configuration_is_the_one_of_the_unit_s_namespace() -> None:
    path = DEPLOY / f"journald@{option('LogNamespace')}.conf"
    journal = ConfigParser(strict=True)
    journal.read_string(path.read_text())
    assert journal["Journal"]["RateLimitIntervalSec"] == "0"
    assert {"systemmaxuse", "maxretentionsec"} <= set(journal["Journal"])


def test_the_example_of_the_settings_names_settings_and_no_secret() -> None:
    lines = (DEPLOY / "gateway.env.example").read_text().splitlines()
    names = [found[1] for line in lines if (found := re.match(r"#?(GATEWAY_\w+)=", line))]
    assert set(names) <= SETTINGS
    asked = ("LISTEN", "OPS", "KAFKA", "DATA", "CASES", "INSTANCE", "SPOOL_LIMIT", "CASES_KEPT")
    assert {f"GATEWAY_{name}" for name in asked} <= set(names)
    assert not any("://" in line for line in lines)
